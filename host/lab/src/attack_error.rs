//! The reasons why an attack of an attacker has no result.

use std::error::Error;

use miette::Diagnostic;
use minipki_core::cert;
use minipki_core::time::UnixTime;

use minipki_client::ClientError;

/// The reason why an attack has no result.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AttackError {
    /// The exchange with the peer failed before the attack.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Peer(#[from] ClientError),
    /// The file is no certificate.
    #[error("this is no certificate: {0}")]
    #[diagnostic(help("give the file certificate.json of an identity"))]
    NoCertificate(#[from] cert::Error),
    /// The certificate has not ended.
    #[error("the certificate of {subject} has not expired, it is valid until {end}")]
    #[diagnostic(help(
        "make a short one with `minipki ca token --validity 60s`, enrol with it, and wait for its end"
    ))]
    NotExpired {
        /// The subject.
        subject: String,
        /// The last second of the validity.
        end: UnixTime,
    },
    /// No handshake passed through the relay.
    #[error("no whole handshake has passed")]
    #[diagnostic(help("start again, and let a peer of the same CA connect to the address of the attacker"))]
    NothingRecorded,
    /// The message is shorter than expected.
    #[error("there is no byte to change")]
    NoByte,
    /// The false certificate could not be made.
    #[error("the false certificate could not be made: {0}")]
    Forgery(#[source] Box<dyn Error + Send + Sync>),
    /// The relay of a replay failed.
    #[error("the attacker cannot wait for a peer: {0}")]
    #[diagnostic(help("choose another address with --relay"))]
    Relay(#[source] std::io::Error),
    /// The peer ended the connection, and sent no refusal.
    #[error("the peer ended the connection without an answer")]
    #[diagnostic(help("look at the output of the peer"))]
    Ended,
    /// The attack succeeded: a bug.
    #[error("the peer did not refuse")]
    #[diagnostic(help("this is a bug in minipki, please report it"))]
    Accepted,
}

impl AttackError {
    pub(super) fn forgery(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Forgery(reason.into())
    }
}
