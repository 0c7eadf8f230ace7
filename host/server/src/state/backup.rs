//! A backup of a CA: one file with the complete state.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use minipki_core::time::UnixTime;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::archive::{self, About, Entry};
use super::rollover::check_finished;
use super::{StateError, owner};
use minipki_keys::CaFolder;
use minipki_os::files;

/// The number of random letters and digits in the name of an unfinished backup.
const RANDOM: usize = 6;

/// A new backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The size in bytes.
    pub size: u64,
    /// Whether the keys were opened and checked. They are not if they are encrypted and `folder` has no passphrase.
    pub key_checked: bool,
}

/// Writes a backup of the CA in `folder` to the new file `to` with mode 0600, also while the CA issues. It has all
/// certificates that were sent before this call. It fails while the key is being changed. No file is overwritten: if
/// two backups to one name run at once, the later one fails.
///
/// The file gets its name when it is complete and on the disk. Until then it is beside `to`, as
/// `TO.minipki-part-RANDOM`. The next backup to the same name removes such a file of a killed backup.
///
/// # Errors
/// [`StateError`], [`StateError::BackupExists`] if `to` exists.
pub fn backup(folder: &CaFolder, to: &Path, now: UnixTime) -> Result<Backup, StateError> {
    if to.symlink_metadata().is_ok() {
        return Err(StateError::BackupExists(to.to_owned()));
    }
    // A wrong key would otherwise be found only at the restore.
    let key_checked = !folder.is_locked()?;
    if key_checked && let Err(error) = folder.check_keys() {
        // During a change of the key, this error is the right one.
        check_finished(folder)?;
        return Err(error.into());
    }
    // Leftovers are harmless, so the backup continues if they cannot be removed.
    let _ = remove_leftovers(to);
    let part = create_part(to).map_err(StateError::io(to))?;
    // A change of the key is in the ledger before it is in a file. So files with another key than the owner's are refused
    // with the ledger.
    let mut entries = Entry::all(folder.anchor());
    for Entry { name, content, .. } in &mut entries {
        let file = folder.path().join(name);
        *content = files::read_bytes(&file).map_err(StateError::io(&file))?;
    }
    let ledger = minipki_ledger::snapshot(folder.path(), &owner(folder), &files::part(part.path()), now)?;
    let about =
        About::new(now.get(), folder.issuer_id().as_str().to_owned(), folder.fingerprint().to_string());
    let write = |file: &File| {
        archive::write(file, &about, &entries, &ledger)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    let size = write(part.as_file()).map_err(StateError::io(part.path()))?;
    part.persist_noclobber(to).map_err(|failed| match failed.error {
        e if e.kind() == ErrorKind::AlreadyExists => StateError::BackupExists(to.to_owned()),
        e => StateError::io(to)(e),
    })?;
    files::sync_folder(files::folder_of(to)).map_err(StateError::io(to))?;
    Ok(Backup { size, key_checked })
}

/// The prefix of the names of unfinished backups to `to`.
fn part_prefix(to: &Path) -> OsString {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".minipki-part-");
    name
}

/// Makes the file of an unfinished backup. A drop removes it. The file is locked while it is open, so other backups can
/// distinguish it from a leftover of a killed backup.
fn create_part(to: &Path) -> io::Result<NamedTempFile<File>> {
    tempfile::Builder::new().prefix(&part_prefix(to)).rand_bytes(RANDOM).make_in(
        files::folder_of(to),
        |path| {
            let file = files::create_new(path, files::SECRET)?;
            // Without support for locks, no other backup can lock and remove this file either.
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            // Another backup may remove the file before it is locked. With this error, another name is tried.
            if taken || !files::is_at(&file, path)? { Err(ErrorKind::AlreadyExists.into()) } else { Ok(file) }
        },
    )
}

/// Removes the leftovers of killed backups to `to`.
fn remove_leftovers(to: &Path) -> io::Result<()> {
    let prefix = part_prefix(to);
    for entry in fs::read_dir(files::folder_of(to))? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.as_bytes().strip_prefix(prefix.as_bytes()).unwrap_or_default();
        if random.len() != RANDOM || !random.iter().all(u8::is_ascii_alphanumeric) {
            continue;
        }
        let path = entry.path();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let Ok(file) = files::open_with(OpenOptions::new().read(true).write(true), flags, &path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            // `path` is removed last, because its name leads to the copy of the ledger and the journal of the copy.
            let copy = files::part(&path);
            let mut journal = copy.clone().into_os_string();
            journal.push("-journal");
            for left in [Path::new(&journal), &copy, &path] {
                files::remove(left)?;
            }
        }
    }
    Ok(())
}
