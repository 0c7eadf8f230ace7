//! One issuer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::StoreError;

/// The lock's name in the CA folder. The file stays; the lock on it goes with the process.
const FILE: &str = "serve.lock";

/// Held while a process issues from a folder; released when dropped, and by the operating system
/// when the process dies.
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| StoreError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path)),
            Err(TryLockError::Error(e)) => Err(StoreError::io(&path, e)),
        }
    }
}

impl Drop for Lock {
    /// Closing is not enough: a child process that is just being started still has the file open.
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked by closing.
        let _ = self.0.unlock();
    }
}
