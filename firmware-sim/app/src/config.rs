//! The configuration of a device: its CA, its name and its task.

use core::fmt;
use core::time::Duration;

use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;
use minipki_core::trust::StatusRule;

/// The provisioning data of a device, and its task. `A` is its board's [`Board::Address`](crate::Board::Address).
#[derive(Clone, Copy, Debug)]
pub struct Config<'a, A> {
    /// The address of the CA for enrolments.
    pub ca: A,
    /// SHA-256 of the CA's public key, compared out of band. All trust depends on it.
    pub fingerprint: Fingerprint,
    /// The name to be certified.
    pub subject: Id<'a>,
    /// The enrolment token, if the CA's operator gave one.
    pub token: Option<Token<'a>>,
    /// The task after enrolment.
    pub errand: Errand<A>,
    /// The subject that the peer must be; `None` accepts any subject of the CA.
    pub peer: Option<Id<'a>>,
    /// The rule about the revocation status of the peer's certificate.
    pub status: StatusRule,
    /// The text for the peer.
    pub send: Option<Text<'a>>,
    /// The time limit of each step: a connection, an enrolment, the wait for a peer, a handshake, a conversation.
    pub deadline: Duration,
}

/// The task of a device after enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand<A> {
    /// No further task.
    Enrol,
    /// Open a channel to the peer at this address.
    Connect(A),
    /// Accept a channel at this address.
    Listen(A),
}

/// An enrolment token's text. Never printed.
#[derive(Clone, Copy)]
pub struct Token<'a>(pub &'a str);

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A text that a device can send: 1 to 256 bytes of printable ASCII without `"` and `\`, as the protocol's JSON profile
/// allows (protocol §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(&'a str);

/// A device cannot send the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError;

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text has 1 to {} characters of printable ASCII without \" and \\", Text::MAX)
    }
}

impl core::error::Error for TextError {}

impl<'a> Text<'a> {
    /// The greatest length in bytes of a text that a device sends. It receives longer texts.
    pub const MAX: usize = 256;

    /// Takes `text` if a device can send it.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn new(text: &'a str) -> Result<Self, TextError> {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let fits = (1..=Self::MAX).contains(&text.len());
        if fits && text.bytes().all(plain) { Ok(Self(text)) } else { Err(TextError) }
    }

    /// The text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}
