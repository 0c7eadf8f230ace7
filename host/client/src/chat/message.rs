//! Chat messages: `{"text":"…","type":"chat"}`, any Unicode text, in canonical form (RFC 8785).

use serde::Deserialize;

/// The only type that this version speaks.
const CHAT: &str = "chat";

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text. May hold anything: see [`printable`](minipki_net::trace::printable).
    Chat(String),
    /// A message of this type, which is not known here.
    Unknown(String),
}

/// What arrived is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not a JSON object with a `type`.
    #[error("it is not a JSON object with a `type`")]
    NotAMessage,
    /// Its type is `chat`, but it has not exactly a `text` beside that.
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

/// The body that says `text`.
pub fn encode(text: &str) -> Vec<u8> {
    serde_json::json!({ "text": text, "type": CHAT }).to_string().into_bytes()
}

/// Reads a body. It is from an authenticated peer, so other JSON forms of the same message are taken too.
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
