//! The text of a JSON certificate: its fields, and the bytes that each of them comes from.

use minipki_core::cert::Certificate;
use minipki_core::crypto::{Hash, Portable};
use minipki_net::trace::explain::{self, hex};
use minipki_net::trace::places::{self, Place};
use serde_json::{Map, Value};

use super::encoding::{Encoding, FieldLine, Token};

/// A JSON certificate: its encoding, and the signed text with its digest.
pub(super) struct CertificateText {
    pub(super) encoding: Encoding,
    pub(super) signed: String,
    pub(super) digest: String,
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
            encoding: Encoding {
                id: "json",
                title: "JSON certificate",
                about: format!(
                    "{} bytes of canonical JSON: sorted members, no spaces, one encoding of each value.",
                    text.len()
                ),
                fields: lines
                    .into_iter()
                    .enumerate()
                    .map(|(number, line)| FieldLine {
                        line,
                        part: values.contains(&number).then_some(number),
                    })
                    .collect(),
                bytes: tokens(text, &places, &values),
                fault: None,
            },
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
fn tokens(text: &[u8], places: &[Place], values: &[usize]) -> Vec<Token> {
    let piece = |from: usize, to: usize| {
        Token::Text(String::from_utf8_lossy(text.get(from..to).unwrap_or_default()).into_owned())
    };
    let mut tokens = Vec::new();
    let mut end = 0;
    for number in values {
        let Some(place) = places.get(*number).filter(|place| place.at.start >= end) else { continue };
        tokens.push(piece(end, place.at.start));
        tokens.extend([Token::Begin(*number), piece(place.at.start, place.at.end), Token::End]);
        end = place.at.end;
    }
    tokens.push(piece(end, text.len()));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = include_bytes!("../../../../../vectors/cert/accept/good");

    #[test]
    fn the_parts_are_the_whole_text_and_each_field_has_its_own_bytes() {
        let Encoding { fields, bytes, .. } = CertificateText::of(GOOD).encoding;
        let texts = bytes.iter().filter_map(|token| match token {
            Token::Text(text) => Some(&text[..]),
            _ => None,
        });
        assert_eq!(texts.collect::<String>().as_bytes(), GOOD);
        let body: Map<String, Value> = serde_json::from_slice(GOOD).expect("JSON");
        let mut found = 0;
        for field in fields.iter().filter(|field| field.line.depth == 0) {
            let Some(number) = field.part else { continue };
            let begin = bytes.iter().position(|token| *token == Token::Begin(number)).expect("its part");
            let value = Token::Text(body[&field.line.name].to_string());
            assert_eq!(bytes[begin + 1], value, "{}", field.line.name);
            found += 1;
        }
        assert!(found > 4, "{found} fields");
    }

    #[test]
    fn other_bytes_have_one_part() {
        for other in [&b"{}"[..], b"", b"{\"a\":1", b"\xff\xfe"] {
            let Encoding { fields, bytes, .. } = CertificateText::of(other).encoding;
            assert_eq!((fields.len(), bytes.len()), (0, 1));
        }
    }
}
