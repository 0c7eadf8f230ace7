//! The lock of an identity's key: one process renews the identity or changes its passphrase at a time.

use std::fs::{OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::identity_error::IdentityError;
use minipki_os::files::{self, Locked};

/// The lock file. It stays in the folder.
pub(super) const LOCK: &str = "renewal.lock";

/// Locks the folder of an identity.
///
/// # Errors
/// [`IdentityError::Renewing`] while another process has the lock.
pub(super) fn lock(folder: &Path) -> Result<Locked, IdentityError> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(files::SECRET);
    let opened = files::open_with(&mut options, OFlags::NOFOLLOW, &path);
    match Locked::new(opened.map_err(|e| IdentityError::write(&path, e))?) {
        Ok(lock) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(IdentityError::Renewing(folder.to_owned())),
        Err(TryLockError::Error(e)) => Err(IdentityError::write(&path, e)),
    }
}
