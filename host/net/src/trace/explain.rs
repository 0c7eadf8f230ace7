//! The explanation of a message or file: its fields, and the reason for each.

use std::fmt::Write;

use minipki_core::crypto::{Portable, rsa};
use minipki_core::encoding::base64;
use minipki_core::wire::Code;
use serde_json::{Map, Value};

use super::explain_messages::ALL;

/// The number of characters that are shown of a text or of base64.
const SHOWN: usize = 48;
/// The number of characters that are shown of long bytes: enough to tell two values apart.
const SHOWN_BYTES: usize = 16;
/// The number of entries that are shown of a list.
pub(super) const SHOWN_ENTRIES: usize = 3;
/// The name of the line about the other entries of a list.
pub(super) const OTHERS: &str = "others";
/// The note on a field that does not belong to its message.
pub const FOREIGN: &str = "does not belong here: a check refuses the message";
/// The length of a SHA-256 digest in hexadecimal digits.
const DIGEST: usize = 64;

/// The explanation of one kind of message or file.
pub struct Explanation {
    /// The `type` of the message, or another name if it has none.
    pub name: &'static str,
    /// The purpose, as a verb in the third person.
    pub purpose: &'static str,
    /// The place among the messages of the exchange, for example first of four.
    pub place: Option<(u8, u8)>,
    /// The fields, in canonical order.
    pub fields: &'static [Field],
    /// The next check of the receiver.
    pub next: &'static str,
}

/// One field of a message.
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// The form of the value.
    pub shape: Shape,
    /// The reason for the field.
    pub why: &'static str,
}

/// The form of a value.
pub enum Shape {
    /// Text, a time or a name.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A digest in hexadecimal. It is never cut, so that people can compare all digits.
    Digest,
    /// The code of a refusal. The reason for the field is the meaning of the code.
    Code,
    /// Bytes as base64.
    Bytes,
    /// An RSA public key: base64 of PEM.
    RsaKey,
    /// A Noise message of these parts, as base64.
    Noise(&'static [Part]),
    /// An object with these fields.
    Object(&'static [Field]),
    /// An array of such entries. The first entries are shown, with their numbers from 1.
    List(&'static Field),
}

/// A part of a Noise message.
pub struct Part {
    /// The name of the token in the pattern.
    pub name: &'static str,
    /// The length in bytes; `None` for the rest of the message.
    pub len: Option<usize>,
    /// The reason for the part.
    pub why: &'static str,
}

/// One line of a decoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The depth within objects: 0 at the top.
    pub depth: usize,
    /// The key of the field.
    pub name: String,
    /// The value, shortened, without control characters.
    pub value: String,
    /// The reason for the field.
    pub why: &'static str,
}

/// The explanation of a message or file, found by its fields. `None` for an unknown one.
pub fn explanation(body: &Map<String, Value>) -> Option<&'static Explanation> {
    let has = |name| body.contains_key(name);
    let granted = body.get("ok") == Some(&Value::Bool(true));
    let name = match body.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(_) => return None,
        None if has("ca_signature_b64") => "certificate",
        None if has("fingerprint_sha256") => "anchor",
        None if granted && has("revoked") => "revoked",
        None if granted && has("status") => "status",
        None if granted && has("anchors") => "anchors",
        None if granted && has("x509_b64") => "x509",
        None if granted => "granted",
        None if has("ok") => "refused",
        None if has("public_key_algo") => "classic request",
        None if body.get("certificate").is_some_and(Value::is_object) && has("status") => {
            "certificate and status"
        }
        // Files of other programs can have an address, too.
        None if body.len() == 1 && has("address") => "CA address",
        None => return None,
    };
    ALL.iter().find(|explanation| explanation.name == name)
}

impl Field {
    /// The name of an entry of a list of such fields. `number` counts from 1.
    pub(super) fn entry(&self, number: usize) -> String {
        format!("{} {number}", self.name)
    }
}

impl Explanation {
    /// Decodes `body`: first its known fields in order, then its other fields.
    pub fn lines(&self, body: &Map<String, Value>) -> Vec<Line> {
        let mut lines = Vec::new();
        object(self.fields, body, 0, &mut lines);
        lines
    }
}

fn object(fields: &'static [Field], body: &Map<String, Value>, depth: usize, lines: &mut Vec<Line>) {
    for field in fields {
        if let Some(value) = body.get(field.name) {
            member(field, field.name.to_owned(), value, depth, lines);
        }
    }
    for (name, value) in body {
        if !fields.iter().any(|field| field.name == name) {
            let name = escaped(name.as_bytes(), SHOWN);
            lines.push(Line { depth, name, value: plain(value), why: FOREIGN });
        }
    }
}

