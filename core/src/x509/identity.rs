//! The forms of DNS names, e-mail addresses and URIs, and the match of an expected name
//! ([RFC 9525](https://www.rfc-editor.org/rfc/rfc9525), RFC 5280 §4.2.1.6 and §7).

use core::net::IpAddr;

use super::GeneralName;

/// A name that the caller expects in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerName<'a> {
    /// The name of a host, in ASCII (A-labels). A dot at its end is ignored.
    Dns(&'a str),
    /// An IP address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(&'a str),
    /// A URI, which is compared byte by byte.
    Uri(&'a str),
}

impl PeerName<'_> {
    /// Returns whether `presented`, a name of a certificate, stands for this name.
    ///
    /// A dNSName may have a wildcard, which is its whole leftmost label and stands for one label (RFC 9525 §6.3).
    pub fn is_presented_by(&self, presented: &GeneralName<'_>) -> bool {
        match (self, presented) {
            (Self::Dns(expected), GeneralName::Dns(presented)) => {
                let expected = expected.strip_suffix('.').unwrap_or(expected);
                is_host(expected)
                    && is_dns_name(presented)
                    && match presented.strip_prefix("*.") {
                        Some(parent) => expected
                            .split_once('.')
                            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
                        None => expected.eq_ignore_ascii_case(presented),
                    }
            }
            (Self::Ip(IpAddr::V4(expected)), GeneralName::Ip(presented)) => expected.octets() == *presented,
            (Self::Ip(IpAddr::V6(expected)), GeneralName::Ip(presented)) => expected.octets() == *presented,
            (Self::Email(expected), GeneralName::Email(presented)) => is_same_email(expected, presented),
            (Self::Uri(expected), GeneralName::Uri(presented)) => expected == presented,
            _ => false,
        }
    }
}

/// The text before the first `separator` and the text after it.
///
/// The functions of `str` that search a pattern have checks that the compiler cannot remove.
pub(super) fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// The text before the last `separator` and the text after it.
fn rsplit_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// Returns whether `name` is a host in the preferred syntax (RFC 1034 §3.5, RFC 1123 §2.1), with letters in the last label.
pub(super) fn is_host(name: &str) -> bool {
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    if name.len() > 253 {
        return false;
    }
    let mut labels = name.as_bytes().split(|byte| *byte == b'.');
    let (_, last) = rsplit_once(name, b'.').unwrap_or(("", name));
    labels.all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether `name` is a host, or one with a wildcard for its leftmost label.
pub(super) fn is_dns_name(name: &str) -> bool {
    is_host(name.strip_prefix("*.").unwrap_or(name))
}

/// The local part and the host of an e-mail address.
pub(super) fn split_email(address: &str) -> Option<(&str, &str)> {
    split_once(address, b'@').filter(|(local, host)| {
        !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic()) && is_host(host)
    })
}

/// Compares the local parts exactly and the hosts without case (RFC 5280 §7.5).
pub(super) fn is_same_email(a: &str, b: &str) -> bool {
    match (split_email(a), split_email(b)) {
        (Some(a), Some(b)) => a.0 == b.0 && a.1.eq_ignore_ascii_case(b.1),
        _ => false,
    }
}

/// Returns whether `uri` is absolute: a scheme and something after it (RFC 3986 §4.3).
pub(super) fn is_uri(uri: &str) -> bool {
    split_once(uri, b':').is_some_and(|(scheme, rest)| {
        scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The host of a URI with an authority (RFC 3986 §3.2), if the host is a name.
pub(super) fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = split_once(uri, b':').filter(|_| is_uri(uri))?;
    let rest = rest.strip_prefix("//")?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let (_, host_and_port) = rsplit_once(authority, b'@').unwrap_or(("", authority));
    let host = match rsplit_once(host_and_port, b':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host_and_port,
    };
    is_host(host).then_some(host)
}

/// Returns whether `name` is `domain` or within it: equal labels at its end, without case.
pub(super) fn is_within_domain(name: &str, domain: &str) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else { return false };
    let (rest, end) = name.split_at_checked(start).unwrap_or_default();
    end.eq_ignore_ascii_case(domain) && (rest.is_empty() || domain.is_empty() || rest.ends_with('.'))
}
