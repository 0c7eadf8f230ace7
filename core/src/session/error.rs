//! The errors of a session, sorted by their cause, and the refusal code of each.

use core::fmt;

use crate::bytes::BufferTooSmall;
use crate::cert;
use crate::crypto::CryptoError;
use crate::link::{Misuse, Truncated, frame};
use crate::noise;
use crate::wire::{Code, WireError};
use crate::x509::TwinError;

/// The check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The peer sent a length prefix that is refused.
    InvalidFrame(frame::Error),
    /// The peer sent a message of the wrong form.
    InvalidMessage(WireError),
    /// The peer sent a certificate that is not trusted, or not the certificate that this side expects.
    InvalidCertificate(cert::Error),
    /// The CA sent an X.509 certificate that is not the twin of the certificate.
    InvalidTwin(TwinError),
    /// The peer sent a Noise message that is not authentic, or an earlier Noise message failed.
    Noise(noise::Error),
    /// The peer sent a message of the right form that breaks the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// The peer refused, and gave this reason.
    Refused(Code),
    /// The stream ended where the protocol expected more.
    Truncated,
    /// The program on this side called a machine or a link wrongly.
    Misuse(Misuse),
}

/// A way in which a message of the right form breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PeerMisbehaved {
    /// The message does not belong at this point of the exchange.
    OutOfTurn,
    /// The key agreement with the peer's key failed, outside Noise.
    KeyAgreement(CryptoError),
}

impl Error {
    /// Returns the code for the peer; `None` if it gets no refusal. This is the only table from errors to codes.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            Self::InvalidFrame(_) => Code::BadFrame,
            Self::InvalidMessage(WireError::Json(error)) if error.kind.is_mismatch() => Code::BadRequest,
            Self::InvalidMessage(WireError::Json(_)) => Code::BadJson,
            Self::InvalidMessage(WireError::Field(_) | WireError::KeyNotCanonical(_)) => Code::BadRequest,
            Self::InvalidMessage(WireError::UnknownType) => Code::UnknownType,
            Self::InvalidCertificate(_) | Self::InvalidTwin(_) => Code::CertificateRefused,
            Self::Noise(_) => Code::HandshakeFailed,
            Self::PeerMisbehaved(PeerMisbehaved::OutOfTurn) => Code::BadRequest,
            // The same code as for a wrong proof, so that it does not show which secret was wrong.
            Self::PeerMisbehaved(PeerMisbehaved::KeyAgreement(_)) => Code::ProofFailed,
            Self::Misuse(_) => Code::Internal,
            Self::Refused(_) | Self::Truncated => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidFrame(error) => error.fmt(f),
            Self::InvalidMessage(error) => error.fmt(f),
            Self::InvalidCertificate(error) => error.fmt(f),
            Self::InvalidTwin(error) => error.fmt(f),
            Self::Noise(error) => error.fmt(f),
            Self::PeerMisbehaved(PeerMisbehaved::OutOfTurn) => Misuse::OutOfTurn.fmt(f),
            Self::PeerMisbehaved(PeerMisbehaved::KeyAgreement(error)) => error.fmt(f),
            Self::Refused(code) => write!(f, "the peer refused ({code}): {}", code.text()),
            Self::Truncated => f.write_str("the connection ended where more was expected"),
            Self::Misuse(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

macro_rules! from {
    ($($error:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )+};
}

from! {
    frame::Error => InvalidFrame,
    WireError => InvalidMessage,
    cert::Error => InvalidCertificate,
    TwinError => InvalidTwin,
    PeerMisbehaved => PeerMisbehaved,
    Misuse => Misuse,
}

impl From<noise::Error> for Error {
    fn from(error: noise::Error) -> Self {
        match error {
            noise::Error::BufferTooSmall => Misuse::BufferTooSmall.into(),
            error => Self::Noise(error),
        }
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        PeerMisbehaved::KeyAgreement(error).into()
    }
}

impl From<BufferTooSmall> for Error {
    fn from(error: BufferTooSmall) -> Self {
        Self::Misuse(error.into())
    }
}

impl From<Truncated> for Error {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}
