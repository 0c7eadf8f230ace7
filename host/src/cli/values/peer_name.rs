//! Names that a certificate must have: a host, an IP address, an e-mail address or a URI.

use std::fmt;
use std::net::IpAddr;

use minipki_core::x509::PeerName;

/// A name that the user expects in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ExpectedName {
    Dns(String),
    Ip(IpAddr),
    Email(String),
    Uri(String),
}

impl ExpectedName {
    /// The name for the core.
    pub(in crate::cli) fn peer_name(&self) -> PeerName<'_> {
        match self {
            Self::Dns(host) => PeerName::Dns(host),
            Self::Ip(address) => PeerName::Ip(*address),
            Self::Email(address) => PeerName::Email(address),
            Self::Uri(uri) => PeerName::Uri(uri),
        }
    }
}

impl fmt::Display for ExpectedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(host) => write!(f, "dns:{host}"),
            Self::Ip(address) => write!(f, "ip:{address}"),
            Self::Email(address) => write!(f, "email:{address}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
        }
    }
}

/// Parses a name with its kind (`dns:`, `ip:`, `email:`, `uri:`), or a host, an IP address or an e-mail address alone.
pub(in crate::cli) fn peer_name(text: &str) -> Result<ExpectedName, String> {
    let text = text.trim();
    match text.split_once(':') {
        Some(("dns" | "DNS", host)) => dns(host),
        Some(("ip" | "IP", address)) => match ip(address) {
            Some(address) => Ok(ExpectedName::Ip(address)),
            None => Err("expected an IP address after ip:, for example ip:192.0.2.1".to_owned()),
        },
        Some(("email", address)) => email(address),
        Some(("uri" | "URI", uri)) => self::uri(uri),
        Some((scheme, rest)) if rest.starts_with("//") => {
            Err(format!("expected the host alone, or uri:{scheme}:{rest} for a certificate with that URI"))
        }
        _ => match ip(text) {
            Some(address) => Ok(ExpectedName::Ip(address)),
            None if text.contains('@') => email(text),
            None => dns(text),
        },
    }
}

/// Parses the name of a host, for [`ExpectedName::Dns`].
pub(in crate::cli) fn dns(host: &str) -> Result<ExpectedName, String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !host.is_ascii() {
        return Err("a name with other letters than a to z is written in its ASCII form: xn--...".to_owned());
    }
    if name.contains('_') {
        return Err("the name of a host has no underscore (RFC 1123)".to_owned());
    }
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err("expected the name of a host, for example www.example.com".to_owned());
    }
    Ok(ExpectedName::Dns(host.to_owned()))
}

/// Parses an e-mail address, for [`ExpectedName::Email`].
pub(in crate::cli) fn email(address: &str) -> Result<ExpectedName, String> {
    match address.split_once('@') {
        Some((local, host)) if !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic()) => {
            dns(host).map(|_| ExpectedName::Email(address.to_owned()))
        }
        _ => Err("expected an e-mail address, for example alice@example.com".to_owned()),
    }
}

/// Parses a URI, for [`ExpectedName::Uri`].
pub(in crate::cli) fn uri(uri: &str) -> Result<ExpectedName, String> {
    match uri.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && !rest.is_empty()
                && uri.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(ExpectedName::Uri(uri.to_owned()))
        }
        _ => Err("expected a URI, for example uri:spiffe://example.com/service".to_owned()),
    }
}

/// Parses an IP address. An IPv6 address may be in brackets.
pub(in crate::cli) fn ip(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()
}
