//! The errors of certificates and anchors.

use core::fmt;

use super::IdError;
use crate::bytes::BufferTooSmall;
use crate::crypto::rsa;
use crate::encoding::JsonError;
use crate::limits::FORMER_KEYS;
use crate::time::TimeError;
use crate::trust::{Check, StatusError, ValidityError};

/// The reason why a certificate or an anchor is refused. [`Error::check`] names the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// Not canonical JSON, or not the members of a certificate.
    Json(JsonError),
    /// `issuer_id` is malformed.
    IssuerId(IdError),
    /// `issuer_public_key_pem_b64` is not base64 of the PEM of an RSA key of a known size.
    IssuerKey(rsa::Error),
    /// `serial_number` is 0 or above 2^53-1.
    SerialNumber,
    /// `subject_id` is malformed.
    SubjectId(IdError),
    /// `algorithm_id` is not `X25519`.
    SubjectKeyAlgorithm,
    /// `public_key_value_b64` is not base64 of 32 bytes.
    SubjectKey,
    /// `public_key_value_b64` is not the canonical encoding of an X25519 public key.
    SubjectKeyNotCanonical,
    /// `not_before` is not a time of the profile.
    NotBefore(TimeError),
    /// `not_after` is not a time of the profile.
    NotAfter(TimeError),
    /// The two times are in the wrong order, or the time of the check is outside the validity.
    Validity(ValidityError),
    /// `ca_signature_b64` is not base64 of as many bytes as an RSA modulus has.
    SignatureEncoding,
    /// The certificate names another issuer than the anchor.
    IssuerMismatch,
    /// The certificate names another issuer key than the anchor. Its signature is not checked.
    IssuerKeyMismatch,
    /// The signature is not by the anchor's key over this certificate.
    Signature(rsa::Error),
    /// The revocation status is not canonical JSON, or does not have the members of a status.
    StatusJson(JsonError),
    /// The named field of the revocation status has a wrong value.
    StatusField(&'static str),
    /// The revocation status is by another issuer, or another key, than the certificate.
    StatusIssuer,
    /// The revocation status is about another certificate.
    StatusSerial,
    /// The revocation status has another nonce than the request.
    StatusNonce,
    /// The signature of the revocation status is not by the issuer's key over this status.
    StatusSignature(rsa::Error),
    /// The status is genuine, and the policy refuses it; or it is missing.
    Status(StatusError),
    /// The certificate is for another subject than the caller expects.
    SubjectMismatch,
    /// The certificate is for another key than the caller expects.
    SubjectKeyMismatch,
    /// The anchor's fingerprint is not that of the anchor's key.
    AnchorFingerprint,
    /// An anchor has an issuer without a key, or a key without an issuer.
    AnchorIncomplete,
    /// `former_keys` of an anchor has a malformed item, too many items, or the present key.
    AnchorFormerKeys,
    /// The anchor update is not canonical JSON, or does not have the members of an update.
    UpdateJson(JsonError),
    /// The named field of the anchor update has a wrong value.
    UpdateField(&'static str),
    /// The anchor update is by another CA.
    UpdateIssuer,
    /// The anchor update does not continue from the pinned key.
    UpdatePrevious,
    /// The CA names an earlier key than the pinned one as its present key.
    UpdateBackwards,
    /// The signature of the anchor update is not by the pinned key over this update.
    UpdateSignature(rsa::Error),
    /// The buffer lent for the output is too small.
    BufferTooSmall,
}

impl Error {
    /// The check that refuses the certificate; `None` if the error is about an anchor, an anchor update or a buffer.
    pub const fn check(&self) -> Option<Check> {
        Some(match self {
            Self::Json(_) => Check::Encoding,
            Self::IssuerId(_)
            | Self::SerialNumber
            | Self::SubjectId(_)
            | Self::SubjectKeyAlgorithm
            | Self::SubjectKey
            | Self::SubjectKeyNotCanonical
            | Self::NotBefore(_)
            | Self::NotAfter(_)
            | Self::Validity(ValidityError::Order) => Check::Fields,
            Self::IssuerMismatch => Check::Issuer,
            Self::IssuerKey(_) | Self::IssuerKeyMismatch => Check::IssuerKey,
            Self::SignatureEncoding | Self::Signature(_) => Check::Signature,
            Self::StatusJson(_)
            | Self::StatusField(_)
            | Self::StatusIssuer
            | Self::StatusSerial
            | Self::StatusNonce
            | Self::StatusSignature(_) => Check::Status,
            Self::Status(StatusError::Missing | StatusError::Revoked(_) | StatusError::Unknown) => {
                Check::Revocation
            }
            Self::Status(_) => Check::StatusTime,
            Self::Validity(ValidityError::NotYetValid { .. }) => Check::NotBefore,
            Self::Validity(ValidityError::Expired { .. }) => Check::NotAfter,
            Self::SubjectKeyMismatch => Check::SubjectKey,
            Self::SubjectMismatch => Check::Subject,
            Self::AnchorFingerprint
            | Self::AnchorIncomplete
            | Self::AnchorFormerKeys
            | Self::UpdateJson(_)
            | Self::UpdateField(_)
            | Self::UpdateIssuer
            | Self::UpdatePrevious
            | Self::UpdateBackwards
            | Self::UpdateSignature(_)
            | Self::BufferTooSmall => return None,
        })
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<StatusError> for Error {
    fn from(error: StatusError) -> Self {
        Self::Status(error)
    }
}

impl From<ValidityError> for Error {
    fn from(error: ValidityError) -> Self {
        Self::Validity(error)
    }
}

impl From<BufferTooSmall> for Error {
    fn from(BufferTooSmall: BufferTooSmall) -> Self {
        Self::BufferTooSmall
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::IssuerId(error) => write!(f, "issuer_id: {error}"),
            Self::IssuerKey(error) => write!(f, "issuer_public_key_pem_b64: {error}"),
            Self::SerialNumber => f.write_str("serial_number: must be in 1..=2^53-1"),
            Self::SubjectId(error) => write!(f, "subject_id: {error}"),
            Self::SubjectKeyAlgorithm => f.write_str("subject_public_key_info: algorithm_id must be X25519"),
            Self::SubjectKey => f.write_str("public_key_value_b64: must be 32 bytes in base64"),
            Self::SubjectKeyNotCanonical => f.write_str(
                "public_key_value_b64: the X25519 key is not canonical: it must be below 2^255 - 19",
            ),
            Self::NotBefore(error) => write!(f, "not_before: {error}"),
            Self::NotAfter(error) => write!(f, "not_after: {error}"),
            Self::Validity(error) => error.fmt(f),
            Self::SignatureEncoding => {
                f.write_str("ca_signature_b64: must be 256, 384 or 512 bytes in base64")
            }
            Self::IssuerMismatch => f.write_str("the certificate names another issuer than the trusted one"),
            Self::IssuerKeyMismatch => {
                f.write_str("the certificate names another issuer key than the trusted one")
            }
            Self::Signature(rsa::Error::OtherDigest) => {
                f.write_str("the certificate was changed: the trusted key has signed another text")
            }
            Self::Signature(error) => {
                write!(f, "the certificate is not signed by the trusted key, or was changed: {error}")
            }
            Self::StatusJson(error) => write!(f, "revocation status: {error}"),
            Self::StatusField(name) => write!(f, "revocation status: the field `{name}` has a wrong value"),
            Self::StatusIssuer => {
                f.write_str("the revocation status is by another issuer than the certificate")
            }
            Self::StatusSerial => f.write_str("the revocation status is about another certificate"),
            Self::StatusNonce => f.write_str("the revocation status has another nonce than the request"),
            Self::StatusSignature(rsa::Error::OtherDigest) => {
                f.write_str("the revocation status was changed: the trusted key has signed another text")
            }
            Self::StatusSignature(error) => {
                write!(f, "the revocation status is not signed by the trusted key, or was changed: {error}")
            }
            Self::Status(error) => error.fmt(f),
            Self::SubjectMismatch => {
                f.write_str("the certificate is for another subject than the expected one")
            }
            Self::SubjectKeyMismatch => {
                f.write_str("the certificate is for another key than the expected one")
            }
            Self::AnchorFingerprint => f.write_str("the anchor's fingerprint is not that of its key"),
            Self::AnchorIncomplete => {
                f.write_str("an anchor has issuer_id and issuer_public_key_pem_b64, or neither")
            }
            Self::AnchorFormerKeys => write!(
                f,
                "former_keys: an anchor has at most {FORMER_KEYS} former keys, each with `fingerprint_sha256` and `until`"
            ),
            Self::UpdateJson(error) => write!(f, "anchor update: {error}"),
            Self::UpdateField(name) => write!(f, "anchor update: the field `{name}` has a wrong value"),
            Self::UpdateIssuer => f.write_str("the anchor update is by another CA than the trusted one"),
            Self::UpdatePrevious => f.write_str(
                "the anchor updates of the CA do not lead from the trusted key to its present key",
            ),
            Self::UpdateBackwards => {
                f.write_str("the CA's present key would be an earlier one than the trusted key")
            }
            Self::UpdateSignature(rsa::Error::OtherDigest) => {
                f.write_str("the anchor update was changed: the trusted key has signed another text")
            }
            Self::UpdateSignature(error) => {
                write!(f, "the anchor update is not signed by the trusted key, or was changed: {error}")
            }
            Self::BufferTooSmall => BufferTooSmall.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
