//! The lab: two clients of a running CA, all messages between the three, and the effect of one changed byte.
//!
//! - [`Scenario`] enrols alice and bob, opens a channel between them and sends messages, with the code of
//!   `minipki enroll`, `listen` and `connect`. Then alice renews her certificate, bob revokes his, and alice asks for the
//!   changes of the CA's key. Each message is a [`Step`]. [`Scenario::flip`] runs one exchange again
//!   with one changed byte, and returns the [`Refusal`] with the error of the failed check.
//! - [`enrol`], [`open_channel`], [`send_text`] and [`receive_text`] are the parts of a scenario, for a program that
//!   shows them one by one. [`ProofValues`] are the values behind a proof of possession.
//! - [`attacks`] has other attacks, and an [`Attacker`] attacks a peer that listens. [`Scenario::attack`] runs a [`Scene`]:
//!   an attack on the clients of a scenario, with all messages.
//!
//! A [`CaEndpoint`] names the CA to use. [`Sandbox`] is a CA for a scenario alone.

mod attack_error;
mod attacker;
pub mod attacks;
mod exchange;
mod forgery;
mod notes;
mod proof_values;
mod reason;
mod relay;
mod requests;
mod sandbox;
mod scenario;
mod scene;
mod stage;
mod step;
mod verdict;

use miette::Diagnostic;
use minipki_core::cert::{Anchor, IdBuf};

pub use self::attack_error::AttackError;
pub use self::attacker::Attacker;
pub use self::exchange::{ANSWER, MemoryChannel, QUESTION, enrol, open_channel, receive_text, send_text};
pub use self::proof_values::ProofValues;
pub use self::reason::Reason;
pub use self::relay::Flip;
pub use self::sandbox::{Sandbox, SandboxError};
pub use self::scenario::Scenario;
pub use self::scene::{Attacked, Scene};
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
    /// The attacker on the network.
    Mallory,
}

impl Participant {
    /// The name that is shown to people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Ca => "CA",
            Self::Bob => "bob",
            Self::Mallory => "mallory",
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

/// Makes a token for a subject, or returns the reason why there is none.
pub type MakeToken<'t> =
    dyn Fn(&IdBuf) -> Result<Token, Box<dyn Diagnostic + Send + Sync>> + Send + Sync + 't;

/// The reason why a scenario or an attack has no result.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ScenarioError {
    /// A client failed, though no byte was changed.
    #[error("{}: {source}", by.name())]
    #[diagnostic(forward(source))]
    Client {
        /// The client.
        by: Participant,
        /// The client's error.
        source: ClientError,
    },
    /// The CA requires tokens, and none could be made.
    #[error("no token could be made: {0}")]
    #[diagnostic(transparent)]
    Token(#[source] Box<dyn Diagnostic + Send + Sync>),
    /// The message does not have the byte to change.
    #[error("message {step} has no byte {offset} to change")]
    NoSuchByte {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// An exchange did not end. Its participants have deadlines, so this is a bug.
    #[error("the exchange did not end")]
    #[diagnostic(help("this is a bug in minipki, please report it"))]
    Stuck,
    /// A changed byte does not matter to the client: the CA has changed its key before, and the client has the present
    /// key already.
    #[error(
        "byte {offset} of message {step} is in an earlier change of the CA's key, which alice does not need"
    )]
    #[diagnostic(help("change a byte of another message"))]
    NotNeeded {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// No participant refused a changed byte: a bug.
    #[error("byte {offset} of message {step} was changed and nobody noticed")]
    #[diagnostic(help("this is a bug in minipki, please report it"))]
    Unnoticed {
        /// The message, from 0.
        step: usize,
        /// The byte, from 0.
        offset: usize,
    },
    /// An attack had no result.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Attack(#[from] AttackError),
    /// An attack succeeded: a bug.
    #[error("{0} was accepted")]
    #[diagnostic(help("this is a bug in minipki, please report it"))]
    Accepted(&'static str),
}
