//! The lab: two clients of a running CA, every message that travels between the three, and what becomes of a message
//! when one byte of it is changed on its way.
//!
//! - [`Scenario`] lets alice and bob enrol, meet and talk, with the code that `minipki enroll`, `listen` and `connect`
//!   run, and keeps each message as a [`Step`]. [`Scenario::flip`] runs one exchange again with one byte changed, and
//!   returns the check that refused it: a [`Refusal`]. Its text is the error that the code returned.
//! - [`enrol`], [`meet`], [`say`] and [`hear`] are the parts of a scenario, for a program that shows them one by one.
//! - [`attacks`] has what an attacker can try beside a changed byte.
//!
//! The lab holds no CA: a [`CaEndpoint`] says where one serves.

pub mod attacks;
mod exchange;
mod relay;
mod scenario;
mod step;
mod verdict;

use minipki_core::cert::{Anchor, IdBuf};

pub use self::exchange::{ANSWER, MemoryChannel, QUESTION, enrol, hear, meet, say};
pub use self::relay::Flip;
pub use self::scenario::Scenario;
pub use self::step::{MessageKind, Note, Step};
pub use self::verdict::Refusal;
use minipki_ca::Token;
use minipki_client::ClientError;

/// A participant of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Participant {
    /// The client that connects.
    Alice,
    /// The certificate authority.
    Ca,
    /// The client that listens.
    Bob,
}

impl Participant {
    /// The name that is shown to people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Ca => "CA",
            Self::Bob => "bob",
        }
    }
}

/// The CA of a scenario, as its clients reach it.
pub struct CaEndpoint<'t> {
    /// The address that the CA listens on, `host:port`.
    pub address: String,
    /// The trust anchor. Clients pin its fingerprint.
    pub anchor: Anchor,
    /// Makes a token for a subject, where the CA enrols with tokens only.
    pub tokens: Option<&'t MakeToken<'t>>,
}

/// Makes a token for a subject, or says why there is none.
pub type MakeToken<'t> = dyn Fn(&IdBuf) -> Result<Token, String> + Send + Sync + 't;

/// The reason why a scenario or an attack has no result.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A client failed, though no byte was changed.
    #[error("{}: {source}", by.name())]
    Client {
        /// The client.
        by: Participant,
        /// Its error.
        source: ClientError,
    },
    /// The CA requires tokens, and none could be made.
    #[error("no token could be made: {0}")]
    Token(String),
    /// The byte to change does not exist.
    #[error("message {step} has no byte {offset} to change")]
    NoSuchByte {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// An exchange did not end. Its participants have deadlines, so this is a bug.
    #[error("the exchange did not end; this is a bug in minipki, please report it")]
    Stuck,
    /// No participant refused a changed byte: a bug.
    #[error(
        "byte {offset} of message {step} was changed and nobody noticed; this is a bug in minipki, please report it"
    )]
    Unnoticed {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// An attack succeeded: a bug.
    #[error("{0} was accepted; this is a bug in minipki, please report it")]
    Accepted(&'static str),
}
