//! The walk-through: two clients of a running CA, everything that travels, and what becomes of it
//! when one byte is changed on its way.
//!
//! [`Play::perform`] lets alice and bob enrol, meet and talk, with the code that `minipki enroll`,
//! `listen` and `connect` run, and keeps each message. [`Play::flip`] does the same again with somebody
//! in the middle who changes one byte, and tells which check refused it. No refusal is written here:
//! each is the error that the code met.

mod cast;
mod relay;
mod scenes;
mod verdict;

use std::num::NonZeroU8;

use minipki_core::cert::{Anchor, IdBuf};

pub use self::cast::Play;
pub use self::verdict::Refusal;
use minipki_ca::Token;
use minipki_client::ClientError;
use minipki_provider::HostProvider;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The client that connects.
    Alice,
    /// The certificate authority.
    Ca,
    /// The client that listens.
    Bob,
}

impl Who {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Ca => "CA",
            Self::Bob => "bob",
        }
    }
}

/// The CA that the story is played with.
pub struct Theatre<'t> {
    /// The provider that computes for the two clients.
    pub provider: HostProvider,
    /// Where it listens, `host:port`.
    pub ca: String,
    /// The CA as its clients pin it.
    pub anchor: Anchor,
    /// Makes a token for a subject, where the CA enrols with tokens only.
    pub tokens: Option<&'t MakeToken<'t>>,
}

/// Makes a token for a subject, or says why not.
pub type MakeToken<'t> = dyn Fn(&IdBuf) -> Result<Token, String> + Send + Sync + 't;

/// One message, and what its two ends did with it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who sends it.
    pub from: Who,
    /// Whom it is for.
    pub to: Who,
    /// The frame as it was sent: length prefix and body.
    pub frame: Vec<u8>,
    /// What the frame carries under its encryption, as its two ends see it.
    pub plaintext: Option<Vec<u8>>,
    /// Whether the frame holds ciphertext, and is which of its direction.
    pub record: Option<u64>,
    /// What was done before it was sent.
    pub before: Vec<Note>,
    /// What was done once it had arrived.
    pub after: Vec<Note>,
}

impl Step {
    /// The frame's body.
    pub fn body(&self) -> &[u8] {
        self.frame.get(minipki_core::limits::FRAME_HEADER..).unwrap_or_default()
    }
}

/// Something that somebody did, or has from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who.
    pub who: Who,
    /// What.
    pub text: String,
}

/// One byte that is changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Which message, from 0.
    pub step: usize,
    /// Which byte of its frame, from 0; the first four are the length prefix.
    pub offset: usize,
    /// The bits that change. `None` picks one that leaves what may stand in base64, a digit or a letter
    /// what it is, so that the form of the message stays good and a check of its content has to find it.
    pub mask: Option<NonZeroU8>,
}

impl Flip {
    /// The byte that arrives where `sent` was sent.
    pub fn apply(&self, sent: u8) -> u8 {
        let gentle = match sent {
            b'a'..=b'z' | b'A'..=b'Z' => 0x20,
            b'+' | b'/' => 0x04,
            _ => 0x01,
        };
        sent ^ self.mask.map_or(gentle, NonZeroU8::get)
    }
}

/// Why a story could not be told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The clients did not get through, though nobody changed anything.
    #[error("{}: {source}", who.name())]
    Client {
        /// Who did not.
        who: Who,
        /// Why.
        source: ClientError,
    },
    /// The CA wants tokens, and none could be made.
    #[error("no token could be made: {0}")]
    Token(String),
    /// There is no such byte.
    #[error("message {step} has no byte {offset} to change")]
    NoSuchByte {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// A scene did not end; what runs it has deadlines, so this is a bug.
    #[error("the scene did not end; this is a bug in minipki, please report it")]
    Stuck,
    /// A changed byte was noticed by nobody: a bug.
    #[error(
        "byte {offset} of message {step} was changed and nobody noticed; this is a bug in minipki, please report it"
    )]
    Unnoticed {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
}
