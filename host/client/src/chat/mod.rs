//! Conversations over a channel: texts, each a message `{"text":"…","type":"chat"}`.
//!
//! [`converse`] is for a person at a terminal, [`run`] for a script. Both send and
//! receive at the same time, and print what arrives a line a message. [`Conversations`] are several at
//! the same time, and say for which of them a typed line is.

mod conversations;
mod converse;
mod limits;
mod lines;
mod message;
mod note;
mod script;

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use self::limits::Watch;
use super::{ClientError, Incoming};
use minipki_net::trace::printable;

pub use conversations::{Conversations, Full, Seat};
pub use converse::{Input, converse};
pub use limits::Limits;
pub use lines::{Line, Lines};
pub use message::{Message, MessageError, decode, encode};
pub use note::Note;
pub use script::{Script, run};

/// How long the reason may take to arrive for which nothing can be sent any more.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Somebody to be told what is not part of the conversation.
pub type Notes<'n> = &'n (dyn Fn(Note) + Sync);

/// A request to end all conversations in order: once it is made, the name of the signal that made it.
pub type Stop = watch::Receiver<Option<&'static str>>;

/// Waits for the request; returns the name of the signal. Without end if nobody can make it any more.
pub async fn stopped(stop: &Stop) -> &'static str {
    let asked = stop.clone().wait_for(Option::is_some).await.ok().and_then(|signal| *signal);
    match asked {
        Some(signal) => signal,
        None => pending().await,
    }
}

/// How a conversation is held.
#[derive(Clone, Copy)]
pub struct ChatOptions<'n> {
    /// The prefix of each text that arrives, where several peers may talk.
    pub prefix: &'n str,
    /// The limits that end the conversation if neither side does.
    pub limits: Limits,
    /// Somebody to be told what is not part of it.
    pub notes: Notes<'n>,
    /// The request to end the conversation from outside, if there can be one.
    pub stop: Option<&'n Stop>,
}

/// The next text, once it is printed; `None` when the peer has closed its direction.
/// What is no text is noted, and passed over.
async fn next_text(
    inbound: &mut Incoming<impl AsyncRead + Unpin>,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
    limits: &Watch<'_>,
) -> Result<Option<String>, ClientError> {
    let ChatOptions { prefix, notes, .. } = options;
    while let Some(body) = inbound.receive().await? {
        limits.message()?;
        match decode(body) {
            Ok(Message::Chat(text)) => {
                let line = format!("{prefix}{}\n", printable(&text));
                let printed = async {
                    output.write_all(line.as_bytes()).await?;
                    output.flush().await
                };
                let what = "what the peer said could not be printed";
                printed.await.map_err(|source| ClientError::Local { what, source })?;
                return Ok(Some(text));
            }
            Ok(Message::Unknown(name)) => notes(Note::UnknownType(printable(&name))),
            Err(error) => notes(Note::Malformed(error)),
        }
    }
    Ok(None)
}

/// Lets both directions go on at once, and ends when both have, or when one fails.
///
/// When sending fails it is most often because the peer has refused: then its reason is about to arrive.
async fn duplex(
    sending: impl Future<Output = Result<(), ClientError>>,
    receiving: impl Future<Output = Result<(), ClientError>>,
) -> Result<(), ClientError> {
    let (mut sending, mut receiving) = (pin!(sending), pin!(receiving));
    tokio::select! {
        received = &mut receiving => {
            received?;
            sending.await
        }
        sent = &mut sending => match sent {
            Ok(()) => receiving.await,
            Err(error @ ClientError::Exchange { .. }) => match timeout(TIMEOUT, receiving).await {
                Ok(Err(reason)) => Err(reason),
                _ => Err(error),
            },
            Err(error) => Err(error),
        },
    }
}
