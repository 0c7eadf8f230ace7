//! The reasons why the body of a frame is not the message that was expected.

use core::fmt;

use crate::encoding::json::JsonError;

/// The reason why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WireError {
    /// The body is outside the JSON profile, or has not the keys of this message.
    Json(JsonError),
    /// The named field does not hold what its key promises.
    Field(&'static str),
    /// The named field holds an X25519 public key that is not the canonical encoding of its coordinate.
    KeyNotCanonical(&'static str),
    /// The `type` is none that the receiver knows.
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
            Self::Field(name) => write!(f, "the field `{name}` does not hold what its name promises"),
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
