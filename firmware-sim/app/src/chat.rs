//! What devices and people say: `{"text":"…","type":"chat"}` (protocol §5), within the core's JSON profile.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::encoding::json::{self, Form, JsonError, Reader};
use serde::Serialize;

use crate::config::Text;

/// The only type of message there is.
const CHAT: &str = "chat";

/// Room for the longest message that a device sends.
pub(crate) const MESSAGE: usize = Text::MAX + 32;

#[derive(Serialize)]
struct Chat<'a> {
    text: &'a str,
    r#type: &'a str,
}

/// Writes the message that says `text`.
///
/// # Errors
/// Never: [`MESSAGE`] holds any.
pub(crate) fn encode<'o>(text: Text<'_>, out: &'o mut [u8; MESSAGE]) -> Result<&'o [u8], BufferTooSmall> {
    let len = json::encode(&Chat { text: text.as_str(), r#type: CHAT }, out)?;
    out.get(..len).ok_or(BufferTooSmall)
}

/// The text of a message; `None` if it is of another type.
///
/// # Errors
/// [`JsonError`] if it is outside the profile: what people type may be, and a device cannot read that.
pub(crate) fn decode(body: &[u8]) -> Result<Option<&str>, JsonError> {
    let mut reader = Reader::new(body, Form::Relaxed)?;
    let [text, kind] = reader.strings(["text", "type"])?;
    reader.finish()?;
    let (text, kind) = (text.required()?, kind.required()?);
    Ok((kind == CHAT).then_some(text))
}
