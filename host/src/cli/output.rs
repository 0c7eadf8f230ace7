//! The input and output of a command: files in, data to standard output, lines and a spinner to standard error.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;
use zeroize::Zeroizing;

use super::stderr::Stderr;
use super::{CliError, Exit};
use minipki_client::{ExpectedFile, FileKind, OtherKind};
use minipki_os::text::undecorated;

/// The maximum number of bytes that are read of a file. All files of MiniPKI but lists are far shorter.
const FILE: u64 = 64 * 1024;

/// The same for a list: one of half a million revoked certificates is shorter.
const LIST: u64 = 64 * 1024 * 1024;

/// The time between two frames of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// Writes to standard output with `write`. A reader that ends early, for example `head`, is not an error.
///
/// # Errors
/// Another error of the operating system.
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

/// Writes a line for the user to standard error. Failures are ignored.
pub(super) fn say(text: impl std::fmt::Display) {
    // One write, so that the line stays in one piece. `Stderr` never fails.
    let _ = Stderr.write(format!("{text}\n").as_bytes());
}

/// The name of the file `path` for messages; `-` is standard input.
pub(super) fn name(path: &Path) -> impl std::fmt::Display {
    if is_stdin(path) { Path::new("standard input") } else { path }.display()
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a file that the command line names; `-` is standard input. The marks of editors around JSON and PEM are removed.
///
/// # Errors
/// An error that names the file, also if the file is too long for a file of MiniPKI.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    read_up_to(path, FILE)
}

/// [`read`] for a file that may be a list.
///
/// # Errors
/// As [`read`].
pub(super) fn read_list(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    read_up_to(path, LIST)
}

fn read_up_to(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let failed = |error| CliError::file(path, &error);
    // The buffer does not grow: that would leave copies of a secret in memory.
    let room = |len: u64| Zeroizing::new(Vec::with_capacity(len as usize + 1));
    let mut content = room(FILE);
    if is_stdin(path) {
        io::stdin().lock().take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        content = room(file.metadata().map_or(0, |found| found.len()).clamp(FILE, limit));
        file.take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    }
    if content.len() as u64 > limit {
        let seen = match FileKind::of(&content) {
            kind @ (FileKind::Other(_) | FileKind::Ledger | FileKind::Archive) => {
                format!("{} has {kind}, and is longer than {limit} bytes", name(path))
            }
            _ => format!("{} is longer than {limit} bytes", name(path)),
        };
        return Err(CliError::new(Exit::Failed, seen, "no file of this kind is that long; check the path"));
    }
    Ok(undecorated(content))
}

/// Refuses the file `path` if it is not the `expected` kind of file. A file that cannot be read passes.
pub(super) fn check_kind(path: &Path, expected: ExpectedFile) -> Result<(), CliError> {
    let found = FileKind::of_file(path).map_or(Ok(()), |found| OtherKind::check(path, found, expected));
    found.map_err(|error| CliError::from_diagnostic(Exit::Failed, error))
}

/// Does `work`, and shows a spinner with `message` if standard error is a terminal.
pub(super) fn with_spinner<T>(message: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let spinner = ProgressBar::new_spinner().with_message(message);
    let (running, ended) = channel::<()>();
    let done = thread::scope(|scope| {
        let spinner = &spinner;
        let turn = move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                spinner.tick();
            }
        };
        // If the system gives no thread, the spinner does not turn.
        let _ = thread::Builder::new().spawn_scoped(scope, turn);
        let done = work();
        drop(running);
        done
    });
    spinner.finish_and_clear();
    done
}
