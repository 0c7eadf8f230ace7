//! The errors between a client and the other side, each with the next step.

use std::io;
use std::time::Duration;

use miette::Diagnostic;
use minipki_core::cert;
use minipki_core::session;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason};
use minipki_core::wire::Code;

use minipki_net::NetError;
use minipki_os::clock::ClockError;

/// The reason why an enrolment, a channel or a conversation failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ClientError {
    /// The connection failed.
    #[error("cannot connect to {address}: {source}")]
    #[diagnostic(help("check the address, and that the other side is running"))]
    Unreachable {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// No connection within the time limit.
    #[error("{address} did not accept the connection within {limit:?}")]
    #[diagnostic(help("check the address and the firewalls"))]
    ConnectDeadline {
        /// The address.
        address: String,
        /// The time limit.
        limit: Duration,
    },
    /// The CA refused the request.
    #[error("the CA refused ({code}): {text}")]
    Refused {
        /// The reason, for programs.
        code: Code,
        /// The CA's text: printable ASCII.
        text: String,
    },
    /// The exchange with the other side failed.
    #[error("{with}: {source}")]
    #[diagnostic(forward(source))]
    Exchange {
        /// The other side.
        with: String,
        /// The check that failed.
        source: NetError,
    },
    /// A message that is longer than a frame. It was not sent.
    #[error("the message takes {len} bytes, and a frame of the channel takes {limit}")]
    #[diagnostic(help("send it in parts"))]
    TooLong {
        /// The length of the message.
        len: usize,
        /// The maximum length.
        limit: usize,
    },
    /// An expected text did not arrive.
    #[error("expected {text:?} from the peer, and {why}")]
    Missing {
        /// The text.
        text: String,
        /// The reason why the script stopped waiting.
        why: Ending,
    },
    /// A failure on this machine: the input could not be read, or a message could not be printed.
    #[error("{what}: {source}")]
    Local {
        /// The failed operation.
        what: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The peer of a channel holds our own key, and the options do not allow this.
    #[error("{with} has our own key: this identity has connected to itself")]
    #[diagnostic(help("give each side its own identity, or allow this on both sides with --allow-self"))]
    OwnKey {
        /// The other side.
        with: String,
    },
    /// A certificate expired while the channel was open, and the channel was closed.
    #[error(
        "{}expired at {}, and the channel to {peer} was closed",
        holder(expiry.holder, peer), expiry.not_after
    )]
    #[diagnostic(help(
        "enrol a new identity in its place, or keep channels open with --stay-open-after-expiry"
    ))]
    Expired {
        /// The peer's name.
        peer: String,
        /// The expired certificate.
        expiry: Expiry,
    },
    /// The CA has revoked the certificate of the peer while the channel was open, and the channel was closed.
    #[error(
        "the CA has revoked the certificate of {peer} at {} (reason: {}), and the channel was closed",
        revocation.revoked_at, revocation.reason
    )]
    #[diagnostic(help("{}", advice_for_revoked(revocation)))]
    PeerRevoked {
        /// The peer's name.
        peer: String,
        /// The revocation.
        revocation: Revocation,
    },
    /// Both sides were silent for too long, and the channel was closed.
    #[error("{peer} and we have been silent for {limit:?}, and the channel was closed")]
    #[diagnostic(help("--idle sets the limit"))]
    Idle {
        /// The peer's name.
        peer: String,
        /// The time limit.
        limit: Duration,
    },
    /// A signal stopped the conversation, and the channel was closed.
    #[error("ended by {signal}")]
    Stopped {
        /// The name of the signal.
        signal: &'static str,
    },
    /// The clock gives no time for the verification of certificates.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Clock(#[from] ClockError),
    /// The CA's answer to a renewal is not a new certificate.
    #[error("the answer from {with} is an earlier certificate, not a new one")]
    #[diagnostic(help("try again over another network: somebody may have replaced the answer of the CA"))]
    Replayed {
        /// The address of the CA.
        with: String,
    },
    /// The signed status is not as the answer to a revocation says.
    #[error(
        "the answer from {with} says that the certificate is revoked, and its signed status ({status}) does not"
    )]
    #[diagnostic(help("try again over another network: somebody may have replaced the answer of the CA"))]
    NotConfirmed {
        /// The address of the CA.
        with: String,
        /// The name of the status.
        status: &'static str,
    },
    /// A file of the identity's folder could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Folder(Box<super::IdentityError>),
    /// The issued certificate cannot be used.
    #[error("the granted certificate cannot be used: {0}")]
    Certificate(#[from] cert::Error),
}

/// The reason why no more messages arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer closed the channel.
    Closed,
    /// The deadline has passed.
    Deadline(Duration),
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed the channel without it"),
            Self::Deadline(limit) => write!(f, "it did not arrive within {limit:?}"),
        }
    }
}

impl ClientError {
    pub(super) fn exchange(with: impl ToString, source: impl Into<NetError>) -> Self {
        Self::Exchange { with: with.to_string(), source: source.into() }
    }

    /// The failed check of the protocol, if there is one.
    pub const fn session_error(&self) -> Option<session::Error> {
        match self {
            Self::Exchange { source: NetError::Session(error), .. } => Some(*error),
            _ => None,
        }
    }
}

fn advice_for_revoked(revocation: &Revocation) -> &'static str {
    match revocation.reason {
        RevocationReason::CertificateHold => {
            "the peer can come back when the CA's operator has ended the hold"
        }
        _ => "do not trust the peer until it has a new certificate",
    }
}

/// The holder of a certificate, as the beginning of a sentence.
pub(super) fn holder(holder: Holder, peer: &str) -> String {
    match holder {
        Holder::Own => "our own certificate ".to_owned(),
        Holder::Peer => format!("the certificate of {peer} "),
    }
}

/// The expiry of a certificate of an open channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The holder of the certificate.
    pub holder: Holder,
    /// The last second of its validity.
    pub not_after: UnixTime,
}

/// A side of a channel, as the holder of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This side.
    Own,
    /// The other side.
    Peer,
}
