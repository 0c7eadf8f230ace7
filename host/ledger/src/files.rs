//! The ledger's files in the CA's folder: their names, the lock on the folder, and their replacement.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{FILE, StoreError};
use minipki_os::files::{self, Locked};

/// The suffixes of SQLite's files beside an open database: the write-ahead log, its index, and the rollback journal.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The lock of a process that issues from a folder, or replaces its ledger.
///
/// The lock is on the folder, so nobody can avoid it by removing a file. It is not on the ledger: closing any
/// descriptor of a file drops all POSIX locks of the process on that file, also SQLite's locks.
pub struct Lock {
    _folder: Locked,
}

impl Lock {
    /// Locks the folder.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process holds it.
    pub fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let file = File::open(folder).map_err(|e| StoreError::io(folder, e))?;
        match Locked::new(file) {
            Ok(folder) => Ok(Self { _folder: folder }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(folder.to_owned())),
            Err(TryLockError::Error(e)) => Err(StoreError::io(folder, e)),
        }
    }
}

/// The path of a file of SQLite beside a database.
pub fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Moves the ledger's files, if they exist, into the folder `ledger.sqlite.replaced-SECONDS`. The ledger goes first:
/// from then on, nothing can be served until the next ledger is in place. Returns the new path of the first file.
///
/// The files are collected in `ledger.sqlite.replacing`, which is renamed at the end. So the next call completes an
/// interrupted one, and a ledger and its log stay together.
pub(super) fn set_aside(folder: &Path) -> Result<Option<PathBuf>, StoreError> {
    let path = folder.join(FILE);
    let replacing = companion(&path, ".replacing");
    let at = |path: &Path| {
        let path = path.to_owned();
        move |e| StoreError::io(&path, e)
    };
    // After an interruption, somebody has put another ledger in place. The files beside it belong to that ledger.
    if path.exists() && replacing.exists() && fs::remove_dir(&replacing).is_err() {
        fs::rename(&replacing, free_name(&path)).map_err(at(&replacing))?;
    }
    let mut moved = None;
    for suffix in [""].iter().chain(&COMPANIONS) {
        let from = companion(&path, suffix);
        let to = replacing.join(from.file_name().unwrap_or_default());
        if from.symlink_metadata().is_ok() {
            files::create_folder_if_missing(&replacing).map_err(at(&replacing))?;
            fs::rename(&from, &to).map_err(at(&from))?;
        }
        if moved.is_none() && to.symlink_metadata().is_ok() {
            moved = to.file_name().map(ToOwned::to_owned);
        }
    }
    let Some(moved) = moved else { return Ok(None) };
    files::sync_folder(&replacing).map_err(at(&replacing))?;
    let replaced = free_name(&path);
    fs::rename(&replacing, &replaced).map_err(at(&replacing))?;
    files::sync_folder(folder).map_err(at(folder))?;
    Ok(Some(replaced.join(moved)))
}

/// A free name for the ledger that was at `path`. Its number is the time in seconds, or higher.
fn free_name(path: &Path) -> PathBuf {
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let name = |number: u64| companion(path, &format!(".replaced-{number}"));
    (seconds..).map(name).find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| name(seconds))
}
