//! The free space on the disk that the ledger is on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use minipki_os::files;

/// How long an answer is good: a batch must not ask the disk each time.
const FRESH: Duration = Duration::from_secs(1);

/// Asks for the free space where a folder is, at most once a second.
pub(super) struct Space {
    folder: PathBuf,
    known: Option<(Instant, u64)>,
}

impl Space {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder, known: None }
    }

    /// The bytes that an unprivileged process can still write; [`u64::MAX`] if the system does not say: then the next
    /// write tells.
    pub(super) fn free(&mut self) -> u64 {
        match self.known {
            Some((asked, free)) if asked.elapsed() < FRESH => free,
            _ => {
                let free = files::free_space(&self.folder).unwrap_or(u64::MAX);
                self.known = Some((Instant::now(), free));
                free
            }
        }
    }
}
