//! The positions of fields in a body.

use std::ops::Range;

use minipki_core::limits::TAG;

use super::explain::{self, Explanation, Field, Shape};

/// The position of the value of a decoded field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The depth within objects: 0 at the top.
    pub depth: usize,
    /// The key of the field, or the name of a part of a Noise message.
    pub name: String,
    /// The bytes of the value in the body. For a part of a Noise message, all base64 characters that hold its bits.
    pub at: Range<usize>,
}

/// The places of the fields of a canonical message, in the order of [`Reading::lines`](super::Reading::lines). None
/// for an unknown message.
pub fn message(body: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    if let Ok(fields) = serde_json::from_slice(body)
        && let Some(Explanation { fields, .. }) = explain::explanation(&fields)
    {
        object(body, 0, fields, 0, &mut places);
    }
    places
}

/// The places of an encrypted message: its ciphertext and its tag.
pub fn record(body: &[u8]) -> Vec<Place> {
    let tag = body.len().saturating_sub(TAG);
    let place = |name: &str, at| Place { depth: 0, name: name.to_owned(), at };
    vec![place("ciphertext", 0..tag), place("tag", tag..body.len())]
}

/// Adds the places in the object that opens at `at`. Returns its end.
fn object(body: &[u8], at: usize, fields: &[Field], depth: usize, places: &mut Vec<Place>) -> usize {
    let mut at = at + 1;
    while body.get(at) == Some(&b'"') {
        let key = string(body, at);
        let name = String::from_utf8_lossy(body.get(at + 1..key.saturating_sub(1)).unwrap_or_default());
        let value = key + 1;
        let index = places.len();
        let field = fields.iter().find(|field| field.name == name);
        places.push(Place { depth, name: name.into_owned(), at: value..value });
        let inner = match field.map(|field| &field.shape) {
            Some(Shape::Object(inner)) => *inner,
            _ => &[],
        };
        let end = match body.get(value) {
            Some(b'{') => object(body, value, inner, depth + 1, places),
            Some(b'"') => string(body, value),
            _ => (value..body.len()).find(|&i| matches!(body[i], b',' | b'}')).unwrap_or(body.len()),
        };
        places[index].at = value..end;
        if let Some(Shape::Noise(parts)) = field.map(|field| &field.shape) {
            // Within the quotes, four characters of base64 hold three bytes.
            let (first, last) = (value + 1, end.saturating_sub(1));
            let mut bytes = 0;
            for part in *parts {
                let start = (first + bytes * 4 / 3).min(last);
                let stop = part.len.map_or(last, |len| {
                    bytes += len;
                    (first + (bytes * 4).div_ceil(3)).min(last)
                });
                places.push(Place { depth: depth + 1, name: part.name.to_owned(), at: start..stop });
            }
        }
        at = end + usize::from(body.get(end) == Some(&b','));
    }
    at + 1
}

/// The position after the closing quote of the string that opens at `at`.
fn string(body: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while let Some(byte) = body.get(i) {
        match byte {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    body.len()
}
