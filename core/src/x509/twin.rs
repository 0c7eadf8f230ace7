//! The twin of a certificate: X.509 with the same content as canonical JSON, by the same key.

use core::fmt;

use super::extension::{BasicConstraints, KeyUsage, SubjectAltName};
use super::{Certificate, Check, GeneralName, PublicKeyInfo, SignatureAlgorithm, Signed, Version, oid};
use crate::cert::{self, Id};
use crate::crypto::rsa::{self, Sizes};
use crate::encoding::der::DerError;
use crate::limits::SPKI_DER;
use crate::trust::Serial;

/// The SubjectPublicKeyInfo of id-X25519 without parameters, up to the 32 bytes of the key (RFC 8410 §4).
const X25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];

/// The reason why a certificate is not the twin of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TwinError {
    /// Not base64 of a certificate that fits the room for it.
    Base64,
    /// Not strict DER of a certificate.
    Der(DerError),
    /// The key of the issuer has not signed the certificate.
    Signature(Check),
    /// The field or the extension is not as in the certificate.
    Field(&'static str),
}

impl fmt::Display for TwinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the X.509 certificate from the CA is not the twin of the certificate: ")?;
        match self {
            Self::Base64 => f.write_str("it is not base64, or too long"),
            Self::Der(error) => error.fmt(f),
            Self::Signature(Check::Signature) => f.write_str("another key has signed it"),
            Self::Signature(check) => write!(f, "its signature does not pass the check `{}`", check.name()),
            Self::Field(name) => write!(f, "it has another {name}"),
        }
    }
}

impl core::error::Error for TwinError {}

impl From<DerError> for TwinError {
    fn from(error: DerError) -> Self {
        Self::Der(error)
    }
}

/// Checks that `der` is the twin of `certificate`: a certificate of version 3 by the key `issuer`, with the same serial
/// number, validity, key and names, and for key agreement alone. The name of the issuer is not compared: only the CA
/// knows its X.509 name.
///
/// `certificate` is genuine: the caller has verified it.
///
/// # Errors
/// [`TwinError`] names the first difference.
pub fn check_twin<S: Sizes>(
    der: &[u8],
    certificate: &cert::Certificate<'_>,
    issuer: &rsa::PublicKey<S>,
    algorithms: &[&dyn SignatureAlgorithm],
) -> Result<(), TwinError> {
    let twin = Certificate::parse(der)?;
    let mut room = [0; SPKI_DER];
    let issuer = issuer.write_spki_der(&mut room).map_err(|_| TwinError::Signature(Check::IssuerKey))?;
    let issuer = PublicKeyInfo::parse(issuer)?;
    let signed =
        Signed { algorithm: twin.signature_algorithm(), message: twin.tbs(), signature: twin.signature() };
    signed.verify(algorithms, &issuer).map_err(TwinError::Signature)?;

    let validity = certificate.validity();
    let key = twin.public_key().der().strip_prefix(&X25519);
    let is_agreement =
        |usage: KeyUsage| usage.contains(KeyUsage::KEY_AGREEMENT) && KeyUsage::KEY_AGREEMENT.contains(usage);
    let usage = twin.extension::<KeyUsage>()?;
    let constraints = twin.extension::<BasicConstraints>()?;
    for (same, name) in [
        (twin.version() == Version::V3, "version"),
        (twin.signed_algorithm() == twin.signature_algorithm(), "signature algorithm"),
        (Serial::from_be_bytes(twin.serial()) == Ok(certificate.serial_number()), "serial number"),
        (twin.not_before() == validity.not_before(), "begin"),
        (twin.not_after() == validity.not_after(), "end"),
        (is_subject(&twin, certificate.subject_id()), "subject"),
        (key == Some(certificate.subject_key().as_bytes()), "key"),
        (usage.is_some_and(|usage| usage.critical && is_agreement(usage.value)), "key usage"),
        (constraints.is_none_or(|found| !found.value.ca), "basic constraint"),
        (has_name(&twin, certificate.issuer_id(), certificate.subject_id())?, "subject alternative name"),
    ] {
        if !same {
            return Err(TwinError::Field(name));
        }
    }
    for extension in twin.extensions() {
        if !extension.check()? && extension.critical {
            return Err(TwinError::Field("critical extension"));
        }
    }
    Ok(())
}

/// Whether the subject is `CN=` and this name alone.
fn is_subject(twin: &Certificate<'_>, subject: Id<'_>) -> bool {
    let mut attributes = twin.subject().attributes();
    let (first, second) = (attributes.next(), attributes.next());
    second.is_none()
        && first.is_some_and(|first| {
            first.id == oid::COMMON_NAME && first.value.contents.rest() == subject.as_str().as_bytes()
        })
}

/// Whether the only alternative name is the URI `urn:minipki:` with the names of both.
fn has_name(twin: &Certificate<'_>, issuer: Id<'_>, subject: Id<'_>) -> Result<bool, DerError> {
    let Some(mut names) = twin.extension::<SubjectAltName<'_>>()?.map(|found| found.value.0) else {
        return Ok(false);
    };
    let (Some(GeneralName::Uri(uri)), None) = (names.next(), names.next()) else { return Ok(false) };
    let rest = uri.strip_prefix("urn:minipki:").and_then(|rest| rest.strip_prefix(issuer.as_str()));
    Ok(rest.and_then(|rest| rest.strip_prefix(':')) == Some(subject.as_str()))
}
