//! X.509 certificates of the CA's own TLS servers, for browsers (RFC 5280).
//!
//! No signature of an X.509 certificate is valid for a JSON certificate: the signed bytes begin with `0x30` here and
//! with `{` there, and the signature algorithms differ.

use std::net::IpAddr;

use der::asn1::{BitString, Ia5String, OctetString};
use der::oid::AssociatedOid;
use der::oid::db::rfc5280::ID_KP_SERVER_AUTH;
use der::oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
use der::{AnyRef, Decode, Encode, Sequence};
use minipki_core::cert::{Anchor, Id};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, NameConstraints,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use super::{CaIdentity, CertTemplate, Profile, ProfileError, first_difference, spki};
use crate::Signature;
use crate::ports::{CertificateFormat, CertificateRecord, SignatureAlgorithm};

/// A name that does not exist (RFC 2606 §2). It is the only permitted name of a kind without real names.
const INVALID_NAME: &str = "minipki.invalid";

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

/// An X.509 profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum X509Profile {
    /// A self-signed certificate of the CA's own key. It is limited to certificates of TLS servers with these names, so
    /// a browser that trusts it trusts the CA for these names only.
    TlsRoot(Vec<TlsName>),
    /// A certificate of a TLS server with these names, under a [`X509Profile::TlsRoot`].
    TlsServer(Vec<TlsName>),
}

/// TBSCertificate (RFC 5280 §4.1), with the fields that these profiles have.
#[derive(Sequence)]
struct Tbs {
    #[asn1(context_specific = "0")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    subject_public_key_info: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3")]
    extensions: Extensions,
}

/// Certificate (RFC 5280 §4.1), around an encoded TBSCertificate.
#[derive(Sequence)]
struct Signed<'a> {
    tbs: AnyRef<'a>,
    signature_algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

impl Profile for X509Profile {
    const FORMAT: CertificateFormat = CertificateFormat::X509;
    const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1;

    fn encode_tbs(
        ca: &CaIdentity<'_>,
        template: &CertTemplate<'_, Self>,
        serial: Serial,
    ) -> Result<Vec<u8>, ProfileError> {
        let issuer_key = spki(ca.issuer_key)?;
        let issuer = root_name(ca.issuer_id)?;
        let validity = template.validity;
        let tbs = Tbs {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial.to_be_bytes())?,
            signature: signature_algorithm(),
            subject: match template.profile {
                Self::TlsRoot(_) => issuer.clone(),
                Self::TlsServer(_) => common_name(template.subject_id)?,
            },
            issuer,
            validity: Validity::new(time(validity.not_before())?, time(validity.not_after())?),
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(template.subject_key)?,
            extensions: match template.profile {
                Self::TlsRoot(names) => root_extensions(names, &issuer_key)?,
                Self::TlsServer(names) => server_extensions(names, template.subject_key, &issuer_key)?,
            },
        };
        Ok(tbs.to_der()?)
    }

    fn attach_signature(tbs: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError> {
        let signed = Signed {
            tbs: AnyRef::from_der(tbs)?,
            signature_algorithm: signature_algorithm(),
            signature: BitString::from_bytes(signature.as_bytes())?,
        };
        Ok(signed.to_der()?)
    }
}

fn signature_algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA_256_WITH_RSA_ENCRYPTION, parameters: Some(AnyRef::NULL.into()) }
}

/// The subject of all TLS roots of the CA.
fn root_name(issuer_id: Id<'_>) -> der::Result<Name> {
    // RFC 4514 §2.1: the text has the last RDN first. An Id has no character that needs an escape.
    format!("OU={ROOT_UNIT},CN={issuer_id}").parse()
}

fn common_name(subject_id: Id<'_>) -> der::Result<Name> {
    format!("CN={subject_id}").parse()
}

/// UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5).
fn time(unix_time: UnixTime) -> der::Result<Time> {
    let since_1970 = std::time::Duration::from_secs(unix_time.get());
    Ok(match der::asn1::UtcTime::from_unix_duration(since_1970) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(der::asn1::GeneralizedTime::from_unix_duration(since_1970)?),
    })
}

fn root_extensions(names: &[TlsName], issuer_key: &[u8]) -> der::Result<Extensions> {
    Ok(vec![
        extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, true)?,
        extension(&KeyUsage(KeyUsages::KeyCertSign.into()), true)?,
        extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]), false)?,
        extension(&SubjectKeyIdentifier(OctetString::new(key_identifier(issuer_key)?)?), false)?,
        extension(&name_constraints(names)?, true)?,
    ])
}

