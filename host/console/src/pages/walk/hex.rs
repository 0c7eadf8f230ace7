//! The bytes of a frame. Each byte is a button that flips it.

use askama::Template;

use crate::pages::message::Decoded;

/// The number of bytes in a row.
const ROW: usize = 16;

/// The bytes of a frame in rows of 16, each row with its offset and its text.
#[derive(Template)]
#[template(path = "hex.html")]
pub(super) struct HexView {
    rows: Vec<Row>,
}

struct Row {
    /// The offset of the first byte, in hexadecimal.
    at: String,
    bytes: Vec<Byte>,
    /// The bytes as characters. A dot stands for a byte that is no printable character.
    text: String,
}

struct Byte {
    offset: usize,
    hex: String,
    /// The number of its field in the table.
    field: Option<usize>,
    /// Whether it is the flipped one.
    flipped: bool,
    /// Whether it is the one that the Tab key stops at.
    stop: bool,
}

impl HexView {
    /// The bytes of `frame`, whose fields are those of `message`. `flipped` is the byte that was flipped last.
    pub(super) fn new(frame: &[u8], message: &Decoded, flipped: Option<usize>) -> Self {
        let byte = |offset: usize, byte: u8| Byte {
            offset,
            hex: format!("{byte:02x}"),
            field: message.field_at(offset),
            flipped: flipped == Some(offset),
            stop: flipped.unwrap_or(0) == offset,
        };
        let row = |(number, bytes): (usize, &[u8])| {
            let start = number * ROW;
            let character = |&byte: &u8| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            };
            Row {
                at: format!("{start:04x}"),
                bytes: bytes.iter().enumerate().map(|(at, value)| byte(start + at, *value)).collect(),
                text: bytes.iter().map(character).collect(),
            }
        };
        Self { rows: frame.chunks(ROW).enumerate().map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_offset_and_its_innermost_field() {
        let body = br#"{"type":"anchors_request"}"#;
        let frame = [&[0, 0, 0, body.len() as u8][..], body].concat();
        let message = Decoded::new(body, None, None);
        let view = HexView::new(&frame, &message, Some(13));
        assert_eq!(view.rows.len(), frame.len().div_ceil(ROW));
        assert_eq!((view.rows[1].at.as_str(), view.rows[0].text.as_str()), ("0010", "....{\"type\":\"anc"));
        let bytes: Vec<_> = view.rows.iter().flat_map(|row| &row.bytes).collect();
        assert!(bytes.iter().enumerate().all(|(at, byte)| byte.offset == at));
        // The length prefix, the JSON around the fields, and the value of `type` with its quotes.
        assert_eq!((bytes[3].field, bytes[4].field), (Some(0), None));
        assert_eq!((bytes[12].field, bytes[13].field), (Some(1), Some(1)));
        let stops: Vec<_> = bytes.iter().filter(|byte| byte.stop).map(|byte| byte.offset).collect();
        assert_eq!(stops, [13], "there is one tab stop");
    }
}
