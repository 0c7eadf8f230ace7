//! A decoded body: its kind, its fields, and the next check of its receiver.

use minipki_core::encoding::json::{self, Form};
use minipki_core::limits::TAG;
use serde_json::{Map, Value};

use super::explain::{self, Line};

/// The name of the last message before ciphertext.
pub const LAST_IN_CLEAR: &str = "handshake_3";

/// A message or file, decoded.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The `type` of the message, or another name if it has none.
    pub name: &'static str,
    /// The purpose, as a verb in the third person.
    pub purpose: String,
    /// The place among the messages of the exchange, for example first of four.
    pub place: Option<(u8, u8)>,
    /// The fields, with the reason for each.
    pub lines: Vec<Line>,
    /// The next check of the receiver.
    pub next: &'static str,
    /// The JSON object; empty for an encrypted message.
    pub fields: Map<String, Value>,
}

/// Reads a body in clear.
///
/// # Errors
/// The problem, as a text for people.
pub fn message(body: &[u8]) -> Result<Reading, String> {
    json::check(body, Form::Relaxed).map_err(|error| format!("malformed: {error}"))?;
    let fields = serde_json::from_slice(body).map_err(|_| "malformed: not a JSON object".to_owned())?;
    let known = explain::explanation(&fields).ok_or("a message of an unknown type")?;
    Ok(Reading {
        name: known.name,
        purpose: known.purpose.to_owned(),
        place: known.place,
        lines: known.lines(&fields),
        next: known.next,
        fields,
    })
}

/// Describes the body of a frame of an open channel. `nonce` is its number in its direction.
pub fn record(body: &[u8], nonce: u64) -> Reading {
    let (ciphertext, tag) = body.split_at(body.len().saturating_sub(TAG));
    let part = |name: &str, value, why| Line { depth: 0, name: name.to_owned(), value, why };
    Reading {
        name: "encrypted message",
        purpose: format!("nonce {nonce}"),
        place: None,
        lines: vec![
            part(
                "ciphertext",
                explain::hex_bytes(ciphertext),
                "ChaCha20 under the key of this direction, which only the two ends have",
            ),
            part(
                "tag",
                explain::hex(tag),
                "Poly1305 over the ciphertext (RFC 8439): it detects any changed bit",
            ),
        ],
        next: "the tag under the expected nonce: this finds replayed and missing messages",
        fields: Map::new(),
    }
}

/// The length prefix of a body of `len` bytes.
pub fn length(len: usize) -> Line {
    let prefix = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    Line {
        depth: 0,
        name: "length".to_owned(),
        value: format!("{} = {len} bytes", explain::hex(&prefix)),
        why: "the length of the body; 0 or too much is refused before reading",
    }
}
