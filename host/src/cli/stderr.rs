//! Standard error, and the log of a server on it. A command writes directly, a server through a bounded queue.
//!
//! A slow reader of standard error blocks the writer, and with a closed pipe or a full disk each write fails. This must
//! not end or delay a server. So [`begin_log`] starts a thread that writes. All other threads only add to its queue.
//! Lines that do not fit into the queue, or cannot be written, are counted. The count is logged when a write succeeds.
//!
//! The crate `tracing-appender` has such a queue, but it does not see failed writes. At its end it writes to standard
//! error itself, which blocks or panics here.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anstream::adapter::strip_bytes;
use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::{CliError, Exit, output};
use minipki_os::clock;
use minipki_server::AUDIT;

/// The size of the queue in bytes: some thousand lines of a log.
const CAPACITY: usize = 1024 * 1024;

/// The time that the end of the program waits for the queue.
const TIMEOUT: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// The format of the log of a server.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The levels of a log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The format of the log.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Standard error of this process. `write` takes the whole text, keeps it in one piece, and never fails.
#[derive(Clone, Copy)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match QUEUE.get() {
            Some(queue) => queue.push(text),
            // A failed write must not end the command.
            None => drop(anstream::stderr().lock().write_all(text)),
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard error shows colours.
fn colours() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Sets the format of the error that ends a server, before its log begins.
pub(super) fn set_format(format: LogFormat) {
    FORMAT.get_or_init(|| format);
}

/// Writes the error that ends the program, in the format of the log if it is a server.
pub(super) fn fail(error: &CliError) {
    if FORMAT.get() != Some(&LogFormat::Json) {
        return output::say(error);
    }
    let (seen, next, exit_code) = error.parts();
    output::say(json!({
        "fields": { "exit_code": exit_code, "message": seen, "next": next },
        "level": "ERROR",
        "target": "minipki",
        "timestamp": clock::now().ok(),
    }));
}

/// The filter of `RUST_LOG`, and the part of its value that is wrong. An empty value counts as none.
fn filter() -> (EnvFilter, Option<String>) {
    let wanted = std::env::var_os("RUST_LOG").unwrap_or_default().to_string_lossy().trim().to_owned();
    let default = || EnvFilter::new("info");
    // The library takes each single word as the name of a module, and then logs nothing else.
    let is_known = |part: &&str| {
        let word = part.trim().to_ascii_lowercase();
        part.contains(['=', ':', '_', '[']) || word.is_empty() || LEVELS.contains(&word.as_str())
    };
    match wanted.split(',').find(|part| !is_known(part)) {
        Some(wrong) => (default(), Some(wrong.to_owned())),
        None if wanted.is_empty() => (default(), None),
        None => match EnvFilter::try_new(&wanted) {
            Ok(filter) => (filter, None),
            Err(_) => (default(), Some(wanted)),
        },
    }
}

/// Sends the log to standard error through a queue, so that it never delays a server. From then on [`Stderr`] never
/// waits. `RUST_LOG` sets the level; the audit lines of the console are always in the log.
///
/// # Errors
/// An error if the operating system gives no thread for the queue.
pub(super) fn begin_log(format: LogFormat) -> Result<(), CliError> {
    let (mut filter, wrong) = filter();
    if let Ok(audit) = format!("{AUDIT}=info").parse() {
        filter = filter.add_directive(audit);
    }
    let queue = QUEUE.get_or_init(Queue::default);
    let colours = colours();
    let work = move || queue.write_out(io::stderr(), colours);
    thread::Builder::new().name("log".into()).spawn(work).map_err(|error| {
        let seen = format_args!("cannot start the thread that writes the log: {error}");
        CliError::new(Exit::Failed, seen, "raise the limit of processes (ulimit -u), then try again")
    })?;
    // Internal errors would be written to standard error without the queue, and would panic if it is closed.
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .log_internal_errors(false)
        .with_writer(|| Stderr);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    if let Some(value) = wrong {
        let levels = LEVELS.join(", ");
        tracing::warn!(
            value = value.as_str(),
            levels = levels.as_str(),
            "RUST_LOG is not a level, or not MODULE=LEVEL: the level is info"
        );
    }
    Ok(())
}

/// Waits until the queue is empty, for one second at most. The rest is lost.
pub(super) fn end() {
    if let Some(queue) = QUEUE.get() {
        let unwritten = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(queue.changed.wait_timeout_while(queue.lock(), TIMEOUT, unwritten));
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Signals that text was added or written.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread is writing text that it has taken.
    writing: bool,
    /// The number of lines lost since the start.
    lost: usize,
    /// The number of lost lines that the log has reported.
    reported: usize,
}

impl Queue {
    fn push(&self, text: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + text.len() > CAPACITY {
            state.lost += lines(text);
            return;
        }
        // If text is waiting, the thread is writing, and checks the queue again before it sleeps.
        if state.waiting.is_empty() {
            self.changed.notify_all();
        }
        state.waiting.extend_from_slice(text);
    }

    /// Writes the text of the queue, for ever.
    fn write_out(&self, mut out: impl Write, colours: bool) {
        let mut text = Vec::new();
        // Whether a failed write has left a part of a line.
        let mut cut = false;
        loop {
            self.take(&mut text);
            if !colours {
                text = strip_bytes(&text).into_vec();
            }
            if cut {
                text.insert(0, b'\n');
            }
            let written = write(&mut out, &text);
            let (done, rest) = text.split_at(written);
            cut = done.last().map_or(cut, |last| *last != b'\n');
            if let Some(lost) = self.account(lines(rest)) {
                tracing::error!(
                    lines = lost,
                    "lines of this log were lost since the start: it could not be written"
                );
            }
        }
    }

    /// Waits for text in the queue, and moves it into `text`.
    fn take(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        let waited = self.changed.wait_while(state, |state| state.waiting.is_empty());
        state = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(text, &mut state.waiting);
        state.writing = true;
    }

    /// Adds the lines that the last write has lost. If it has lost none, returns the count that the log must report.
    fn account(&self, lost: usize) -> Option<usize> {
        let mut state = self.lock();
        state.lost += lost;
        let unreported = lost == 0 && state.lost > state.reported;
        unreported.then(|| {
            state.reported = state.lost;
            state.lost
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes as much as possible. Returns the number of written bytes.
fn write(out: &mut impl Write, text: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

/// The number of lines of `text`. A part of a line counts as a line.
fn lines(text: &[u8]) -> usize {
    text.split_inclusive(|byte| *byte == b'\n').count()
}
