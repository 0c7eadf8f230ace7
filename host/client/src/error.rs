//! What can go wrong between a client and the other side, with what to do about it.

use std::io;
use std::time::Duration;

use minipki_core::cert;
use minipki_core::session;
use minipki_core::time::UnixTime;
use minipki_core::wire::Code;

use minipki_net::NetError;
use minipki_os::clock::ClockError;

/// Why an enrolment, a channel or a conversation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect to {address}: {source}; check the address, and that the other side is running")]
    Unreachable {
        /// Where to.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// No connection within the time that it may take.
    #[error(
        "{address} did not take the connection within {limit:?}; check the address, and what filters the way to it"
    )]
    ConnectDeadline {
        /// Where to.
        address: String,
        /// The time it may take.
        limit: Duration,
    },
    /// The CA gave no certificate, and said why.
    #[error("the CA refused ({code}): {text}")]
    Refused {
        /// Why, for programs.
        code: Code,
        /// Why, in the CA's words: printable ASCII.
        text: String,
    },
    /// The exchange with the other side failed.
    #[error("{with}: {source}{}", advice(source))]
    Exchange {
        /// The other side.
        with: String,
        /// The check that failed.
        source: NetError,
    },
    /// A message longer than a frame takes. It was not sent.
    #[error("the message takes {len} bytes, and a frame of the channel takes {limit}; send it in parts")]
    TooLong {
        /// Its length, as it would be sent.
        len: usize,
        /// The most that can be sent.
        limit: usize,
    },
    /// A script expected a text that did not arrive.
    #[error("expected {text:?} from the peer, and {why}")]
    Missing {
        /// The text.
        text: String,
        /// Why no more is to be expected.
        why: Ending,
    },
    /// What arrived could not be printed, or what was to be sent could not be read.
    #[error("{what}: {source}")]
    Local {
        /// What was being done.
        what: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The peer of a channel holds our own key, and that was not allowed.
    #[error(
        "{with} has our own key: this identity has connected to itself; give each side an identity of its \
         own, or allow it on both sides with --allow-self"
    )]
    OwnKey {
        /// The other side.
        with: String,
    },
    /// A certificate expired while the channel was open, and the channel was closed.
    #[error(
        "{}expired at {}, and the channel to {peer} was closed; enrol a new identity in its place, or \
         keep channels open with --stay-open-after-expiry",
        holder(expiry.holder, peer), expiry.not_after
    )]
    Expired {
        /// The peer's name.
        peer: String,
        /// Whose certificate, and when.
        expiry: Expiry,
    },
    /// Neither side said anything for too long, and the channel was closed.
    #[error(
        "{peer} and we have been silent for {limit:?}, and the channel was closed; --idle sets the limit"
    )]
    Idle {
        /// The peer's name.
        peer: String,
        /// How long they may be silent.
        limit: Duration,
    },
    /// The conversation was asked to stop, and the channel was closed.
    #[error("ended by {signal}")]
    Stopped {
        /// The name of the signal that asked for it.
        signal: &'static str,
    },
    /// No time to verify certificates at.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The certificate that was granted cannot be used.
    #[error("the granted certificate cannot be used: {0}")]
    Certificate(#[from] cert::Error),
}

/// Why no more messages are to be expected.
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

    /// The check of the protocol that failed, if it was one.
    pub const fn session_error(&self) -> Option<session::Error> {
        match self {
            Self::Exchange { source: NetError::Session(error), .. } => Some(*error),
            _ => None,
        }
    }
}

/// Whose certificate it is, as a sentence begins.
pub(super) fn holder(holder: Holder, peer: &str) -> String {
    match holder {
        Holder::Own => "our own certificate ".to_owned(),
        Holder::Peer => format!("the certificate of {peer} "),
    }
}

/// What to do about it, where the error's own words do not say.
const fn advice(error: &NetError) -> &'static str {
    match error {
        NetError::Deadline(_) => "; check that it is what was meant to run there, and that it is not busy",
        NetError::Session(session::Error::InvalidCertificate(error)) => match error {
            cert::Error::IssuerMismatch | cert::Error::IssuerKeyMismatch => {
                "; this is another CA than the pinned one: compare its fingerprint with the one the operator gives"
            }
            cert::Error::SubjectMismatch => "; somebody else answers there: check the address and the name",
            _ => "",
        },
        NetError::Session(session::Error::Refused(Code::CertificateRefused)) => {
            "; have both sides the same CA, the right time, and a certificate that has not expired?"
        }
        NetError::Session(session::Error::Refused(Code::HandshakeFailed) | session::Error::Noise(_)) => {
            "; the message was made with another key, or was changed on its way"
        }
        NetError::Session(session::Error::InvalidFrame(_) | session::Error::InvalidMessage(_)) => {
            "; is it a MiniPKI that answers there?"
        }
        _ => "",
    }
}

/// The end of a certificate of an open channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Whose certificate it is.
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
