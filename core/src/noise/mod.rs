//! Noise XX (revision 34) as typestates, without certificates and JSON.
//!
//! `Noise_XX_25519_ChaChaPoly_SHA256`: both sides send their static key encrypted, and prove that they hold it. A
//! handshake is a chain of states. The step to the next state consumes a state:
//!
//! | initiator | | responder |
//! | --- | --- | --- |
//! | [`SendMessage1`] | `-> e` | [`ExpectMessage1`] |
//! | [`ExpectMessage2`] | `<- e, ee, s, es` | [`SendMessage2`] |
//! | [`SendMessage3`] | `-> s, se` | [`ExpectMessage3`] |
//! | [`Transport`] | | [`Transport`] |
//!
//! Start reading at `handshake`; `symmetric` has the objects of the specification's §5, under its names. Key pairs and
//! buffers are arguments: there is no randomness and no storage here.

mod handshake;
mod symmetric;
mod transport;

use core::fmt;

pub use handshake::{
    ExpectMessage1, ExpectMessage2, ExpectMessage3, SendMessage1, SendMessage2, SendMessage3,
};
pub use transport::{MESSAGES_PER_KEY, Opener, Sealer, Transport};

use crate::crypto::CryptoError;

/// The error that ends a handshake, or one direction of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The buffer lent for the message is too small.
    BufferTooSmall,
    /// A message longer than 65535 bytes (Noise §3).
    TooLong,
    /// The message ends before its last field.
    Truncated,
    /// A cryptographic check failed.
    Crypto(CryptoError),
    /// 2^64 - 1 messages were sent under one chain of keys (Noise §5.1).
    NonceExhausted,
    /// An earlier message of this direction failed: its key is wiped.
    Failed,
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferTooSmall => "the buffer lent for the Noise message is too small",
            Self::TooLong => "the Noise message is longer than 65535 bytes",
            Self::Truncated => "the Noise message ends before its last field",
            Self::Crypto(error) => return error.fmt(f),
            Self::NonceExhausted => "all nonces of this direction are used: open a new channel",
            Self::Failed => "this direction failed before: open a new channel",
        })
    }
}

impl core::error::Error for Error {}
