//! Files in; data, and nothing else, to standard output.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use super::stderr::Stderr;
use super::{CliError, Exit};

/// Writes to standard output with `write`. A reader that has gone, as `head` does, is no error.
///
/// # Errors
/// Whatever else the operating system reports.
pub(super) fn data(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes one JSON value and a newline.
///
/// # Errors
/// As [`data`].
pub(super) fn json(value: &Value) -> Result<(), CliError> {
    data(|out| writeln!(out, "{value}"))
}

/// Writes one line for people, to standard error. That it cannot be shown is no reason to stop.
pub(super) fn say(text: impl std::fmt::Display) {
    // One write, so that no other line comes in between. `Stderr` never fails.
    let _ = Stderr.write(format!("{text}\n").as_bytes());
}

/// The most that is read of a file: several times the largest there is.
const FILE: u64 = 64 * 1024;

/// Reads a file that the command line names.
///
/// # Errors
/// One that names the file, also if it is far too long to be one of MiniPKI's.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut content = Zeroizing::new(Vec::with_capacity(FILE as usize + 1));
    File::open(path)
        .and_then(|file| file.take(FILE + 1).read_to_end(&mut content))
        .map_err(|error| CliError::file(path, &error))?;
    if content.len() as u64 > FILE {
        let seen = format!("{} is longer than {FILE} bytes", path.display());
        return Err(CliError::new(Exit::Failed, seen, "no file of MiniPKI is that long; check the path"));
    }
    Ok(content)
}