fn server_extensions(names: &[TlsName], subject_key: &[u8], issuer_key: &[u8]) -> der::Result<Extensions> {
    let names = names.iter().map(TlsName::general_name).collect::<der::Result<_>>()?;
    let authority = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(key_identifier(issuer_key)?)?),
        ..AuthorityKeyIdentifier::default()
    };
    Ok(vec![
        extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
        extension(&KeyUsage(KeyUsages::DigitalSignature.into()), true)?,
        extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]), false)?,
        extension(&SubjectKeyIdentifier(OctetString::new(key_identifier(subject_key)?)?), false)?,
        extension(&authority, false)?,
        extension(&SubjectAltName(names), false)?,
    ])
}

fn extension<T: AssociatedOid + Encode>(value: &T, critical: bool) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// The first 160 bits of SHA-256 over the key's BIT STRING (RFC 7093 §2, method 1).
fn key_identifier(spki: &[u8]) -> der::Result<Vec<u8>> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki)?;
    let digest = Portable::new().sha256(&[spki.subject_public_key.raw_bytes()]);
    Ok(digest[..20].to_vec())
}

/// Permits `names`, and no other DNS name, IP address, e-mail address or URI. A kind without an entry would be
/// unconstrained (RFC 5280 §4.2.1.10). So each kind permits a name that does not exist, and IP addresses of a version
/// that is not in `names` are excluded.
fn name_constraints(names: &[TlsName]) -> der::Result<NameConstraints> {
    let invalid = Ia5String::new(INVALID_NAME)?;
    let mut permitted = vec![
        subtree(GeneralName::Rfc822Name(invalid.clone())),
        subtree(GeneralName::UniformResourceIdentifier(invalid.clone())),
        subtree(GeneralName::DnsName(invalid)),
    ];
    for name in names {
        permitted.push(subtree(match name {
            TlsName::Dns(_) => name.general_name()?,
            TlsName::Ip(address) => network(&octets(*address), 0xff)?,
        }));
    }
    // An address and a mask of zeros match all addresses of that version.
    let has = |v4| names.iter().any(|name| matches!(name, TlsName::Ip(address) if address.is_ipv4() == v4));
    let mut excluded = Vec::new();
    for (v4, length) in [(true, 4), (false, 16)] {
        if !has(v4) {
            excluded.push(subtree(network(&vec![0; length], 0)?));
        }
    }
    let excluded_subtrees = (!excluded.is_empty()).then_some(excluded);
    Ok(NameConstraints { permitted_subtrees: Some(permitted), excluded_subtrees })
}

const fn subtree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

/// The network of `address` with a mask of these octets.
fn network(address: &[u8], mask: u8) -> der::Result<GeneralName> {
    Ok(GeneralName::IpAddress(OctetString::new([address, &vec![mask; address.len()]].concat())?))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub(super) fn check_record(anchor: &Anchor, record: &CertificateRecord) -> Result<(), &'static str> {
    const DER: &str = "certificate";
    let (Some(issuer_id), Some(issuer_key)) = (anchor.issuer_id(), anchor.key()) else {
        return Err("issuer");
    };
    let signed = Signed::from_der(&record.certificate).map_err(|_| DER)?;
    let bytes = signed.tbs.to_der().map_err(|_| DER)?;
    let tbs = Tbs::from_der(&bytes).map_err(|_| DER)?;
    let key = tbs.subject_public_key_info.to_der().map_err(|_| DER)?;
    let root = root_name(issuer_id).map_err(|_| DER)?;
    let expected_subject = match record.subject_id.as_id() {
        id if id == issuer_id && tbs.subject == root => root.clone(),
        id => common_name(id).map_err(|_| DER)?,
    };
    let seconds = |time: Time| time.to_unix_duration().as_secs();
    first_difference(&[
        (tbs.issuer == root, "issuer"),
        (Serial::from_be_bytes(tbs.serial_number.as_bytes()) == Ok(record.serial), "serial number"),
        (tbs.subject == expected_subject, "subject"),
        (key == record.subject_key, "public key"),
        (
            seconds(tbs.validity.not_before) == record.validity.not_before().get()
                && seconds(tbs.validity.not_after) == record.validity.not_after().get(),
            "validity",
        ),
        (
            tbs.signature == signature_algorithm() && signed.signature_algorithm == signature_algorithm(),
            "signature algorithm",
        ),
    ])?;
    let digest = Portable::new().sha256(&[&bytes]);
    // A BIT STRING with unused bits has no octets.
    let verified = signed.signature.as_bytes().map(|signature| issuer_key.verify_pkcs1(&digest, signature));
    if verified == Some(Ok(())) { Ok(()) } else { Err("signature") }
}
