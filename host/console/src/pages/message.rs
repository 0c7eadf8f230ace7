//! A message as the Live and the Walk-through page show it: decoded, with the reason for each field.

use askama::Template;

use minipki_core::limits::FRAME_HEADER;
use minipki_net::trace::explain::{self, Line};
use minipki_net::trace::{places, reading};

/// Characters of a body that is no message, at most.
const UNKNOWN: usize = 400;
/// Bytes in a line of a hexadecimal dump.
const DUMPED: usize = 16;

/// A decoded message; a template of its own.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Decoded {
    /// What it is called.
    pub(crate) name: String,
    /// What it does, or what is wrong with it.
    pub(crate) purpose: String,
    place: Option<(u8, u8)>,
    rows: Vec<Row>,
    next: &'static str,
    hidden: Option<Hidden>,
    raw: String,
    /// Whether each field has a button that changes a byte of it.
    pub(crate) flips: bool,
}

/// A field.
struct Row {
    line: Line,
    /// A byte of it, counted in the frame.
    offset: Option<usize>,
}

/// What travels under encryption.
struct Hidden {
    what: String,
    lines: Vec<Line>,
}

impl Decoded {
    /// The message in `body`; `record` is its number where the channel is open and it is encrypted.
    pub(crate) fn new(body: &[u8], record: Option<u64>, plaintext: Option<&[u8]>) -> Self {
        let (reading, places) = match record {
            Some(number) => (Ok(reading::record(body, number)), places::record(body)),
            None => (reading::message(body), places::message(body)),
        };
        let raw = if record.is_some() { dump(body) } else { explain::escaped(body, body.len()) };
        let hidden = plaintext.map(Hidden::new);
        let length = Row { line: reading::length(body.len()), offset: Some(FRAME_HEADER - 1) };
        let mut rows = vec![length];
        match reading {
            Ok(reading) => {
                // Only what is canonical has its fields in the order of its places.
                let placed = places.len() == reading.lines.len();
                let offset = |i: usize| {
                    let at = &places.get(i)?.at;
                    Some(FRAME_HEADER + at.start.midpoint(at.end))
                };
                rows.extend(
                    reading
                        .lines
                        .into_iter()
                        .enumerate()
                        .map(|(i, line)| Row { line, offset: offset(i).filter(|_| placed) }),
                );
                Self {
                    name: reading.name.to_owned(),
                    purpose: reading.purpose,
                    place: reading.place,
                    rows,
                    next: reading.next,
                    hidden,
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
                hidden,
                raw: explain::escaped(body, UNKNOWN),
                flips: false,
            },
        }
    }
}

impl Hidden {
    fn new(text: &[u8]) -> Self {
        match reading::message(text) {
            _ if text.is_empty() => Self {
                what:
                    "nothing: an empty text closes this direction, so that nothing can be cut off unnoticed"
                        .to_owned(),
                lines: Vec::new(),
            },
            Ok(reading) => {
                Self { what: format!("{}: {}", reading.name, reading.purpose), lines: reading.lines }
            }
            Err(_) => Self { what: explain::escaped(text, UNKNOWN), lines: Vec::new() },
        }
    }
}

/// The code of a refusal, if `body` is one.
pub(crate) fn refusal_code(body: &[u8]) -> Option<String> {
    let reading = reading::message(body).ok().filter(|reading| reading.name == "refused")?;
    Some(explain::printable(reading.fields.get("code")?.as_str()?))
}

/// Bytes in lines of sixteen.
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
