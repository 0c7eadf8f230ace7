//! What can be wrong with a ledger, in words for its operator.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use crate::ca::ports::LedgerError;

/// A ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no ledger yet.
    #[error("{} does not exist: nothing was issued from this folder yet; `minipki ca serve` makes it", .0.display())]
    Missing(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The ledger holds the hashes of tokens, and others may open it.
    #[error("{} has mode {mode:04o} and should have 0600, since it holds what tokens are checked by; run: chmod 600 '{}'", path.display(), path.display())]
    Mode {
        /// The ledger.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process issues from this folder.
    #[error("another process holds {}: one `minipki ca serve` at a time may issue from a folder; stop that one first", .0.display())]
    Locked(PathBuf),
    /// Some other program's database.
    #[error("{} is not a ledger of MiniPKI (application id {found:#x}, expected {expected:#x}); move it away", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: i32,
        /// What a ledger says.
        expected: i32,
    },
    /// A ledger from a later version of MiniPKI.
    #[error("{} has schema {found}, and this version of minipki knows up to {known}; use the newer minipki that wrote it", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its schema.
        found: i32,
        /// The newest schema known here.
        known: i32,
    },
    /// A ledger that only a writer can bring up to date.
    #[error("{} has schema {found}, and this version of minipki reads {known}; start `minipki ca serve` once to bring it up to date", path.display())]
    Older {
        /// The ledger.
        path: PathBuf,
        /// Its schema.
        found: i32,
        /// The schema read here.
        known: i32,
    },
    /// The ledger of another CA.
    #[error("{} belongs to the CA {found}, and this folder's key and name are {expected}; put back the ledger or the key that belongs here", path.display())]
    Foreign {
        /// The ledger.
        path: PathBuf,
        /// Whose it says it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A row that this program cannot have written.
    #[error(
        "the ledger holds a {0} that minipki would never write: it was changed from outside; put back a backup"
    )]
    Damaged(&'static str),
    /// A token that is in the ledger already.
    #[error("this token is in the ledger already; draw another")]
    TokenExists,
    /// A search that fits no index.
    #[error("the search took too long and was given up; narrow it, or sort by the order of issue")]
    TooSlow,
    /// A token that cannot be revoked.
    #[error("this token is unknown, spent or revoked already; load the list again")]
    TokenNotLive,
    /// No random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Entropy(String),
    /// Another process holds the ledger for longer than this one waits.
    #[error(
        "another process holds the ledger and does not let go of it; wait until it has finished, then try again"
    )]
    Busy,
    /// There is no room for what is to be written.
    #[error("the disk that the ledger is on is full; free some space on it, then try again")]
    Full,
    /// SQLite refused.
    #[error("SQLite: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error() else { return Self::Sqlite(error) };
        match code.code {
            ErrorCode::DatabaseBusy => Self::Busy,
            ErrorCode::DiskFull => Self::Full,
            // What SQLite says where the index of the write-ahead log cannot grow.
            _ if code.extended_code == SQLITE_IOERR_SHMSIZE => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Full => Self::Unavailable(error.into()),
            _ => Self::Storage(error.into()),
        }
    }
}
