//! `--out FILE`: the result of a command, in a file that the same command may have written before.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Args;

use super::{CliError, Exit, output};
use minipki_os::files;

/// The place of a result that everybody may read.
#[derive(Args)]
pub(super) struct OutFile {
    /// The file to write, whole or not at all; without it, or with -, the result goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl OutFile {
    /// The file; `None` is standard output.
    fn file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|file| *file != Path::new("-"))
    }

    /// Refuses to replace a file that is not `what`, as `is_that` decides. This comes before the work.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn check(&self, what: &str, is_that: impl FnOnce(&[u8]) -> bool) -> Result<(), CliError> {
        let Some(file) = self.file() else { return Ok(()) };
        let found = match fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|error| CliError::file(file, &error))?,
        };
        // Another kind of file can be endless.
        if found.is_file() && is_that(&output::read_list(file)?) {
            return Ok(());
        }
        let seen = format!("{} exists, and is not {what}", file.display());
        Err(CliError::new(Exit::Failed, seen, "nothing was changed; give another file with --out"))
    }

    /// Writes the result.
    ///
    /// # Errors
    /// An error that names the file, or one of standard output.
    pub(super) fn write(&self, content: &[u8]) -> Result<(), CliError> {
        match self.file() {
            Some(file) => {
                files::replace(file, content, files::PUBLIC).map_err(|error| CliError::file(file, &error))
            }
            None => output::data(|out| out.write_all(content)),
        }
    }
}
