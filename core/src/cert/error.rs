//! Why a certificate, or an anchor to verify it with, is refused.

use core::fmt;

use crate::bytes::BufferTooSmall;
use crate::crypto::rsa;
use crate::encoding::JsonError;
use crate::limits::ID;
use crate::time::{TimeError, UnixTime};

/// Why a text is no `subject_id` or `issuer_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IdError {
    /// No characters.
    Empty,
    /// More than 64 bytes.
    TooLong,
    /// A byte outside `A-Z a-z 0-9 . _ - : @`, at this offset.
    Character(usize),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong => write!(f, "the name is longer than {ID} bytes"),
            Self::Character(at) => {
                write!(f, "byte {at} of the name is not one of A-Z a-z 0-9 . _ - : @")
            }
        }
    }
}

impl core::error::Error for IdError {}

/// Why a certificate, or an anchor to verify it with, is refused: one variant for each check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// Not canonical JSON, or not with the keys of a certificate.
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
    /// `not_before` is no time of the profile.
    NotBefore(TimeError),
    /// `not_after` is no time of the profile.
    NotAfter(TimeError),
    /// `not_after` is earlier than `not_before`.
    ValidityOrder,
    /// `ca_signature_b64` is not base64 of as many bytes as an RSA modulus has.
    SignatureEncoding,
    /// The certificate names another issuer than the anchor.
    IssuerMismatch,
    /// The certificate names another issuer key than the anchor; what it is signed with is not looked at.
    IssuerKeyMismatch,
    /// The signature is not the anchor's over this certificate.
    Signature(rsa::Error),
    /// `now` is before `not_before`.
    NotYetValid {
        /// The time it was verified at.
        now: UnixTime,
        /// From when it is valid.
        not_before: UnixTime,
    },
    /// `now`, or the least that it can be, is after `not_after`.
    Expired {
        /// The time it was verified at.
        now: UnixTime,
        /// Until when it was valid.
        not_after: UnixTime,
    },
    /// The certificate is another subject's than the one that was asked for.
    SubjectMismatch,
    /// The certificate is for another key than the one it must be for.
    SubjectKeyMismatch,
    /// The anchor's fingerprint is not that of the anchor's key.
    AnchorFingerprint,
    /// An anchor has both an issuer and a key, or only a fingerprint.
    AnchorIncomplete,
    /// The buffer lent for the output is too small.
    BufferTooSmall,
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
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
            Self::ValidityOrder => f.write_str("validity: not_after is earlier than not_before"),
            Self::SignatureEncoding => {
                f.write_str("ca_signature_b64: must be 256, 384 or 512 bytes in base64")
            }
            Self::IssuerMismatch => f.write_str("the certificate names another issuer than the trusted one"),
            Self::IssuerKeyMismatch => {
                f.write_str("the certificate names another issuer key than the trusted one")
            }
            Self::Signature(error) => {
                write!(f, "the certificate is not signed by the trusted key, or was changed: {error}")
            }
            Self::NotYetValid { now, not_before } => {
                write!(f, "the certificate is valid from {not_before}, and it is {now}: check the clock")
            }
            Self::Expired { now, not_after } => {
                write!(f, "the certificate expired at {not_after}, and it is {now} or later: renew it")
            }
            Self::SubjectMismatch => {
                f.write_str("the certificate is another subject's than the expected one")
            }
            Self::SubjectKeyMismatch => {
                f.write_str("the certificate is for another key than the expected one")
            }
            Self::AnchorFingerprint => f.write_str("the anchor's fingerprint is not that of its key"),
            Self::AnchorIncomplete => {
                f.write_str("an anchor has issuer_id and issuer_public_key_pem_b64, or neither")
            }
            Self::BufferTooSmall => BufferTooSmall.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
