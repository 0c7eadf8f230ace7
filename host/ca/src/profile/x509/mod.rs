//! X.509 certificates (RFC 5280): those of the CA itself, and those of TLS servers and clients.
//!
//! No signature of an X.509 certificate is valid for a JSON certificate: the signed bytes begin with `0x30` here and
//! with `{` there, and the signature algorithms differ.
//!
//! `x509-cert` has the types of the fields. Its `CertificateBuilder` is not used: it signs one certificate at a time with a
//! key in memory, and names keys by SHA-1.

mod authority;
mod constraints;
mod crl;
mod end_entity;
mod lint;

pub(crate) use authority::AuthorityProfile;
pub use authority::{CaCertificate, CaCertificateOptions};
pub use constraints::{IpNetwork, IpNetworkError, Permitted};
pub(crate) use crl::ListFields;
pub(crate) use end_entity::EndEntityProfile;
pub use end_entity::{AllowedName, AllowedNameError, SubjectName, TlsUsage};

use der::asn1::{BitString, OctetString};
use der::oid::AssociatedOid;
use der::oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION;
use der::{AnyRef, Decode, Encode, Sequence};
use minipki_core::cert::{Anchor, Id};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use minipki_core::x509::Profile as Checks;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use self::authority::{former_console_root, is_name_of};
use self::lint::{Expected, Issuer};
use super::{CaIdentity, CertTemplate, Profile, ProfileError, first_difference, spki};
use crate::Signature;
use crate::ports::{CertificateFormat, CertificateRecord, SignatureAlgorithm};

/// An X.509 profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum X509Profile {
    /// A CA certificate: the self-signed one of a key of the CA, or a cross certificate.
    Authority(AuthorityProfile),
    /// A certificate of a TLS server or client.
    EndEntity(EndEntityProfile),
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

impl X509Profile {
    fn issuer(&self) -> &Name {
        match self {
            Self::Authority(profile) => profile.name(),
            Self::EndEntity(profile) => profile.issuer.subject(),
        }
    }

    /// Checks an encoded TBSCertificate as its readers will.
    fn lint(&self, tbs: &[u8]) -> Result<(), ProfileError> {
        match self {
            Self::Authority(profile) => {
                let issuer =
                    profile.issuer.as_ref().map_or(Issuer::Itself, |by| Issuer::Certificate(by.der()));
                Expected { issuer, profile: Checks::RFC5280, purposes: &[], names: &[] }.check(tbs)
            }
            Self::EndEntity(profile) => {
                let (issuer, usage) = (Issuer::Certificate(profile.issuer.der()), profile.usage);
                profile.with_expected(|names| {
                    let (profile, purposes) = (usage.checks(), usage.purposes());
                    Expected { issuer, profile, purposes, names }.check(tbs)
                })
            }
        }
    }
}

impl Profile for X509Profile {
    const FORMAT: CertificateFormat = CertificateFormat::X509;
    const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::RsaPkcs1;

    fn encode_tbs(
        ca: &CaIdentity<'_>,
        template: &CertTemplate<'_, Self>,
        serial: Serial,
    ) -> Result<Vec<u8>, ProfileError> {
        let (profile, subject_key, validity) = (template.profile, template.subject_key, template.validity);
        let issuer_key = spki(ca.issuer_key)?;
        let tbs = Tbs {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial.to_be_bytes())?,
            signature: signature_algorithm(),
            issuer: profile.issuer().clone(),
            validity: Validity::new(time(validity.not_before())?, time(validity.not_after())?),
            subject: match profile {
                Self::Authority(_) => profile.issuer().clone(),
                Self::EndEntity(_) => common_name(template.subject_id)?,
            },
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(subject_key)?,
            extensions: match profile {
                Self::Authority(profile) => profile.extensions(subject_key, &issuer_key)?,
                Self::EndEntity(profile) => profile.extensions(subject_key, &issuer_key)?,
            },
        };
        let tbs = tbs.to_der()?;
        profile.lint(&tbs)?;
        Ok(tbs)
    }

    fn attach_signature(tbs: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError> {
        attach(tbs, signature.as_bytes())
    }
}

/// Joins a TBSCertificate and a signature to a certificate.
fn attach(tbs: &[u8], signature: &[u8]) -> Result<Vec<u8>, ProfileError> {
    let signed = Signed {
        tbs: AnyRef::from_der(tbs)?,
        signature_algorithm: signature_algorithm(),
        signature: BitString::from_bytes(signature)?,
    };
    Ok(signed.to_der()?)
}

fn signature_algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: SHA_256_WITH_RSA_ENCRYPTION, parameters: Some(AnyRef::NULL.into()) }
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

fn extension<T: AssociatedOid + Encode>(value: &T, critical: bool) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

fn subject_key_id(spki: &[u8]) -> der::Result<Extension> {
    extension(&SubjectKeyIdentifier(key_identifier(spki)?), false)
}

fn authority_key_id(spki: &[u8]) -> der::Result<Extension> {
    let key_identifier = Some(key_identifier(spki)?);
    extension(&AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() }, false)
}

/// The first 160 bits of SHA-256 over the key's BIT STRING (RFC 7093 §2, method 1).
fn key_identifier(spki: &[u8]) -> der::Result<OctetString> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki)?;
    let digest = Portable::new().sha256(&[spki.subject_public_key.raw_bytes()]);
    OctetString::new(&digest[..20])
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
    let is_issuer = is_name_of(&tbs.issuer, issuer_id)
        || former_console_root(issuer_id).is_ok_and(|root| tbs.issuer == root);
    let expected_subject = match record.subject_id.as_id() {
        id if id == issuer_id && tbs.subject == tbs.issuer => tbs.issuer.clone(),
        id => common_name(id).map_err(|_| DER)?,
    };
    let seconds = |time: Time| time.to_unix_duration().as_secs();
    first_difference(&[
        (is_issuer, "issuer"),
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
