//! What a person is told beside the conversation.

use std::fmt;

use super::MessageError;

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
    /// The peer has closed its direction, and goes on reading ours.
    PeerClosed,
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
            Self::PeerClosed => {
                f.write_str("the peer will send no more, and still reads; end your input (Ctrl-D) to close")
            }
        }
    }
}
