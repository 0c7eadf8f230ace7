//! What went wrong, for the person at the keyboard: what was seen, and what to do next.

use std::fmt;
use std::io;

use anstyle::{AnsiColor, Style};

use super::Exit;
use minipki_os::clock::ClockError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const NEXT: Style = Style::new().bold();

/// Why a command ended early.
#[derive(Debug)]
pub struct CliError {
    seen: String,
    next: String,
    exit: Exit,
}

impl CliError {
    /// What was seen, what to do next, and the exit code.
    pub fn new(exit: Exit, seen: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { seen: seen.to_string(), next: next.into(), exit }
    }

    /// From an error whose text ends with what to do: "seen; next", as those of the CA's rooms.
    pub fn told(exit: Exit, error: impl fmt::Display) -> Self {
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((seen, next)) => Self::new(exit, seen, next),
            None => Self::new(exit, text, ""),
        }
    }

    /// This error, met `with` somebody.
    pub fn with(self, with: impl fmt::Display) -> Self {
        Self { seen: format!("{with}: {}", self.seen), ..self }
    }

    /// A file that cannot be read.
    pub fn file(path: &std::path::Path, error: &io::Error) -> Self {
        let next = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "run it as the user who owns the file",
            _ => "check the file and the disk it is on",
        };
        Self::new(Exit::Failed, format_args!("{}: {error}", path.display()), next)
    }

    /// The exit code.
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for CliError {
    /// With ANSI styles, for a stream that takes them off where they are not wanted.
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
        Self::told(Exit::Failed, error)
    }
}
