//! A backup of a CA: all that is needed to go on somewhere else, in one file.

use std::fs;
use std::path::Path;

use minipki_core::text::UnixTime;
use zeroize::Zeroizing;

use super::archive::{self, About, Contents};
use super::{StateError, owner};
use crate::files;
use crate::keys::CaFolder;
use crate::store;

/// A backup that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size in bytes.
    pub size: u64,
}

/// Writes a backup of the CA in `folder` to the new file `to`, of mode 0600, also while the CA issues: every
/// answer that came before this call is in it. The file has its name only when it is whole and on the disk.
///
/// # Errors
/// [`StateError::BackupExists`]; otherwise what failed.
pub fn backup(folder: &CaFolder, to: &Path, now: UnixTime) -> Result<Backup, StateError> {
    if to.symlink_metadata().is_ok() {
        return Err(StateError::BackupExists(to.to_owned()));
    }
    // A key that does not belong to the anchor would be found out only when it is needed.
    folder.check_key()?;
    let part = files::part(to);
    let ledger = files::part(&part);
    let written = write(folder, to, &part, &ledger, now);
    let removed = files::remove(&ledger);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = files::remove(&part);
    }
    removed.map_err(StateError::io(&ledger))?;
    written
}

fn write(
    folder: &CaFolder,
    to: &Path,
    part: &Path,
    ledger: &Path,
    now: UnixTime,
) -> Result<Backup, StateError> {
    for left in [part, ledger] {
        files::remove(left).map_err(StateError::io(left))?;
    }
    let mut contents = Contents::default();
    for ((name, _), content) in archive::SMALL.iter().zip(&mut contents) {
        let file = folder.path().join(name);
        *content = Zeroizing::new(fs::read(&file).map_err(StateError::io(&file))?);
    }
    store::snapshot(folder.path(), &owner(folder), ledger, now)?;
    let about =
        About::new(now.get(), folder.issuer_id().as_str().to_owned(), folder.fingerprint().to_string());
    let file = files::create_new(part, files::SECRET).map_err(StateError::io(part))?;
    archive::write(&file, &about, &contents, ledger).map_err(StateError::io(part))?;
    file.sync_all().map_err(StateError::io(part))?;
    let size = file.metadata().map_err(StateError::io(part))?.len();
    fs::rename(part, to).map_err(StateError::io(to))?;
    files::sync_folder(files::folder_of(to)).map_err(StateError::io(to))?;
    Ok(Backup { size })
}
