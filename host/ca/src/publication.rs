//! The publication of a CA: the public addresses of its repository, and the division of its lists into shards.
//!
//! The paths here are those that certificates name and that the repository serves.

use std::fmt;
use std::str::FromStr;

use miette::Diagnostic;
use minipki_core::trust::Serial;

use super::KeyId;

/// The longest public URL, in bytes.
const URL: usize = 200;

/// The public address of the repository, for example `http://pki.example.org` or `http://192.0.2.1:8080/ca`.
///
/// It is a plain HTTP URL: a reader that needs a list to verify a TLS server cannot get it by TLS (RFC 5280 §8). It has
/// at most 200 ASCII characters, no user, query or fragment, and no `/` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// The reason why a text is no public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// The scheme is `https`.
    #[error(
        "an https URL does not work: a reader would need a list to get the list (RFC 5280 §8). Lists are signed, so give an \
         http URL"
    )]
    Https,
    /// Another error.
    #[error(
        "expected http://HOST, http://HOST:PORT or http://HOST/PATH, without a query and with at most {URL} characters"
    )]
    Form,
}

impl PublicUrl {
    /// The text, without `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a document of the repository. `path` begins with `/`.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let is_scheme =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if is_scheme("https://") {
            return Err(PublicUrlError::Https);
        }
        if !is_scheme("http://") || text.len() > URL {
            return Err(PublicUrlError::Form);
        }
        let rest = text["http://".len()..].trim_end_matches('/');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // RFC 3986 §2: the other characters are reserved or need an escape.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        if !is_authority(authority, plain)
            || !path.chars().all(|c| plain(c) || c == '/')
            || path.contains("//")
        {
            return Err(PublicUrlError::Form);
        }
        // Two spellings of a host are one address (RFC 3986 §6.2.2.1), and readers compare addresses as texts.
        Ok(Self(format!("http://{}{path}", authority.to_ascii_lowercase())))
    }
}

/// Whether a text is `HOST` or `HOST:PORT`. An IPv6 address is in brackets.
fn is_authority(text: &str, plain: impl Fn(char) -> bool) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(plain),
    };
    is_host
        && port.is_none_or(|port| {
            port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
}

/// The number of the X.509 lists by each key of a CA, from 1 to 1000. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(u32);

impl Shards {
    /// The largest number.
    pub const MOST: u32 = 1000;

    /// This number of lists; `None` if it is not from 1 to [`Shards::MOST`].
    pub fn new(count: u32) -> Option<Self> {
        (1..=Self::MOST).contains(&count).then_some(Self(count))
    }

    /// The number.
    pub const fn count(self) -> u32 {
        self.0
    }

    /// The list that a certificate is in: its serial number modulo the number of lists.
    pub fn of(self, serial: Serial) -> u32 {
        let digits = serial.to_be_bytes();
        let shard = digits.iter().fold(0, |rest, octet| (rest * 256 + u64::from(*octet)) % u64::from(self.0));
        u32::try_from(shard).unwrap_or(0)
    }

    /// Whether there are several lists.
    pub const fn are_several(self) -> bool {
        self.0 > 1
    }
}

impl Default for Shards {
    /// One list.
    fn default() -> Self {
        Self(1)
    }
}

/// The publication of a CA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// The number of lists.
    pub shards: Shards,
    /// The address that new certificates name; without one they name none.
    pub url: Option<PublicUrl>,
    /// The other addresses that certificates may name.
    pub former: Vec<PublicUrl>,
}

/// Several lists need a public URL: each names its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error(
    "a CA with several lists of revoked certificates needs a public URL: each list and each certificate names it"
)]
#[diagnostic(help("give a public URL: http://HOST"))]
pub struct NeedsUrl;

impl Publication {
    /// The publication of a new CA.
    ///
    /// # Errors
    /// [`NeedsUrl`] for several lists without a URL.
    pub fn new(shards: Shards, url: Option<PublicUrl>) -> Result<Self, NeedsUrl> {
        match url {
            None if shards.are_several() => Err(NeedsUrl),
            url => Ok(Self { shards, url, former: Vec::new() }),
        }
    }

    /// The addresses at which certificates look for this list. Only several lists must say which of them they are.
    pub fn list_urls(&self, key: KeyId, shard: u32) -> Vec<String> {
        let all = self.url.iter().chain(&self.former).filter(|_| self.shards.are_several());
        all.map(|url| url.to(&crl_path(key, shard))).collect()
    }
}

/// The path of the X.509 list of a key.
pub fn crl_path(key: KeyId, shard: u32) -> String {
    format!("/crl/{key}/{shard}.crl")
}

/// The path of the X.509 certificate of a key.
pub fn certificate_path(key: KeyId) -> String {
    format!("/ca/{key}.crt")
}

/// The path of the OCSP responder.
pub const OCSP_PATH: &str = "/ocsp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_plain_http_with_one_spelling() {
        for (text, expected) in [
            ("http://pki.example.org", "http://pki.example.org"),
            ("HTTP://PKI.example.org/", "http://pki.example.org"),
            ("http://192.0.2.1:8080/Ca/x//", "http://192.0.2.1:8080/Ca/x"),
            ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
            ("http://[2001:db8::1]:80/a", "http://[2001:db8::1]:80/a"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().as_ref().map(PublicUrl::as_str), Ok(expected), "{text}");
        }
        assert_eq!("https://pki.example.org".parse::<PublicUrl>(), Err(PublicUrlError::Https));
        for text in [
            "",
            "pki.example.org",
            "ftp://a",
            "http://",
            "http:///a",
            "http://a?b",
            "http://a#b",
            "http://a@b",
            "http://a/b c",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://[::1",
            "http://[a]",
            "http://a//b",
            "http://a/%20",
            "http://\u{e4}.example",
            &format!("http://{}", "a".repeat(200)),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(PublicUrlError::Form), "{text}");
        }
    }

    #[test]
    fn each_serial_number_is_in_one_shard() {
        let three = Shards::new(3).expect("a number");
        for (serial, shard) in [(1_u64, 1), (3, 0), (5, 2), (1 << 53, 2)] {
            assert_eq!(three.of(Serial::new(serial).expect("a number")), shard, "{serial}");
        }
        // 2^159 - 1: 2^159 is 2 modulo 3.
        let mut most = [0xff; 20];
        most[0] = 0x7f;
        assert_eq!(three.of(Serial::from_be_bytes(&most).expect("a number")), 1);
        assert_eq!([0, 1001].map(Shards::new), [None, None]);
    }
}
