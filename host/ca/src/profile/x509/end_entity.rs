//! The profile of certificates for TLS servers and clients, and the names in them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use der::Decode;
use der::asn1::{Ia5String, OctetString};
use der::oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use der::oid::db::rfc5912::RSA_ENCRYPTION;
use minipki_core::encoding::der::Oid;
use minipki_core::trust::Serial;
use minipki_core::x509::{Check, GeneralName as Presented, PeerName, Profile, oid};
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::authority::CaCertificate;
use super::constraints::{IpNetwork, octets};
use super::{ProfileError, extension, key_id_of, points, subject_key_id};
use crate::publication::Publication;

/// A name in a subjectAltName (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SubjectName {
    /// A DNS name. Its first label may be `*` (RFC 9525 §6.3).
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
}

impl SubjectName {
    /// The name of a server: an IP address, or a DNS name without a wildcard.
    ///
    /// # Errors
    /// [`ProfileError::Name`].
    pub fn host(text: &str) -> Result<Self, ProfileError> {
        let name = text.parse().map_or_else(|_| Self::Dns(text.to_owned()), Self::Ip);
        let is_host = name.is_well_formed() && !text.starts_with('*');
        if is_host { Ok(name) } else { Err(ProfileError::Name(text.to_owned())) }
    }

    /// The name of a request.
    ///
    /// # Errors
    /// [`ProfileError::OtherName`] for a name of another kind; [`ProfileError::MalformedName`].
    pub(crate) fn new(name: &GeneralName) -> Result<Self, ProfileError> {
        let name = match name {
            GeneralName::DnsName(name) => Self::Dns(name.to_string()),
            GeneralName::Rfc822Name(address) => Self::Email(address.to_string()),
            GeneralName::UniformResourceIdentifier(uri) => Self::Uri(uri.to_string()),
            GeneralName::IpAddress(address) => {
                let octets = address.as_bytes();
                let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
                let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
                Self::Ip(address.map_err(|_| ProfileError::MalformedName("IP address".to_owned()))?)
            }
            _ => return Err(ProfileError::OtherName),
        };
        if name.is_well_formed() { Ok(name) } else { Err(ProfileError::MalformedName(name.to_string())) }
    }

    /// Whether a reader can compare the name. The core has the rules.
    fn is_well_formed(&self) -> bool {
        match self {
            Self::Dns(name) => {
                let host = name.strip_prefix("*.").unwrap_or(name);
                PeerName::Dns(host).is_presented_by(&Presented::Dns(host))
            }
            Self::Email(address) => PeerName::Email(address).is_presented_by(&Presented::Email(address)),
            Self::Uri(uri) => uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic()),
            Self::Ip(_) => true,
        }
    }

    /// The name that a reader expects, in front of a server or client with this name.
    fn expected(&self, host: &str) -> String {
        match self {
            // A wildcard stands for one label.
            Self::Dns(name) => name.replacen('*', host, 1),
            Self::Email(text) | Self::Uri(text) => text.clone(),
            Self::Ip(address) => address.to_string(),
        }
    }

    fn general_name(&self) -> der::Result<GeneralName> {
        Ok(match self {
            Self::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
            Self::Email(address) => GeneralName::Rfc822Name(Ia5String::new(address)?),
            Self::Uri(uri) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?),
            Self::Ip(address) => GeneralName::IpAddress(OctetString::new(octets(*address))?),
        })
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            // A request can have any bytes.
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => text.escape_default().fmt(f),
        }
    }
}

/// The names that an operator allows in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedName {
    /// This name alone.
    Name(SubjectName),
    /// All hosts below this domain, without wildcards.
    Below(String),
    /// All IP addresses of this network.
    Network(IpNetwork),
}

impl AllowedName {
    /// Whether `name` is allowed.
    pub fn allows(&self, name: &SubjectName) -> bool {
        match (self, name) {
            (Self::Name(SubjectName::Dns(allowed)), SubjectName::Dns(name)) => {
                allowed.eq_ignore_ascii_case(name)
            }
            (Self::Name(allowed), name) => allowed == name,
            (Self::Below(domain), SubjectName::Dns(name)) => {
                let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
                let host = name.strip_suffix(&domain).and_then(|rest| rest.strip_suffix('.'));
                host.is_some_and(|host| !host.is_empty() && !host.contains('*'))
            }
            (Self::Network(network), SubjectName::Ip(address)) => network.contains(*address),
            _ => false,
        }
    }
}

/// A text is no name that can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither a DNS name, nor a domain such as .example.org, nor an IP address or network, an e-mail address or a URI"
)]
pub struct AllowedNameError;

impl FromStr for AllowedName {
    type Err = AllowedNameError;

    /// Reads an IP address or network, `.DOMAIN` for all hosts below it, an e-mail address, a URI or a DNS name.
    fn from_str(text: &str) -> Result<Self, AllowedNameError> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let (name, is_domain) = match text.strip_prefix('.') {
            Some(domain) => (SubjectName::Dns(domain.to_owned()), true),
            None if text.contains(':') => (SubjectName::Uri(text.to_owned()), false),
            None if text.contains('@') => (SubjectName::Email(text.to_owned()), false),
            None => (SubjectName::Dns(text.to_owned()), false),
        };
        match name {
            name if !name.is_well_formed() => Err(AllowedNameError),
            SubjectName::Dns(domain) if is_domain && domain.starts_with('*') => Err(AllowedNameError),
            SubjectName::Dns(domain) if is_domain => Ok(Self::Below(domain)),
            name => Ok(Self::Name(name)),
        }
    }
}

