//! The printer: a tap that writes down each message as it passes, for somebody to follow.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use minipki_core::limits::TAG;
use minipki_core::text::json::{self, Form};
use serde_json::{Map, Value};

use super::explain::{self, Explanation, Line};
use super::{Direction, Tap};

const MESSAGE: Style = AnsiColor::Cyan.on_default().bold();
const NAME: Style = Style::new().bold();
const REASON: Style = Style::new().dimmed();
const PROBLEM: Style = AnsiColor::Red.on_default();

/// Columns of a terminal that nobody has widened.
const WIDTH: usize = 80;
/// Column at which values start, where the name leaves room.
const VALUE_COLUMN: usize = 24;
/// Characters shown of a body that cannot be explained.
const UNKNOWN_SHOWN: usize = 60;

/// Writes what passes, decoded field by field with the reason for each.
///
/// Each message is written in one piece, so several connections may share a printer.
pub struct Printer<W> {
    own: String,
    peer: String,
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    /// After the last handshake message frames hold ciphertext.
    encrypted: bool,
    sent: u64,
    received: u64,
}

impl<W: Write + Send> Printer<W> {
    /// Writes to `out`, with names for this side and for the peer.
    ///
    /// `out` is given ANSI styles; lend one that takes them off where they are not wanted.
    pub fn new(out: W, own: impl Into<String>, peer: impl Into<String>) -> Self {
        let state = State { out, encrypted: false, sent: 0, received: 0 };
        Self { own: own.into(), peer: peer.into(), state: Mutex::new(state) }
    }

    fn arrow(&self, direction: Direction) -> String {
        match direction {
            Direction::Sent => format!("{} -> {}", self.own, self.peer),
            Direction::Received => format!("{} -> {}", self.peer, self.own),
        }
    }

    fn receiver(&self, direction: Direction) -> &str {
        match direction {
            Direction::Sent => &self.peer,
            Direction::Received => &self.own,
        }
    }

    /// The line that a message starts with, and its length prefix.
    fn head(&self, direction: Direction, what: impl fmt::Display, body: usize) -> String {
        let prefix = u32::try_from(body).unwrap_or(u32::MAX).to_be_bytes();
        let length = Line {
            depth: 0,
            name: "length".to_owned(),
            value: format!("{} = {body} bytes", explain::hex(&prefix)),
            why: "how much follows; 0 or too much is refused before it is read",
        };
        format!("{MESSAGE}{}{MESSAGE:#}  {what}\n{}", self.arrow(direction), table(&[length]))
    }

    fn message(
        &self,
        direction: Direction,
        known: &Explanation,
        body: &Map<String, Value>,
        len: usize,
    ) -> String {
        let Explanation { name, purpose, next, .. } = known;
        let place = known.place.map_or_else(String::new, |(n, of)| format!("message {n} of {of}: "));
        format!(
            "{}{}{}",
            self.head(direction, format_args!("{place}{NAME}{name}{NAME:#}, {purpose}"), len),
            table(&known.lines(body)),
            self.check(direction, next),
        )
    }

    fn record(&self, direction: Direction, number: u64, body: &[u8]) -> String {
        let (ciphertext, tag) = body.split_at(body.len().saturating_sub(TAG));
        let part = |name: &str, value, why| Line { depth: 0, name: name.to_owned(), value, why };
        let parts = [
            part(
                "ciphertext",
                explain::hex_bytes(ciphertext),
                "ChaCha20 under the key of this direction, which only the two ends have",
            ),
            part("tag", explain::hex(tag), "Poly1305 over it (RFC 8439): any changed bit is noticed"),
        ];
        format!(
            "{}{}{}",
            self.head(direction, format_args!("{NAME}encrypted message{NAME:#}, nonce {number}"), body.len()),
            table(&parts),
            self.check(direction, "the tag, under the nonce it expects: nothing replayed, nothing left out"),
        )
    }

    fn unknown(&self, direction: Direction, body: &[u8], problem: &str) -> String {
        let head = self.head(direction, format_args!("{PROBLEM}{problem}{PROBLEM:#}"), body.len());
        format!("{head}    {}\n", explain::escaped(body, UNKNOWN_SHOWN))
    }

    fn check(&self, direction: Direction, next: &str) -> String {
        format!("  {} checks next:\n    {next}\n", self.receiver(direction))
    }
}

impl<W: Write> State<W> {
    /// Takes in that a message in clear has passed.
    fn passed(&mut self, known: &Explanation) {
        self.encrypted = known.name == "handshake_3";
        (self.sent, self.received) = (0, 0);
    }

    fn frame_number(&mut self, direction: Direction) -> u64 {
        let next = match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        *next += 1;
        *next - 1
    }

    fn write(&mut self, text: &str) {
        // A trace that cannot be written must not end what it watches.
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> Tap for Printer<W> {
    fn frame(&self, direction: Direction, body: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match read(body) {
            Ok((known, fields)) => {
                state.passed(known);
                self.message(direction, known, &fields, body.len())
            }
            Err(_) if state.encrypted => {
                let number = state.frame_number(direction);
                self.record(direction, number, body)
            }
            Err(problem) => self.unknown(direction, body, &problem),
        };
        state.write(&text);
    }

    fn plaintext(&self, _: Direction, plaintext: &[u8]) {
        let text = match read(plaintext) {
            _ if plaintext.is_empty() => {
                "  plaintext: empty, which closes this direction: nothing was cut off\n".to_owned()
            }
            Ok((known, fields)) => {
                format!("  plaintext, for the two ends alone:\n{}", table(&known.lines(&fields)))
            }
            Err(_) => format!("  plaintext: {}\n", explain::escaped(plaintext, UNKNOWN_SHOWN)),
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).write(&text);
    }
}

/// What a body is and its fields, or what is wrong with it.
fn read(body: &[u8]) -> Result<(&'static Explanation, Map<String, Value>), String> {
    json::check(body, Form::Relaxed).map_err(|error| format!("malformed: {error}"))?;
    let fields = serde_json::from_slice(body).map_err(|_| "malformed: not a JSON object".to_owned())?;
    let known = explain::explanation(&fields).ok_or("a message of an unknown type")?;
    Ok((known, fields))
}

/// Lines for people: name and value, and below them the reason. With ANSI styles.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    for Line { depth, name, value, why } in lines {
        let indent = 4 + 2 * depth;
        let column = VALUE_COLUMN.max(indent + name.chars().count());
        // A value that does not fit beside its name has a line of its own.
        let gap = if column + 1 + value.chars().count() <= WIDTH {
            " ".repeat(column + 1 - indent - name.chars().count())
        } else {
            format!("\n{:indent$}  ", "")
        };
        text.push_str(&format!(
            "{:indent$}{NAME}{name}{NAME:#}{gap}{value}\n{:indent$}  {REASON}{why}{REASON:#}\n",
            "", ""
        ));
    }
    text
}
