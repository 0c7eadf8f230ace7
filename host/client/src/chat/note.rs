//! What a person is told beside the conversation.

use std::fmt;
use std::time::Duration;

use super::MessageError;
use crate::Expiry;
use crate::error::holder;

/// Something that happened and does not end the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The peer sent a message of a type that this version does not know. Printable.
    UnknownType(String),
    /// The peer sent something that is no message.
    Malformed(MessageError),
    /// A line was too long for one message, and was not sent.
    LineTooLong {
        /// Most bytes of a message.
        limit: usize,
    },
    /// A line was not UTF-8, and was not sent.
    LineNotText,
    /// The peer has closed its direction. It may go on reading ours, or may have ended: the channel does not tell.
    PeerClosed {
        /// Whether the end of our input would close our direction to other peers, too.
        shared: bool,
    },
    /// A person has ended the input, and what arrives is still shown.
    InputEnded,
    /// Our direction is closed, and the peer is waited for.
    AwaitingClose {
        /// The peer.
        peer: String,
        /// How long it may be silent.
        limit: Duration,
    },
    /// The peer was silent for that long, and the channel was closed.
    NotClosed {
        /// The peer.
        peer: String,
        /// How long it was silent.
        limit: Duration,
    },
    /// A certificate has expired, and the conversation goes on.
    Expired {
        /// The peer.
        peer: String,
        /// Whose certificate, and when.
        expiry: Expiry,
    },
    /// A line was typed while nobody was connected, and was not sent.
    NobodyConnected,
    /// A line was typed before it was known who would read it, and was not sent.
    PeerUnknown,
    /// A line names nobody, several are connected, and it was not sent.
    NotAddressed {
        /// Who is connected.
        connected: Vec<String>,
    },
    /// A line names somebody who is not connected, and was not sent. Printable.
    NotConnected {
        /// Whom it names.
        name: String,
    },
    /// A line that names nobody may have been meant for somebody else than who is connected now, and was not sent.
    PeerChanged {
        /// Whom the lines before it were for.
        before: String,
        /// Who is connected.
        now: String,
    },
    /// The peer reads too slowly, and a line was not sent.
    NotReading {
        /// The peer.
        peer: String,
    },
    /// The conversation has ended before these lines could be sent.
    LinesLost {
        /// The peer.
        peer: String,
        /// How many they are; `None` if that is not known, since they were not read.
        count: Option<usize>,
    },
}

impl Note {
    /// Whether it tells that a line was not sent.
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
                write!(f, "passed over a message of the type `{name}`, which this version does not know")
            }
            Self::Malformed(error) => write!(f, "passed over what the peer sent: {error}"),
            Self::LineTooLong { limit } => write!(
                f,
                "the line was not sent: with what is around it, it does not fit into a message of {limit} bytes; \
                 send it in parts"
            ),
            Self::LineNotText => f.write_str("the line was not sent: it is not UTF-8"),
            Self::PeerClosed { shared: false } => {
                f.write_str("the peer will send no more, and may have ended; end your input (Ctrl-D) to close")
            }
            Self::PeerClosed { shared: true } => f.write_str(
                "the peer will send no more, and may have ended; a line for it is still sent; the end of your \
                 input (Ctrl-D) would close our side to every peer",
            ),
            Self::InputEnded => f.write_str(
                "the input has ended: nothing more is sent to anybody; what arrives is still shown; Ctrl-C ends",
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
                "{}expired at {}; the channel stays open, as --stay-open-after-expiry asks",
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
