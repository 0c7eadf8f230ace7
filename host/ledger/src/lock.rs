//! The lock that allows one issuer at a time, and the note that the last one has left.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Instance, StoreError};
use minipki_os::files::{self, Locked};

/// The lock that a process holds while it issues from a folder, or exchanges its ledger.
///
/// The lock is on the folder itself, so that no file can be removed to get around it. It is not on the ledger: closing
/// any descriptor of a file drops all POSIX locks that the process has on that file, those of SQLite among them.
pub struct Lock {
    _folder: Locked,
}

impl Lock {
    /// Takes the lock.
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

/// The ledger as the last start, the last certificates and the last stop of the CA have seen it: by it an older copy is
/// noticed. It is in the file `last-start.json`, beside the ledger.
///
/// A start and a stop wait until it is on the disk. A batch of certificates does not, to cost no more time: it is
/// written into the open file, which a process that is killed cannot lose. A crash of the machine can lose what the
/// operating system has not yet written out, on Linux half a minute by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStart {
    /// Checkpoints that have failed since the start.
    pub checkpoints_failed: u64,
    /// The ledger's generation.
    pub generation: u64,
    /// The ledger's instance, in hexadecimal digits.
    pub instance: String,
    /// The row of the newest certificate.
    #[serde(default)]
    pub newest: u64,
    /// The process that serves, or served.
    pub process: u32,
}

impl LastStart {
    /// Its name in the CA folder.
    pub const FILE: &str = "last-start.json";

    /// Reads it; `None` if the CA was never started here, or if the file is not whole.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = folder.join(Self::FILE);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(&path, e)),
        }
    }

    /// Whether `found`, of the same instance, knows all that this does.
    pub fn is_in(&self, found: &Instance) -> bool {
        self.generation <= found.generation && self.newest <= found.newest
    }

    /// Writes it whole or not at all, and waits for the disk; the file, for [`LastStart::update`].
    pub(super) fn write(&self, folder: &Path) -> Result<File, StoreError> {
        let path = folder.join(Self::FILE);
        let write = || {
            files::replace(&path, self.text().as_bytes(), files::SECRET)?;
            OpenOptions::new().write(true).open(&path)
        };
        write().map_err(|e| StoreError::io(&path, e))
    }

    /// Writes it over an earlier one of the same instance, without waiting for the disk. Its numbers only grow, so it
    /// is no shorter.
    pub(super) fn update(&self, file: &File) -> io::Result<()> {
        file.write_all_at(self.text().as_bytes(), 0)
    }

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
