//! The printer: an observer that writes each message in decoded form.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use minipki_core::link::{Direction, Observer};

use super::explain::{self, Line};
use super::reading::{self, Reading};

const MESSAGE: Style = AnsiColor::Cyan.on_default().bold();
const NAME: Style = Style::new().bold();
const REASON: Style = Style::new().dimmed();
const PROBLEM: Style = AnsiColor::Red.on_default();

/// The usual number of columns of a terminal.
const WIDTH: usize = 80;
/// The column of values, unless the name is longer.
const VALUE_COLUMN: usize = 24;
/// The number of characters that are shown of an unknown body.
const UNKNOWN_SHOWN: usize = 60;

/// Writes each message with its fields and the reason for each field.
///
/// Each message is one write, so several connections can share a printer.
pub struct Printer<W> {
    own: String,
    peer: String,
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    /// Whether frames hold ciphertext: they do after the last handshake message.
    encrypted: bool,
    sent: u64,
    received: u64,
}

impl<W: Write + Send> Printer<W> {
    /// A printer to `out`, with a name for each side. It writes ANSI styles.
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

    /// The first line of a message, and its length prefix.
    fn head(&self, direction: Direction, title: impl fmt::Display, body: usize) -> String {
        format!("{MESSAGE}{}{MESSAGE:#}  {title}\n{}", self.arrow(direction), table(&[reading::length(body)]))
    }

    fn message(&self, direction: Direction, reading: &Reading, len: usize) -> String {
        let Reading { name, purpose, lines, next, .. } = reading;
        let place = reading.place.map_or_else(String::new, |(n, of)| format!("message {n} of {of}: "));
        format!(
            "{}{}{}",
            self.head(direction, format_args!("{place}{NAME}{name}{NAME:#}, {purpose}"), len),
            table(lines),
            self.check(direction, next),
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
    /// Updates the state after a message in clear.
    fn note_clear(&mut self, reading: &Reading) {
        self.encrypted = reading.name == reading::LAST_IN_CLEAR;
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
        // A failed write of a trace must not end the connection.
        let _ = self.out.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> Observer for Printer<W> {
    fn frame(&self, direction: Direction, body: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match reading::message(body) {
            Ok(reading) => {
                state.note_clear(&reading);
                self.message(direction, &reading, body.len())
            }
            Err(_) if state.encrypted => {
                let number = state.frame_number(direction);
                self.message(direction, &reading::record(body, number), body.len())
            }
            Err(problem) => self.unknown(direction, body, &problem),
        };
        state.write(&text);
    }

    fn plaintext(&self, _: Direction, plaintext: &[u8]) {
        let text = match reading::message(plaintext) {
            _ if plaintext.is_empty() => {
                "  plaintext: empty; it closes this direction, so nothing was cut off\n".to_owned()
            }
            Ok(reading) => {
                format!("  plaintext, which only the two ends can read:\n{}", table(&reading.lines))
            }
            Err(_) => format!("  plaintext: {}\n", explain::escaped(plaintext, UNKNOWN_SHOWN)),
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).write(&text);
    }
}

/// The name and value of each line, with the reason below. With ANSI styles.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    for Line { depth, name, value, why } in lines {
        let indent = 4 + 2 * depth;
        let column = VALUE_COLUMN.max(indent + name.chars().count());
        // A value that does not fit beside its name gets its own line.
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
