//! Standard error: written at once by a command, and through a bounded queue by a server.
//!
//! A reader that stands still blocks whoever writes, and a closed pipe or a full disk makes each write fail. Neither
//! may end or delay a server. So [`begin`] starts a thread that writes, and everybody else only adds to its queue.
//! Lines that find no room, or cannot be written, are counted; the count is logged as soon as a write succeeds.
//!
//! The crate `tracing-appender` has such a queue, but it does not see failed writes, and at its end it writes to
//! standard error itself, which blocks or panics here.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anstream::adapter::strip_bytes;
use anstream::{AutoStream, ColorChoice};

/// How many bytes may wait: some thousand lines of a log.
const ROOM: usize = 1024 * 1024;

/// How long the end of the program waits for the queue.
const TIMEOUT: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Standard error of this process. Each `write` takes the whole text, keeps it in one piece, and never fails.
#[derive(Clone, Copy)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match QUEUE.get() {
            Some(queue) => queue.push(text),
            // A message that cannot be shown is no reason to stop.
            None => drop(anstream::stderr().lock().write_all(text)),
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether standard error shows colours.
pub(super) fn colours() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// From here on [`Stderr`] neither waits nor fails.
///
/// # Errors
/// The operating system's, if it gives no thread.
pub(super) fn begin() -> io::Result<()> {
    let queue = QUEUE.get_or_init(Queue::default);
    let colours = colours();
    thread::Builder::new().name("log".into()).spawn(move || queue.write_out(io::stderr(), colours)).map(drop)
}

/// Waits until all is written, but at most a second. The rest is lost with the process.
pub(super) fn end() {
    if let Some(queue) = QUEUE.get() {
        let unwritten = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(queue.changed.wait_timeout_while(queue.lock(), TIMEOUT, unwritten));
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Text has come, or has been written.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread has taken text that is not yet written.
    writing: bool,
    /// Lines lost since the start.
    lost: usize,
    /// How many of these the log has told of.
    told: usize,
}

impl Queue {
    fn push(&self, text: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + text.len() > ROOM {
            state.lost += lines(text);
            return;
        }
        // Otherwise the thread is at work, and looks again before it sleeps.
        if state.waiting.is_empty() {
            self.changed.notify_all();
        }
        state.waiting.extend_from_slice(text);
    }

    /// The thread's work, which never ends.
    fn write_out(&self, mut out: impl Write, colours: bool) {
        let mut text = Vec::new();
        // Whether a failed write has left an unfinished line.
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

    /// Waits for text, and exchanges it for what `text` held.
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

    /// Counts the lines that the last write has lost. If it has lost none, returns the count that is still to be told.
    fn account(&self, lost: usize) -> Option<usize> {
        let mut state = self.lock();
        state.lost += lost;
        let untold = lost == 0 && state.lost > state.told;
        untold.then(|| {
            state.told = state.lost;
            state.lost
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes as much as can be written; returns how many bytes that was.
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

/// How many lines `text` has; a piece of a line counts as one.
fn lines(text: &[u8]) -> usize {
    text.split_inclusive(|byte| *byte == b'\n').count()
}
