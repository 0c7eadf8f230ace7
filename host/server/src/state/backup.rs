//! A backup of a CA: all that is needed to go on somewhere else, in one file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use minipki_core::time::UnixTime;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::archive::{self, About, Contents};
use super::{StateError, owner};
use minipki_keys::CaFolder;
use minipki_os::files;

/// The number of random letters and digits in the name of an unfinished backup.
const RANDOM: usize = 6;

/// A backup that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size in bytes.
    pub size: u64,
}

/// Writes a backup of the CA in `folder` to the new file `to`, of mode 0600, also while the CA issues: every
/// answer that came before this call is in it. The file has its name only when it is whole and on the disk, and no file
/// is ever overwritten: of two backups to one name at once, the later one fails.
///
/// Until then it is beside `to`, as `TO.minipki-part-RANDOM`. The next backup to the same name removes such a file of a
/// backup that was killed.
///
/// # Errors
/// [`StateError::BackupExists`]; otherwise what failed.
pub fn backup(folder: &CaFolder, to: &Path, now: UnixTime) -> Result<Backup, StateError> {
    if to.symlink_metadata().is_ok() {
        return Err(StateError::BackupExists(to.to_owned()));
    }
    // A key that does not belong to the anchor would be found out only when it is needed.
    folder.check_key()?;
    // They harm nothing, so a failure to remove them is no reason against a backup.
    let _ = remove_leftovers(to);
    let part = create_part(to).map_err(StateError::io(to))?;
    let mut contents = Contents::default();
    for ((name, _), content) in archive::SMALL.iter().zip(&mut contents) {
        let file = folder.path().join(name);
        *content = Zeroizing::new(fs::read(&file).map_err(StateError::io(&file))?);
    }
    let ledger = minipki_ledger::snapshot(folder.path(), &owner(folder), &files::part(part.path()), now)?;
    let about =
        About::new(now.get(), folder.issuer_id().as_str().to_owned(), folder.fingerprint().to_string());
    let write = |file: &File| {
        archive::write(file, &about, &contents, &ledger)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    let size = write(part.as_file()).map_err(StateError::io(part.path()))?;
    part.persist_noclobber(to).map_err(|failed| match failed.error {
        e if e.kind() == ErrorKind::AlreadyExists => StateError::BackupExists(to.to_owned()),
        e => StateError::io(to)(e),
    })?;
    files::sync_folder(files::folder_of(to)).map_err(StateError::io(to))?;
    Ok(Backup { size })
}

/// How the names of unfinished backups to `to` begin.
fn part_prefix(to: &Path) -> OsString {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".minipki-part-");
    name
}

/// Makes the file of an unfinished backup. It is removed when it is dropped, and locked as long as it is open: by that,
/// others tell it from what a killed backup has left.
fn create_part(to: &Path) -> io::Result<NamedTempFile<File>> {
    tempfile::Builder::new().prefix(&part_prefix(to)).rand_bytes(RANDOM).make_in(
        files::folder_of(to),
        |path| {
            let file = files::create_new(path, files::SECRET)?;
            // Where files cannot be locked, nobody can lock this one to remove it either.
            let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            // Another backup took it for a leftover before it was locked. This error lets another name be tried.
            if taken || !files::is_at(&file, path)? { Err(ErrorKind::AlreadyExists.into()) } else { Ok(file) }
        },
    )
}

/// Removes what killed backups to `to` have left.
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
            // The copy of the ledger and SQLite's journal of it go first: by the other name they are found.
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
