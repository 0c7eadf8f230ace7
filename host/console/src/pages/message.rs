//! A decoded message with the purpose of each field, for the Live and the Walk-through page.

use std::ops::Range;

use askama::Template;

use minipki_core::limits::FRAME_HEADER;
use minipki_net::trace::explain::{self, Line};
use minipki_net::trace::{places, reading};

/// The number of shown characters of a body that is not a message.
const UNKNOWN: usize = 400;
/// The number of bytes in a line of a hexadecimal dump.
const DUMPED: usize = 16;

/// A decoded message.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Decoded {
    /// The message type.
    pub(crate) name: String,
    /// The purpose of the message, or the error in it.
    pub(crate) purpose: String,
    place: Option<(u8, u8)>,
    rows: Vec<FieldRow>,
    next: &'static str,
    plaintext: Option<Plaintext>,
    raw: String,
    /// Whether each field has a button that changes one of its bytes.
    pub(crate) flips: bool,
}

/// A field of a message.
struct FieldRow {
    line: Line,
    /// The bytes of its value in the frame.
    at: Option<Range<usize>>,
    /// The offset of one of them.
    offset: Option<usize>,
}

/// The plaintext of an encrypted message.
struct Plaintext {
    summary: String,
    lines: Vec<Line>,
}

impl Decoded {
    /// Decodes the message in `body`. `record` is the number of an encrypted message in its direction.
    pub(crate) fn new(body: &[u8], record: Option<u64>, plaintext: Option<&[u8]>) -> Self {
        let (reading, places) = match record {
            Some(number) => (Ok(reading::record(body, number)), places::record(body)),
            None => (reading::message(body), places::message(body)),
        };
        let raw = if record.is_some() { dump(body) } else { explain::escaped(body, body.len()) };
        let plaintext = plaintext.map(Plaintext::new);
        let length = FieldRow {
            line: reading::length(body.len()),
            at: Some(0..FRAME_HEADER),
            offset: Some(FRAME_HEADER - 1),
        };
        let mut rows = vec![length];
        match reading {
            Ok(reading) => {
                // Only in canonical JSON the fields have the order of their places.
                let placed = places.len() == reading.lines.len();
                let in_frame = |i: usize| {
                    let at = &places.get(i).filter(|_| placed)?.at;
                    Some(FRAME_HEADER + at.start..FRAME_HEADER + at.end)
                };
                rows.extend(reading.lines.into_iter().enumerate().map(|(i, line)| {
                    let at = in_frame(i);
                    let offset = at.as_ref().map(|at| at.start.midpoint(at.end));
                    FieldRow { line, at, offset }
                }));
                Self {
                    name: reading.name.to_owned(),
                    purpose: reading.purpose,
                    place: reading.place,
                    rows,
                    next: reading.next,
                    plaintext,
                    raw,
                    flips: false,
                }
            }
            Err(problem) => Self {
                name: "not a message".to_owned(),
                purpose: problem,
                place: None,
                rows,
                next: "",
                plaintext,
                raw: explain::escaped(body, UNKNOWN),
                flips: false,
            },
        }
    }

    /// The number of the innermost field that byte `offset` of the frame belongs to.
    pub(crate) fn field_at(&self, offset: usize) -> Option<usize> {
        let around = self.rows.iter().enumerate().filter_map(|(number, row)| {
            let at = row.at.as_ref().filter(|at| at.contains(&offset))?;
            Some((at.len(), number))
        });
        around.min().map(|(_, number)| number)
    }
}

impl Plaintext {
    fn new(text: &[u8]) -> Self {
        match reading::message(text) {
            _ if text.is_empty() => Self {
                summary: "empty: it closes this direction, so that the receiver notices a truncation"
                    .to_owned(),
                lines: Vec::new(),
            },
            Ok(reading) => {
                Self { summary: format!("{}: {}", reading.name, reading.purpose), lines: reading.lines }
            }
            Err(_) => Self { summary: explain::escaped(text, UNKNOWN), lines: Vec::new() },
        }
    }
}

/// The code of a refusal, if `body` is a refusal.
pub(crate) fn refusal_code(body: &[u8]) -> Option<String> {
    let reading = reading::message(body).ok().filter(|reading| reading.name == "refused")?;
    Some(explain::printable(reading.fields.get("code")?.as_str()?))
}

/// A hexadecimal dump.
fn dump(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes
        .chunks(DUMPED)
        .enumerate()
        .map(|(line, chunk)| format!("{:04x}  {}", line * DUMPED, spaced(chunk)))
        .collect();
    lines.join("\n")
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
