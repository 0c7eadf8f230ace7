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

/// The maximum number of bytes that are read of a file. All files of MiniPKI but lists are far shorter.
const FILE: u64 = 64 * 1024;

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

/// Reads a file that the command line names.
///
/// # Errors
/// An error that names the file, also if the file is too long for a file of MiniPKI.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    read_up_to(path, FILE)
}

/// [`read`] with another maximum number of bytes, at least [`FILE`].
///
/// # Errors
/// As [`read`].
pub(super) fn read_up_to(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let failed = |error| CliError::file(path, &error);
    let file = File::open(path).map_err(failed)?;
    // The buffer does not grow: that would leave copies of a secret in memory.
    let len = file.metadata().map_or(0, |found| found.len()).clamp(FILE, limit);
    let mut content = Zeroizing::new(Vec::with_capacity(len as usize + 1));
    file.take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit {
        let seen = format!("{} is longer than {limit} bytes", path.display());
        return Err(CliError::new(Exit::Failed, seen, "no file of this kind is that long; check the path"));
    }
    Ok(content)
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
