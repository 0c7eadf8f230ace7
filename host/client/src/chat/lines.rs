//! Lines of bounded length, read without losing any when the reading is interrupted.

use std::io;
use std::mem;

use minipki_core::limits::FRAME_BODY;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// No longer line could be sent.
const MOST: usize = FRAME_BODY;

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
    /// Longer than any message; it was read away.
    TooLong,
    /// Not UTF-8.
    NotText,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Reads from `input`.
    pub const fn new(input: R) -> Self {
        Self { input, line: Vec::new(), too_long: false }
    }

    /// The next line, or `None` at the end. May be dropped at any point, and called again: nothing is lost.
    ///
    /// # Errors
    /// The input's.
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
            self.too_long |= self.line.len() + part.len() > MOST;
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
