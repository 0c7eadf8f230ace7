//! An encoding of a certificate, JSON or X.509: its fields, and the bytes that each of them comes from.

use std::cmp::Reverse;
use std::ops::Range;

use minipki_core::x509::Certificate;
use minipki_net::trace::explain::Line;
use minipki_net::trace::x509::fields::{self, Lines};
use minipki_net::trace::x509::malformed;

/// An encoding of a certificate, for a page.
pub(super) struct Encoding {
    /// The prefix of its ids in the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: String,
    pub(super) fields: Vec<FieldLine>,
    /// The whole encoding, in order.
    pub(super) bytes: Vec<Token>,
    /// The reason why it cannot be read.
    pub(super) fault: Option<String>,
}

/// A field and its purpose.
pub(super) struct FieldLine {
    pub(super) line: Line,
    /// The number of its bytes; `None` if it has none of its own.
    pub(super) part: Option<usize>,
}

/// A piece of the encoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The bytes of the field with this number begin.
    Begin(usize),
    /// Some bytes.
    Text(String),
    /// The bytes of the last field that has begun end.
    End,
}

impl Encoding {
    /// The encoding of an X.509 certificate, as hexadecimal digits.
    pub(super) fn x509(der: &[u8]) -> Self {
        let mut lines = Lines::default();
        let read = Certificate::parse(der).and_then(|found| fields::certificate(&found, &mut lines));
        let Lines { lines, places, .. } = lines;
        let part = |number: usize| places.get(number).filter(|place| !place.is_empty()).map(|_| number);
        Self {
            id: "x509",
            title: "X.509 certificate",
            about: format!(
                "{} bytes of DER (RFC 5280 §4.1): the type, the length and the contents of each value.",
                der.len()
            ),
            bytes: tokens(der, &places),
            fields: (0..).zip(lines).map(|(number, line)| FieldLine { line, part: part(number) }).collect(),
            fault: read.err().map(|error| malformed::seen(der, error)),
        }
    }
}

/// The bytes in hexadecimal, with the beginning and the end of each place. A place is within another one, or beside it.
fn tokens(der: &[u8], places: &[Range<usize>]) -> Vec<Token> {
    let mut places: Vec<_> = places.iter().enumerate().filter(|(_, place)| !place.is_empty()).collect();
    places.sort_by_key(|(_, place)| (place.start, Reverse(place.end)));
    let (mut tokens, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    let mut text = |tokens: &mut Vec<Token>, end: usize| {
        let bytes = der.get(at..end).unwrap_or_default();
        if !bytes.is_empty() {
            tokens.push(Token::Text(bytes.iter().map(|byte| format!("{byte:02x} ")).collect()));
            at = end;
        }
    };
    for (number, place) in places {
        while let Some(end) = open.pop_if(|end| *end <= place.start) {
            text(&mut tokens, end);
            tokens.push(Token::End);
        }
        text(&mut tokens, place.start);
        tokens.push(Token::Begin(number));
        open.push(place.end);
    }
    while let Some(end) = open.pop() {
        text(&mut tokens, end);
        tokens.push(Token::End);
    }
    text(&mut tokens, der.len());
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &[u8] = include_bytes!("../../../../../core/examples/data/x509/server.der");

    fn text(tokens: &[Token]) -> String {
        let texts = tokens.iter().filter_map(|token| match token {
            Token::Text(text) => Some(&text[..]),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn the_tokens_are_all_bytes_in_order_and_each_field_begins_once() {
        let encoding = Encoding::x509(SERVER);
        let digits: String = SERVER.iter().map(|byte| format!("{byte:02x} ")).collect();
        assert_eq!(text(&encoding.bytes), digits);
        assert_eq!(encoding.fault, None);
        let begun = |number| encoding.bytes.iter().filter(|token| **token == Token::Begin(number)).count();
        let parts: Vec<_> = encoding.fields.iter().filter_map(|field| field.part).collect();
        assert!(parts.len() > 10 && parts.iter().all(|number| begun(*number) == 1), "{parts:?}");
        let ends = encoding.bytes.iter().filter(|token| **token == Token::End).count();
        assert_eq!(ends, parts.len());
    }

    #[test]
    fn a_place_within_another_one_is_inside() {
        let [begin, end] = [Token::Begin, |_| Token::End];
        let text = |text: &str| Token::Text(text.to_owned());
        let found = tokens(&[1, 2, 3, 4], &[0..3, 1..2, 0..0, 2..3]);
        let expected = [
            begin(0),
            text("01 "),
            begin(1),
            text("02 "),
            end(1),
            begin(3),
            text("03 "),
            end(3),
            end(0),
            text("04 "),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_fields() {
        for der in [&b""[..], b"\x30", b"{}"] {
            let encoding = Encoding::x509(der);
            assert!(encoding.fields.is_empty() && encoding.fault.is_some());
            assert_eq!(text(&encoding.bytes).len(), 3 * der.len());
        }
    }
}
