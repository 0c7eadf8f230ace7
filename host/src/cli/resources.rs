//! Checks at the start of a command that the system gives it enough threads and open files.
//!
//! Without this check the runtime and the thread pools would panic.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::{CliError, Exit};

/// The number of threads and open files that a command needs in addition to those at its start.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    threads: usize,
    descriptors: usize,
}

impl Needs {
    /// The needs of a client: one thread for name lookup, one for standard input.
    pub(super) const CLIENT: Self = Self { threads: 2, descriptors: 16 };

    /// The needs of a server: threads for the network, signing, the ledger, and the log.
    pub(super) fn server() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: 2 * cores + 4, descriptors: 32 }
    }

    /// Starts the threads and opens the files, then releases them.
    ///
    /// # Errors
    /// An error that names the missing resource, and the limit to raise.
    pub(super) fn check(self) -> Result<(), CliError> {
        let Self { threads, descriptors } = self;
        minipki_os::raise_descriptor_limit();
        start(threads).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format_args!("this command needs {threads} threads, and the system refuses them: {error}"),
                "end other programs of this user, or raise the limit (ulimit -u), then try again",
            )
        })?;
        open(descriptors).map_err(|error| {
            CliError::new(
                Exit::Failed,
                format_args!(
                    "this command needs {descriptors} open files, and the system refuses them: {error}"
                ),
                "raise the limit (ulimit -n), then try again",
            )
        })
    }
}

/// Starts `count` threads at the same time.
fn start(count: usize) -> io::Result<()> {
    let held = Mutex::new(());
    thread::scope(|scope| {
        let _hold = held.lock();
        let wait = || drop(held.lock().unwrap_or_else(PoisonError::into_inner));
        (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, wait).map(drop))
    })
}

/// Opens `count` files at the same time.
fn open(count: usize) -> io::Result<()> {
    (0..count).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}
