//! Lines of bounded length. No line is lost if a read is cancelled.

use std::io;
use std::mem;

use minipki_core::limits::FRAME_BODY;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The maximum length of a line in bytes. A longer one cannot be sent.
const MAX_LEN: usize = FRAME_BODY;

/// Reads an input line by line.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    line: Vec<u8>,
    too_long: bool,
}

/// A line of input, without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A text.
    Text(String),
    /// A line that is longer than any message. It was discarded.
    TooLong,
    /// Not UTF-8.
    NotText,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Reads from `input`.
    pub const fn new(input: R) -> Self {
        Self { input, line: Vec::new(), too_long: false }
    }

    /// The next line; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// An error of the input.
    pub async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.input.fill_buf().await?;
            if chunk.is_empty() {
                let nothing = self.line.is_empty() && !self.too_long;
                return Ok(if nothing { None } else { Some(self.take()) });
            }
            let (part, used, whole) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&chunk[..at], at + 1, true),
                None => (chunk, chunk.len(), false),
            };
            self.too_long |= self.line.len() + part.len() > MAX_LEN;
            if !self.too_long {
                self.line.extend_from_slice(part);
            }
            self.input.consume(used);
            if whole {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        let line = mem::take(&mut self.line);
        if mem::take(&mut self.too_long) {
            return Line::TooLong;
        }
        match String::from_utf8(line) {
            Err(_) => Line::NotText,
            Ok(mut text) => {
                if text.ends_with('\r') {
                    text.pop();
                }
                Line::Text(text)
            }
        }
    }
}
