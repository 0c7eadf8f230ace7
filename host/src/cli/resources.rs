//! Threads and descriptors: whether the system gives what a command needs, asked before the command does anything.
//!
//! The runtime and the pools of threads would panic where these are missing.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{CliError, Exit};

/// The threads and open files that a command needs at the same time, beside those that it has at its start.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    threads: usize,
    descriptors: usize,
}

impl Needs {
    /// A client: a thread to look a name up, and one to read the keyboard.
    pub(super) const CLIENT: Self = Self { threads: 2, descriptors: 16 };

    /// A server: threads for the network, for signing, for the ledger, and for the log.
    pub(super) fn server() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: 2 * cores + 4, descriptors: 32 }
    }

    /// Takes all of it, and gives it back.
    ///
    /// # Errors
    /// One that says what is missing, and which limit to raise.
    pub(super) fn check(self) -> Result<(), CliError> {
        let Self { threads, descriptors } = self;
        minipki_os::raise_descriptor_limit();
        start(threads).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format_args!(
                    "the system does not give this command the {threads} threads that it needs: {error}"
                ),
                "end other programs of this user, or raise the limit (ulimit -u), then try again",
            )
        })?;
        open(descriptors).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format_args!("the system does not give this command the {descriptors} open files that it needs: {error}"),
                "raise the limit (ulimit -n), then try again",
            )
        })
    }
}

/// Starts so many threads at the same time.
fn start(count: usize) -> io::Result<()> {
    let held = Mutex::new(());
    thread::scope(|scope| {
        let _hold = held.lock();
        let wait = || drop(held.lock().unwrap_or_else(PoisonError::into_inner));
        (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, wait).map(drop))
    })
}

/// Opens so many files at the same time.
fn open(count: usize) -> io::Result<()> {
    (0..count).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}
