//! The positions of fields in a body.

use std::ops::Range;

use minipki_core::limits::TAG;

use super::explain::{self, Explanation, Field, OTHERS, SHOWN_ENTRIES, Shape};

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
        let end = inner(body, value, field.map(|field| &field.shape), depth + 1, places);
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

/// Adds the places in the value that begins at `at`: in an object or an array. Returns its end.
fn inner(body: &[u8], at: usize, shape: Option<&Shape>, depth: usize, places: &mut Vec<Place>) -> usize {
    match (body.get(at), shape) {
        (Some(b'{'), Some(Shape::Object(fields))) => object(body, at, fields, depth, places),
        (Some(b'{'), _) => object(body, at, &[], depth, places),
        (Some(b'['), Some(Shape::List(entry))) => list(body, at, Some(entry), depth, places),
        (Some(b'['), _) => list(body, at, None, depth, places),
        (Some(b'"'), _) => string(body, at),
        _ => (at..body.len()).find(|&i| matches!(body[i], b',' | b'}' | b']')).unwrap_or(body.len()),
    }
}

/// Adds the places of the shown entries of the array that opens at `at`, and the place of all others. Returns its end.
fn list(body: &[u8], at: usize, entry: Option<&Field>, depth: usize, places: &mut Vec<Place>) -> usize {
    let mut at = at + 1;
    let mut others: Option<Range<usize>> = None;
    for number in 1.. {
        if matches!(body.get(at), None | Some(b']')) {
            break;
        }
        let end = match entry {
            Some(entry) if number <= SHOWN_ENTRIES => {
                let index = places.len();
                places.push(Place { depth, name: entry.entry(number), at: at..at });
                let end = inner(body, at, Some(&entry.shape), depth + 1, places);
                places[index].at = at..end;
                end
            }
            _ => {
                let end = inner(body, at, None, depth + 1, &mut Vec::new());
                others = Some(others.map_or(at, |others| others.start)..end);
                end
            }
        };
        // Only an array that is not canonical has an entry without an end.
        if end <= at {
            break;
        }
        at = end + usize::from(body.get(end) == Some(&b','));
    }
    if let (Some(at), Some(_)) = (others, entry) {
        places.push(Place { depth, name: OTHERS.to_owned(), at });
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
