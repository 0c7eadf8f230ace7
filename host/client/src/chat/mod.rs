//! Conversations over a channel. Each text is a message `{"text":"…","type":"chat"}` in canonical form (RFC 8785).
//!
//! [`converse`] is for a person at a terminal, [`run`] for a script. Both send and receive at the same time, and print
//! each received message as a line. [`Conversations`] holds several conversations at the same time.

mod conversations;
mod converse;
mod limits;
mod lines;
mod note;
mod script;

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use minipki_core::trust::Revocation;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use self::limits::Watch;
use super::{ClientError, Incoming};
use minipki_net::trace::printable;

pub use conversations::{Conversations, Slot, TooManyConversations};
pub use converse::{Input, converse};
pub use limits::Limits;
pub use lines::{Line, Lines};
pub use note::Note;
pub use script::{Script, run};

/// The time limit for the peer's refusal to arrive after sending has failed.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The only message type of this version.
const CHAT: &str = "chat";

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text. It may hold any character, see [`printable`].
    Chat(String),
    /// A message of this type, which this version does not know.
    Unknown(String),
}

/// The reason why a body is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The body is not a JSON object with a `type`.
    #[error("it is not a JSON object with a `type`")]
    NotAMessage,
    /// The type is `chat`, but the other members are not exactly one `text`.
    #[error("a chat message has a `text` and a `type`, and nothing else")]
    NotAChat,
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chat {
    text: String,
    #[serde(rename = "type")]
    _type: String,
}

/// Encodes `text` as a message.
pub fn encode(text: &str) -> Vec<u8> {
    serde_json::json!({ "text": text, "type": CHAT }).to_string().into_bytes()
}

/// Decodes a message. Its sender is an authenticated peer, so JSON that is not canonical is accepted too.
///
/// # Errors
/// [`MessageError`].
pub fn decode(body: &[u8]) -> Result<Message, MessageError> {
    let Typed { r#type } = serde_json::from_slice(body).map_err(|_| MessageError::NotAMessage)?;
    if r#type != CHAT {
        return Ok(Message::Unknown(r#type));
    }
    let chat: Chat = serde_json::from_slice(body).map_err(|_| MessageError::NotAChat)?;
    Ok(Message::Chat(chat.text))
}

/// The receiver of notes that are not part of the conversation.
pub type Notes<'n> = &'n (dyn Fn(Note) + Sync);

/// A request to end all conversations in order: the name of the signal, once there is one.
pub type Stop = watch::Receiver<Option<&'static str>>;

/// The revocation of a peer's certificate, once the CA has stated one.
pub type PeerRevocation = watch::Receiver<Option<Revocation>>;

/// Waits for the request, and returns the name of the signal. Waits for ever if the sender is gone.
pub async fn stopped(stop: &Stop) -> &'static str {
    sent(stop).await
}

/// Waits for the first value. Waits for ever if the sender is gone.
async fn sent<T: Copy>(values: &watch::Receiver<Option<T>>) -> T {
    let value = values.clone().wait_for(Option::is_some).await.ok().and_then(|value| *value);
    match value {
        Some(value) => value,
        None => pending().await,
    }
}

/// The options of a conversation.
#[derive(Clone, Copy)]
pub struct ChatOptions<'n> {
    /// The prefix of each printed text, to show its sender among several peers.
    pub prefix: &'n str,
    /// The limits that end the conversation if neither side does.
    pub limits: Limits,
    /// The receiver of notes.
    pub notes: Notes<'n>,
    /// The request to end the conversation from outside, if there can be one.
    pub stop: Option<&'n Stop>,
    /// The revocation of the peer's certificate, if the CA is asked about it.
    pub revoked: Option<&'n PeerRevocation>,
}

/// Receives the next text and prints it; `None` when the peer has closed its direction. A body that is not a text is
/// noted and skipped.
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
                let what = "a message of the peer could not be printed";
                printed.await.map_err(|source| ClientError::Local { what, source })?;
                return Ok(Some(text));
            }
            Ok(Message::Unknown(name)) => notes(Note::UnknownType(printable(&name))),
            Err(error) => notes(Note::Malformed(error)),
        }
    }
    Ok(None)
}

/// Runs both directions at the same time. Returns when both have ended, or when one has failed.
///
/// If sending fails, the peer has probably refused. Then its refusal is about to arrive.
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
