//! The text of a JSON certificate: its fields, and the bytes that each of them comes from.

use minipki_core::cert::Certificate;
use minipki_core::crypto::{Hash, Portable};
use minipki_net::trace::explain::{self, Line, hex};
use minipki_net::trace::places::{self, Place};
use serde_json::{Map, Value};

/// A JSON certificate: each field with its purpose, the encoded text in parts, and the signed text with its digest.
pub(super) struct CertificateText {
    pub(super) fields: Vec<FieldLine>,
    /// The whole encoded text, in order.
    pub(super) parts: Vec<Part>,
    pub(super) signed: String,
    pub(super) digest: String,
}

/// A field and its purpose.
pub(super) struct FieldLine {
    pub(super) line: Line,
    /// The number of its part of the text; `None` for an object, whose members have parts.
    pub(super) part: Option<usize>,
}

/// A part of the encoded text.
pub(super) struct Part {
    pub(super) text: String,
    /// The number of its field, if it is the value of one.
    pub(super) field: Option<usize>,
}

impl CertificateText {
    /// The parts of `text`. A damaged certificate has no fields.
    pub(super) fn of(text: &[u8]) -> Self {
        let body: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
        let lines = explain::explanation(&body).map(|known| known.lines(&body)).unwrap_or_default();
        let places = places::message(text);
        // Only in canonical JSON the fields have the order of their places.
        let values = if places.len() == lines.len() { values(&places) } else { Vec::new() };
        let slices =
            Certificate::parse(text).map(|certificate| certificate.signed_slices()).unwrap_or_default();
        Self {
            fields: lines
                .into_iter()
                .enumerate()
                .map(|(number, line)| FieldLine { line, part: values.contains(&number).then_some(number) })
                .collect(),
            parts: parts(text, &places, &values),
            signed: String::from_utf8_lossy(&slices.concat()).into_owned(),
            digest: hex(&Portable::new().sha256(&slices)),
        }
    }
}

/// The places that contain no other one.
fn values(places: &[Place]) -> Vec<usize> {
    let is_value = |number: &usize| {
        let inner = places.get(number + 1).map(|next| next.at.start);
        places.get(*number).is_some_and(|place| inner.is_none_or(|start| start >= place.at.end))
    };
    (0..places.len()).filter(is_value).collect()
}

/// `text`, divided at the ends of the `values` among its places.
fn parts(text: &[u8], places: &[Place], values: &[usize]) -> Vec<Part> {
    let part = |from: usize, to: usize, field| Part {
        text: String::from_utf8_lossy(text.get(from..to).unwrap_or_default()).into_owned(),
        field,
    };
    let mut parts = Vec::new();
    let mut end = 0;
    for number in values {
        let Some(place) = places.get(*number).filter(|place| place.at.start >= end) else { continue };
        parts.push(part(end, place.at.start, None));
        parts.push(part(place.at.start, place.at.end, Some(*number)));
        end = place.at.end;
    }
    parts.push(part(end, text.len(), None));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = include_bytes!("../../../../../vectors/cert/accept/good");

    #[test]
    fn the_parts_are_the_whole_text_and_each_field_has_its_own_bytes() {
        let text = CertificateText::of(GOOD);
        let whole: String = text.parts.iter().map(|part| &part.text[..]).collect();
        assert_eq!(whole.as_bytes(), GOOD);
        let body: Map<String, Value> = serde_json::from_slice(GOOD).expect("JSON");
        let mut found = 0;
        for field in text.fields.iter().filter(|field| field.line.depth == 0) {
            let Some(number) = field.part else { continue };
            let part = text.parts.iter().find(|part| part.field == Some(number)).expect("its part");
            assert_eq!(part.text, body[&field.line.name].to_string(), "{}", field.line.name);
            found += 1;
        }
        assert!(found > 4, "{found} fields");
    }

    #[test]
    fn other_bytes_have_one_part() {
        for other in [&b"{}"[..], b"", b"{\"a\":1", b"\xff\xfe"] {
            let text = CertificateText::of(other);
            assert_eq!((text.fields.len(), text.parts.len()), (0, 1));
        }
    }
}
