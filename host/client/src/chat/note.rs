//! Notes to the user that are not part of the conversation.

use std::fmt;
use std::time::Duration;

use super::MessageError;
use crate::Expiry;
use crate::error::holder;

/// An event that does not end the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The peer sent a message of a type that this version does not know. Printable.
    UnknownType(String),
    /// The peer sent a body that is not a message.
    Malformed(MessageError),
    /// A line was too long for one message, and was not sent.
    LineTooLong {
        /// The maximum length of a message in bytes.
        limit: usize,
    },
    /// A line was not UTF-8, and was not sent.
    LineNotText,
    /// The peer has closed its direction. It may still read, or may have ended: the channel does not show which.
    PeerClosed {
        /// Whether the end of our input would also close our direction to other peers.
        shared: bool,
    },
    /// The user has ended the input. Received messages are still shown.
    InputEnded,
    /// Our direction is closed, and we wait until the peer closes its direction.
    AwaitingClose {
        /// The peer.
        peer: String,
        /// The time for which it may be silent.
        limit: Duration,
    },
    /// The peer did not close and was silent for too long. The channel was closed.
    NotClosed {
        /// The peer.
        peer: String,
        /// The time for which it was silent.
        limit: Duration,
    },
    /// A certificate has expired, and the conversation continues.
    Expired {
        /// The peer.
        peer: String,
        /// The expired certificate.
        expiry: Expiry,
    },
    /// A line was typed while no peer was connected, and was not sent.
    NobodyConnected,
    /// A line was typed before the peer was known, and was not sent.
    PeerUnknown,
    /// A line names no recipient while several peers are connected, and was not sent.
    NotAddressed {
        /// The connected peers.
        connected: Vec<String>,
    },
    /// A line names a recipient that is not connected, and was not sent.
    NotConnected {
        /// The recipient. Printable.
        name: String,
    },
    /// A line names no recipient, and was not sent: it may be for a peer that has left.
    PeerChanged {
        /// The recipient of the lines before it.
        before: String,
        /// The connected peer.
        now: String,
    },
    /// The peer reads too slowly, and a line was not sent.
    NotReading {
        /// The peer.
        peer: String,
    },
    /// The conversation ended before some lines were sent.
    LinesLost {
        /// The peer.
        peer: String,
        /// The number of lines; `None` if they were not read, so that the number is unknown.
        count: Option<usize>,
    },
}

impl Note {
    /// Whether the note means that a line was not sent.
    pub const fn loses_a_line(&self) -> bool {
        match self {
            Self::LineTooLong { .. }
            | Self::LineNotText
            | Self::NobodyConnected
            | Self::PeerUnknown
            | Self::NotAddressed { .. }
            | Self::NotConnected { .. }
            | Self::PeerChanged { .. }
            | Self::NotReading { .. }
            | Self::LinesLost { .. } => true,
            Self::UnknownType(_)
            | Self::Malformed(_)
            | Self::PeerClosed { .. }
            | Self::InputEnded
            | Self::AwaitingClose { .. }
            | Self::NotClosed { .. }
            | Self::Expired { .. } => false,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(name) => {
                write!(f, "skipped a message of the type `{name}`, which this version does not know")
            }
            Self::Malformed(error) => write!(f, "skipped a message of the peer: {error}"),
            Self::LineTooLong { limit } => {
                write!(f, "the line was not sent: its message has more than {limit} bytes; send it in parts")
            }
            Self::LineNotText => f.write_str("the line was not sent: it is not UTF-8"),
            Self::PeerClosed { shared: false } => {
                f.write_str("the peer will send no more, and may have ended; end your input (Ctrl-D) to close")
            }
            Self::PeerClosed { shared: true } => f.write_str(
                "the peer will send no more, and may have ended; a line for it is still sent; the end of your \
                 input (Ctrl-D) would close our side to every peer",
            ),
            Self::InputEnded => f.write_str(
                "the input has ended: no more lines are sent; messages are still shown; Ctrl-C ends the program",
            ),
            Self::AwaitingClose { peer, limit } => write!(
                f,
                "the input has ended; waiting for {peer} to close, until it has been silent for {limit:?}"
            ),
            Self::NotClosed { peer, limit } => {
                write!(f, "{peer} has not closed and was silent for {limit:?}; all lines were sent")
            }
            Self::Expired { peer, expiry } => write!(
                f,
                "{}expired at {}; the channel stays open because of --stay-open-after-expiry",
                holder(expiry.holder, peer),
                expiry.not_after
            ),
            Self::NobodyConnected => f.write_str("the line was not sent: nobody is connected"),
            Self::PeerUnknown => f.write_str(
                "the line was not sent: the channel was not open yet; wait until the peer's name is shown",
            ),
            Self::NotAddressed { connected } => {
                f.write_str("the line was not sent: several are connected; begin it with one of ")?;
                for (n, name) in connected.iter().enumerate() {
                    write!(f, "{}@{name}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str(" and a space")
            }
            Self::NotConnected { name } => {
                write!(f, "the line was not sent: nobody named {name:?} is connected")
            }
            Self::PeerChanged { before, now } => write!(
                f,
                "the line was not sent: the lines before it were for {before}, and only {now} is connected; \
                 begin it with \"@{now} \" to send it to {now}"
            ),
            Self::NotReading { peer } => {
                write!(f, "the line was not sent: {peer} does not read; wait, then send it again")
            }
            Self::LinesLost { peer, count: Some(count) } => {
                write!(f, "{count} more lines to {peer} were not sent: the conversation has ended")
            }
            Self::LinesLost { peer, count: None } => {
                write!(
                    f,
                    "the rest of the input was not sent: it was for {peer}, and that conversation has ended"
                )
            }
        }
    }
}