/// Adds the lines of a field, or of an entry of a list.
fn member(field: &'static Field, name: String, value: &Value, depth: usize, lines: &mut Vec<Line>) {
    let line = |value| Line { depth, name, value, why: field.why };
    match (&field.shape, value) {
        (Shape::Object(inner), Value::Object(value)) => {
            lines.push(line(format!("{} fields", value.len())));
            object(inner, value, depth + 1, lines);
        }
        (Shape::List(entry), Value::Array(entries)) => {
            lines.push(line(count(entries.len())));
            for (number, value) in (1..).zip(entries.iter().take(SHOWN_ENTRIES)) {
                member(entry, entry.entry(number), value, depth + 1, lines);
            }
            let others = entries.len().saturating_sub(SHOWN_ENTRIES);
            if others > 0 {
                let why = "not shown here: the message or file has all entries";
                lines.push(Line { depth: depth + 1, name: OTHERS.to_owned(), value: count(others), why });
            }
        }
        (Shape::Noise(parts), Value::String(text)) => match bytes(text) {
            Some(message) => {
                lines.push(line(format!("{} bytes", message.len())));
                noise(parts, &message, depth + 1, lines);
            }
            None => lines.push(line(quoted(text))),
        },
        (Shape::RsaKey, Value::String(text)) => lines.push(line(rsa_key(text))),
        (Shape::Digest, Value::String(text)) => lines.push(line(escaped(text.as_bytes(), DIGEST))),
        (Shape::Code, Value::String(code)) => {
            lines.push(Line { why: Code::from_name(code).text(), ..line(quoted(code)) });
        }
        (Shape::Bytes, Value::String(text)) => lines.push(line(base64_text(text))),
        (_, value) => lines.push(line(plain(value))),
    }
}

fn count(entries: usize) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}

fn noise(parts: &'static [Part], mut message: &[u8], depth: usize, lines: &mut Vec<Line>) {
    for part in parts {
        let len = part.len.unwrap_or(message.len()).min(message.len());
        let (value, rest) = message.split_at(len);
        message = rest;
        lines.push(Line { depth, name: part.name.to_owned(), value: hex_bytes(value), why: part.why });
    }
    if !message.is_empty() {
        let why = "does not belong here: the handshake fails";
        lines.push(Line { depth, name: "more".to_owned(), value: hex_bytes(message), why });
    }
}

/// Bytes of strict base64.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut out = vec![0; text.len()];
    let len = base64::decode(text, &mut out).ok()?.len();
    out.truncate(len);
    Some(out)
}

fn base64_text(text: &str) -> String {
    match bytes(text) {
        Some(value) if text.len() > SHOWN => {
            format!("{}… ({} bytes)", text.chars().take(SHOWN_BYTES).collect::<String>(), value.len())
        }
        Some(value) => format!("{text} ({} bytes)", value.len()),
        None => format!("{} (not base64)", quoted(text)),
    }
}

fn rsa_key(text: &str) -> String {
    let key = bytes(text).and_then(|pem| <rsa::PublicKey>::from_spki_pem(&pem).ok());
    match key {
        Some(key) => {
            let fingerprint = key.fingerprint(Portable::new()).to_string();
            format!(
                "RSA-{}, SHA-256 {}…",
                key.size().bits(),
                fingerprint.get(..SHOWN_BYTES).unwrap_or_default()
            )
        }
        None => format!("{} (not an RSA public key)", quoted(text)),
    }
}

/// The first bytes in hexadecimal, and the length.
pub fn hex_bytes(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES) {
        _ if bytes.is_empty() => "none".to_owned(),
        Some(start) if bytes.len() > SHOWN_BYTES => format!("{}… ({} bytes)", hex(start), bytes.len()),
        _ => format!("{} ({} bytes)", hex(bytes), bytes.len()),
    }
}

/// All bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => escaped(other.to_string().as_bytes(), SHOWN),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text.as_bytes(), SHOWN))
}

/// `bytes` as text of at most `limit` characters. Control and format characters are escaped, so that no terminal acts
/// on them.
pub fn escaped(bytes: &[u8], limit: usize) -> String {
    let mut shown = String::new();
    let mut room = limit;
    for c in String::from_utf8_lossy(bytes).chars() {
        let text = escaped_char(c);
        match room.checked_sub(text.chars().count()) {
            Some(left) => room = left,
            None => {
                shown.push('…');
                break;
            }
        }
        shown.push_str(&text);
    }
    shown
}

/// `c`, or its escape if a terminal would act on it or hide it.
fn escaped_char(c: char) -> String {
    if c.is_control() || is_format(c) { c.escape_default().to_string() } else { c.to_string() }
}

/// `text` on one line, with escapes for characters that a terminal would act on.
pub fn printable(text: &str) -> String {
    text.chars().map(escaped_char).collect()
}

/// Whether `c` is an invisible character that breaks, reorders or hides text (a part of Unicode's category Cf).
const fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
