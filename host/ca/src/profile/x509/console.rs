//! The profiles of the console's TLS servers, for browsers: a root for the names of one server, and the server.

use std::net::IpAddr;

use der::asn1::{Ia5String, OctetString};
use der::oid::db::rfc5280::ID_KP_SERVER_AUTH;
use minipki_core::cert::Id;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::name::Name;

use super::constraints::{IpNetwork, Permitted, octets};
use super::{ProfileError, authority_key_id, extension, subject_key_id};

/// The organizational unit in the subject of each TLS root.
const ROOT_UNIT: &str = "MiniPKI console";

/// A name of a TLS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsName {
    /// A DNS name. A root that permits it permits its subdomains too.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl TryFrom<&str> for TlsName {
    type Error = ProfileError;

    /// Reads an IP address, or a DNS name of letters, digits, `-` and `_` without a dot at its end (RFC 1123 §2.1).
    fn try_from(name: &str) -> Result<Self, ProfileError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(allowed)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        match name.parse() {
            Ok(address) => Ok(Self::Ip(address)),
            Err(_) if name.len() <= 253 && name.split('.').all(is_label) => Ok(Self::Dns(name.to_owned())),
            Err(_) => Err(ProfileError::Name(name.to_owned())),
        }
    }
}

impl TlsName {
    fn general_name(&self) -> der::Result<GeneralName> {
        Ok(match self {
            Self::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
            Self::Ip(address) => GeneralName::IpAddress(OctetString::new(octets(*address))?),
        })
    }
}

/// The subject of all TLS roots of the CA.
pub(super) fn root_name(issuer_id: Id<'_>) -> der::Result<Name> {
    // RFC 4514 §2.1: the text has the last RDN first. An Id has no character that needs an escape.
    format!("OU={ROOT_UNIT},CN={issuer_id}").parse()
}

pub(super) fn root_extensions(names: &[TlsName], issuer_key: &[u8]) -> der::Result<Extensions> {
    Ok(vec![
        extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, true)?,
        extension(&KeyUsage(KeyUsages::KeyCertSign.into()), true)?,
        extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]), false)?,
        subject_key_id(issuer_key)?,
        extension(&permitted(names).to_name_constraints()?, true)?,
    ])
}

pub(super) fn server_extensions(
    names: &[TlsName],
    subject_key: &[u8],
    issuer_key: &[u8],
) -> der::Result<Extensions> {
    let names = names.iter().map(TlsName::general_name).collect::<der::Result<_>>()?;
    Ok(vec![
        extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
        extension(&KeyUsage(KeyUsages::DigitalSignature.into()), true)?,
        extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]), false)?,
        subject_key_id(subject_key)?,
        authority_key_id(issuer_key)?,
        extension(&SubjectAltName(names), false)?,
    ])
}

/// `names`, and no other name of any kind.
fn permitted(names: &[TlsName]) -> Permitted {
    let mut permitted = Permitted { no_uri: true, ..Permitted::default() };
    for name in names {
        match name {
            TlsName::Dns(name) => permitted.dns.push(name.clone()),
            TlsName::Ip(address) => permitted.networks.push(IpNetwork::of_one(*address)),
        }
    }
    permitted
}
