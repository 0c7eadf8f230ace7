//! The messages of the protocol (protocol §1, §4 to §7).
//!
//! A message is decoded from the body of a frame, which it borrows, and is encoded into a lent buffer. The machines of
//! [`session`](crate::session) handle the messages.

pub mod anchors;
pub mod channel;
mod client_message;
pub mod enrolment;
mod refusal;
mod response;
pub mod revocation;
pub mod x509;

use core::fmt;

pub use client_message::ClientMessage;
pub use refusal::{Code, Refusal};
pub use response::Response;

use crate::bytes::BufferTooSmall;
use crate::crypto::x25519::PublicKey;
use crate::encoding::base64;
use crate::encoding::json::{JsonError, MAX_INTEGER};
use crate::limits::KEY;
use crate::trust::Serial;

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

/// The 32 bytes of the field `name`.
fn key(name: &'static str, text: &str) -> Result<[u8; KEY], WireError> {
    base64::decode_array(text).map_err(|_| WireError::Field(name))
}

/// The X25519 public key of the field `name`.
fn public_key(name: &'static str, text: &str) -> Result<PublicKey, WireError> {
    PublicKey::new(key(name, text)?).ok_or(WireError::KeyNotCanonical(name))
}

/// Checks that the field `name` has the expected value.
fn expect(name: &'static str, seen: &str, expected: &str) -> Result<(), WireError> {
    if seen == expected { Ok(()) } else { Err(WireError::Field(name)) }
}

/// A serial number as an integer of the profile.
///
/// # Errors
/// [`BufferTooSmall`] above [`MAX_INTEGER`], which no message has room for.
fn integer(serial: Serial) -> Result<u64, BufferTooSmall> {
    serial.to_u64().filter(|&number| number <= MAX_INTEGER).ok_or(BufferTooSmall)
}
