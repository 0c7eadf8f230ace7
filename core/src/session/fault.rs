//! Everything that can go wrong in a session, and what the peer is told of it.

use core::fmt;

use crate::cert;
use crate::crypto::CryptoError;
use crate::encoding::{JsonError, JsonErrorKind};
use crate::noise;
use crate::wire::frame::FrameError;
use crate::wire::{Code, WireError};

/// The check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// A frame's length prefix.
    Frame(FrameError),
    /// A message's form.
    Message(WireError),
    /// A Noise message.
    Noise(noise::Error),
    /// An agreement or a tag outside Noise.
    Crypto(CryptoError),
    /// A certificate, ours or the peer's.
    Certificate(cert::Error),
    /// A proof of possession that does not fit.
    Proof,
    /// A message that is right, but not now.
    OutOfTurn,
    /// The peer refused, and said this.
    Refused(Code),
    /// The stream ended where the protocol expected more.
    Truncated,
}

impl Fault {
    /// What the peer is told, or `None` if nothing: the one table from faults to refusals.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            Self::Frame(_) => Code::BadFrame,
            Self::Message(WireError::Json(JsonError { kind: JsonErrorKind::Shape, .. })) => Code::BadRequest,
            Self::Message(WireError::Json(_)) => Code::BadJson,
            Self::Message(WireError::Field(_) | WireError::KeyNotCanonical(_)) | Self::OutOfTurn => {
                Code::BadRequest
            }
            Self::Message(WireError::UnknownType) => Code::UnknownType,
            Self::Message(WireError::BufferTooSmall) => Code::Internal,
            Self::Noise(_) => Code::HandshakeFailed,
            Self::Certificate(_) => Code::CertificateRefused,
            // One code for both: which secret was wrong is not told.
            Self::Crypto(_) | Self::Proof => Code::ProofFailed,
            Self::Refused(_) | Self::Truncated => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Message(error) => error.fmt(f),
            Self::Noise(error) => error.fmt(f),
            Self::Crypto(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Proof => f.write_str("the proof fits neither the key nor the token with the challenge"),
            Self::OutOfTurn => f.write_str("the message does not belong at this point of the exchange"),
            Self::Refused(code) => write!(f, "the peer refused ({code}): {}", code.text()),
            Self::Truncated => f.write_str("the connection ended where more was expected"),
        }
    }
}

impl core::error::Error for Fault {}

macro_rules! from {
    ($($error:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )+};
}

from! {
    FrameError => Frame,
    WireError => Message,
    noise::Error => Noise,
    CryptoError => Crypto,
    cert::Error => Certificate,
}
