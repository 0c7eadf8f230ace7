//! The content of a file, as `minipki inspect` shows it.

use std::path::Path;

use minipki_net::trace::explain::Line;
use minipki_net::trace::printer;
use serde_json::{Value, json};

use super::{CliError, Exit, output};

/// The content of a file, in lines for the user.
pub(super) struct Inspected {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) lines: Vec<Line>,
    /// The reason why the content is not valid.
    pub(super) error: Option<String>,
}

impl Inspected {
    /// Writes it to standard output.
    pub(super) fn print(&self) -> Result<(), CliError> {
        output::data(|out| {
            writeln!(out, "{}: {}", self.name, self.purpose)?;
            write!(out, "{}", printer::table(&self.lines))
        })
    }

    /// The same as a JSON object.
    pub(super) fn object(&self) -> Value {
        let fields = self.lines.iter();
        let fields = fields.map(
            |line| json!({ "depth": line.depth, "name": line.name, "value": line.value, "why": line.why }),
        );
        json!({
            "fault": self.error,
            "fields": fields.collect::<Vec<_>>(),
            "kind": self.name,
            "purpose": self.purpose,
        })
    }

    /// Refuses malformed content of `file`.
    pub(super) fn checked(self, file: &Path) -> Result<(), CliError> {
        let Some(error) = self.error else { return Ok(()) };
        let seen = format!("{} is malformed: {error}", output::name(file));
        let next = "the file was damaged or changed; get it again from its source";
        Err(CliError::new(Exit::NotVerified, seen, next))
    }
}