/// The purpose of a certificate for TLS (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsUsage {
    /// A server.
    Server,
    /// A client.
    Client,
    /// A server that is a client of others too.
    Peer,
}

impl TlsUsage {
    /// The name of the profile.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "tls-server",
            Self::Client => "tls-client",
            Self::Peer => "tls-peer",
        }
    }

    /// Whether others connect to the holder, by a DNS name or an IP address.
    pub const fn is_server(self) -> bool {
        matches!(self, Self::Server | Self::Peer)
    }

    pub(super) const fn purposes(self) -> &'static [Oid<'static>] {
        match self {
            Self::Server => &[oid::SERVER_AUTH],
            Self::Client => &[oid::CLIENT_AUTH],
            Self::Peer => &[oid::SERVER_AUTH, oid::CLIENT_AUTH],
        }
    }

    /// The rules of the Web PKI for a server, but a private CA may certify any kind of key, and name the subject as it
    /// wants.
    pub(super) const fn checks(self) -> Profile {
        match self {
            Self::Client => Profile::RFC5280,
            Self::Server | Self::Peer => Profile::WEB_PKI.without(Check::KeyKind).without(Check::CommonName),
        }
    }
}

/// The fields of a certificate for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndEntityProfile {
    /// The certificate of the CA.
    pub(crate) issuer: CaCertificate,
    /// The purpose.
    pub(crate) usage: TlsUsage,
    /// The names.
    pub(crate) names: Vec<SubjectName>,
    /// The addresses of the list, the issuer's certificate and the status.
    pub(crate) publication: Publication,
}

impl EndEntityProfile {
    pub(super) fn extensions(&self, subject_key: &[u8], serial: Serial) -> der::Result<Extensions> {
        let purposes = match self.usage {
            TlsUsage::Server => vec![ID_KP_SERVER_AUTH],
            TlsUsage::Client => vec![ID_KP_CLIENT_AUTH],
            TlsUsage::Peer => vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH],
        };
        let mut extensions = vec![
            extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
            extension(&self.key_usage(subject_key)?, true)?,
            extension(&ExtendedKeyUsage(purposes), false)?,
            subject_key_id(&key_id_of(subject_key)?)?,
            self.issuer.authority_key_id()?,
        ];
        if !self.names.is_empty() {
            let names = self.names.iter().map(SubjectName::general_name).collect::<der::Result<_>>()?;
            extensions.push(extension(&SubjectAltName(names), false)?);
        }
        extensions.extend(points::of_certificate(&self.publication, self.issuer.key_id(), serial)?);
        Ok(extensions)
    }

    /// The uses of the key. NSS refuses the RSA key of a server that may not encipher keys, also in handshakes that do not
    /// encipher any.
    fn key_usage(&self, subject_key: &[u8]) -> der::Result<KeyUsage> {
        let key = SubjectPublicKeyInfoRef::from_der(subject_key)?;
        let enciphers = self.usage.is_server() && key.algorithm.oid == RSA_ENCRYPTION;
        let signs = KeyUsages::DigitalSignature;
        Ok(KeyUsage(if enciphers { signs | KeyUsages::KeyEncipherment } else { signs.into() }))
    }

    /// Calls `check` with the names that readers expect.
    pub(super) fn with_expected(
        &self,
        check: impl FnOnce(&[PeerName<'_>]) -> Result<(), ProfileError>,
    ) -> Result<(), ProfileError> {
        let texts: Vec<_> = self.names.iter().map(|name| name.expected("host")).collect();
        let names = self.names.iter().zip(&texts).map(|(name, text)| match name {
            SubjectName::Dns(_) => PeerName::Dns(text),
            SubjectName::Ip(address) => PeerName::Ip(*address),
            SubjectName::Email(_) => PeerName::Email(text),
            SubjectName::Uri(_) => PeerName::Uri(text),
        });
        check(&names.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowed_name_allows_no_other() {
        let dns = |name: &str| SubjectName::Dns(name.to_owned());
        let email = |name: &str| SubjectName::Email(name.to_owned());
        let uri = |name: &str| SubjectName::Uri(name.to_owned());
        let ip = |name: &str| SubjectName::Ip(name.parse().expect("an address"));
        let names = [
            dns("www.example.org"),
            dns("WWW.example.org"),
            dns("*.example.org"),
            dns("a.b.example.org"),
            dns("example.org"),
            dns("badexample.org"),
            ip("192.0.2.7"),
            ip("2001:db8::1"),
            email("a@example.org"),
            uri("urn:a:b"),
        ];
        for (allowed, expected) in [
            ("www.example.org", &[0, 1][..]),
            ("*.example.org", &[2]),
            (".example.org", &[0, 1, 3]),
            (".EXAMPLE.org", &[0, 1, 3]),
            ("192.0.2.7", &[6]),
            ("192.0.2.0/24", &[6]),
            ("0.0.0.0/0", &[6]),
            ("::/0", &[7]),
            ("a@example.org", &[8]),
            ("urn:a:b", &[9]),
        ] {
            let parsed: AllowedName = allowed.parse().expect(allowed);
            let found: Vec<_> = (0..names.len()).filter(|at| parsed.allows(&names[*at])).collect();
            assert_eq!(found, expected, "{allowed}");
        }
        for text in
            ["", ".", "a..b", "a b", "*", "w*.example.org", "example.org.", "@example.org", ".*.org", "a@b@c"]
        {
            assert_eq!(text.parse::<AllowedName>(), Err(AllowedNameError), "{text}");
        }
    }
}
