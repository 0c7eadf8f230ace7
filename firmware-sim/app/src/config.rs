//! What a device is told: whom to trust, who to be, and what to do.

use core::fmt;
use core::time::Duration;

use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;

/// What a device is provisioned with, and its errand. `A` is its board's [`Board::Address`](crate::Board::Address).
#[derive(Clone, Copy, Debug)]
pub struct Config<'a, A> {
    /// Where the CA takes enrolments.
    pub ca: A,
    /// SHA-256 of the CA's public key, compared out of band: the root of all trust here.
    pub fingerprint: Fingerprint,
    /// The name to be certified.
    pub subject: Id<'a>,
    /// The enrolment token, if the CA's operator gave one.
    pub token: Option<Token<'a>>,
    /// What to do once enrolled.
    pub errand: Errand<A>,
    /// The subject that the peer must be; `None` takes any subject of the CA.
    pub peer: Option<Id<'a>>,
    /// What to tell the peer.
    pub send: Option<Text<'a>>,
    /// How long each step may take: a connection, an enrolment, the wait for a peer, a handshake, a conversation.
    pub deadline: Duration,
}

/// What to do once enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand<A> {
    /// Nothing more.
    Enrol,
    /// Open a channel to the peer there.
    Connect(A),
    /// Accept a channel here.
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

/// A text that a device can say: 1 to 256 bytes of printable ASCII without `"` and `\`,
/// which is what a text of the protocol's JSON profile may hold (protocol §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(&'a str);

/// The text is not one that a device can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError;

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a device says 1 to {} characters of printable ASCII without \" and \\", Text::MAX)
    }
}

impl core::error::Error for TextError {}

impl<'a> Text<'a> {
    /// Most bytes of a text that a device sends; it receives longer ones.
    pub const MAX: usize = 256;

    /// Takes `text` if a device can say it.
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
