//! What can be wrong with a CA's state, or with a backup of it, in words for its operator.

use std::io;
use std::path::{Path, PathBuf};

use minipki_core::keys::Fingerprint;

use minipki_keys::FolderError;
use minipki_ledger::StoreError;
use minipki_os::clock::ClockError;
use minipki_os::files::quoted;

/// A CA's state could not be made, opened, backed up, restored or checked.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Its folder or key.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine's clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The file system refused.
    #[error("{}: {source}; check the path and the disk that it is on", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The backup's file exists.
    #[error("{} exists; a backup never overwrites anything: choose another name", .0.display())]
    BackupExists(PathBuf),
    /// The file is no backup, or not a whole one.
    #[error("{} is not a whole backup of a CA: {what}; take another backup", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// What was seen.
        what: String,
    },
    /// The folder belongs to another CA.
    #[error(
        "{} is of the CA with the key {found}, and the backup of the one with {backup}; restore it into another folder",
        folder.display()
    )]
    OtherKey {
        /// The folder.
        folder: PathBuf,
        /// The key of its CA.
        found: Fingerprint,
        /// The key in the backup.
        backup: Fingerprint,
    },
    /// The folder is no CA's.
    #[error("{} is not empty and holds no CA; restore into a folder that does not exist: --dir {}-restored", .0.display(), quoted(.0))]
    NotACa(PathBuf),
    /// The ledger that would be replaced is sound.
    #[error(
        "{} has its key, its anchor and a sound ledger with {certificates} certificates, which may be newer than the backup; to put the backup in its place all the same, and keep the ledger under another name, add --replace",
        folder.display()
    )]
    Sound {
        /// The folder.
        folder: PathBuf,
        /// How many certificates its ledger holds.
        certificates: u64,
    },
}

impl StateError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn no_backup(path: &Path, what: impl ToString) -> Self {
        Self::NoBackup { path: path.to_owned(), what: what.to_string() }
    }
}
