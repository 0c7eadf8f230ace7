//! The messages of the protocol (protocol §1, §4, §5, §6).
//!
//! A message is decoded from the body of a frame, which it borrows, and is encoded into a lent buffer. The machines of
//! [`session`](crate::session) handle the messages.

pub mod channel;
pub mod enrolment;
mod refusal;

use core::fmt;

pub use refusal::{Code, Refusal};

use crate::encoding::json::JsonError;

/// The reason why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WireError {
    /// The body is outside the JSON profile, or does not have the keys of this message.
    Json(JsonError),
    /// The named field has a wrong value.
    Field(&'static str),
    /// The named field holds an X25519 public key that is not the canonical encoding of its coordinate.
    KeyNotCanonical(&'static str),
    /// The receiver does not know the `type`.
    UnknownType,
}

impl From<JsonError> for WireError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "the message is not in the JSON profile: {error}"),
            Self::Field(name) => write!(f, "the field `{name}` has a wrong value"),
            Self::KeyNotCanonical(name) => {
                write!(
                    f,
                    "the X25519 key in the field `{name}` is not canonical: it must be below 2^255 - 19"
                )
            }
            Self::UnknownType => f.write_str("the message's `type` is not known here"),
        }
    }
}

impl core::error::Error for WireError {}
