//! The command line from semihosting: the words for the board, then the words for the application.
//!
//! ```text
//! device ip=10.0.2.15/24 state=/tmp/device --ca 10.0.2.2:9000 --send "good morning"
//! ```

use crate::semihosting;

/// The longest command line, in bytes.
pub const LENGTH: usize = 1024;

/// The memory of a command line.
pub type Line = [u8; LENGTH];

/// The words of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// `key=value`, for the board.
    board: &'a str,
    /// The rest, from the first option on.
    application: &'a str,
}

impl<'a> Arguments<'a> {
    /// Gets the command line from the host; `None` if it is longer than [`LENGTH`] bytes or not UTF-8.
    pub fn read(buffer: &'a mut Line) -> Option<Self> {
        let length = semihosting::command_line(buffer)?;
        let line = core::str::from_utf8(buffer.get(..length)?).ok()?;
        // By bytes, since the library's text search takes a kilobyte of code.
        let start = line.as_bytes().windows(3).position(|at| at == b" --").unwrap_or(line.len());
        let (board, application) = line.split_at_checked(start)?;
        Some(Self { board, application })
    }

    /// The value of the board's first word with `key`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.board.split_ascii_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// The application's words. A word with blanks is in double quotes; no word contains a double quote.
    pub fn application(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.application;
        core::iter::from_fn(move || {
            rest = rest.trim_ascii_start();
            let (quoted, end) = match rest.strip_prefix('"') {
                Some(quoted) => (quoted, '"'),
                None => (rest, ' '),
            };
            let (word, after) = quoted.split_once(end).unwrap_or((quoted, ""));
            let more = !rest.is_empty();
            rest = after;
            more.then_some(word)
        })
    }
}
