//! The error of a command: its text, its advice and its exit code.

use std::fmt;
use std::io;

use anstyle::{AnsiColor, Style};
use miette::Diagnostic;

use super::Exit;
use minipki_os::Failure;
use minipki_os::clock::ClockError;
use minipki_os::files;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const NEXT: Style = Style::new().bold();

/// The error of a command.
#[derive(Debug)]
pub struct CliError {
    seen: String,
    next: String,
    exit: Exit,
}

impl CliError {
    /// An error with the text `seen` and the advice `next`.
    pub fn new(exit: Exit, seen: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { seen: seen.to_string(), next: next.into(), exit }
    }

    /// An error with the text and the advice of `error`.
    pub fn from_diagnostic(exit: Exit, error: impl Diagnostic) -> Self {
        let Failure { seen, next } = Failure::from(&error);
        Self::new(exit, seen, next.unwrap_or_default())
    }

    /// This error with `with`, a peer or a file, before its text.
    pub fn with(self, with: impl fmt::Display) -> Self {
        Self { seen: format!("{with}: {}", self.seen), ..self }
    }

    /// This error with the advice `next` instead of its own.
    pub fn advise(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }

    /// The error of a file that cannot be read.
    pub fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(Exit::Failed, files::seen(path, error), files::advice(error))
    }

    /// The text, the advice and the number of the exit code.
    pub(super) fn parts(&self) -> (&str, Option<&str>, u8) {
        let next = Some(self.next.as_str()).filter(|next| !next.is_empty());
        (&self.seen, next, self.exit as u8)
    }

    /// The text without the advice.
    pub(super) fn seen(&self) -> &str {
        &self.seen
    }

    /// The exit code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for CliError {
    /// Writes the error with ANSI styles. The stream removes them where they are not supported.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ERROR}error:{ERROR:#} {}", self.seen)?;
        if !self.next.is_empty() {
            write!(f, "\n {NEXT}next:{NEXT:#} {}", self.next)?;
        }
        Ok(())
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failed, error, "check the terminal or the file that the output goes to")
    }
}

impl From<ClockError> for CliError {
    fn from(error: ClockError) -> Self {
        Self::from_diagnostic(Exit::Failed, error)
    }
}
