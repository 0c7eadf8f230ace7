//! Files and folders with the permissions they need, on the disk when the call returns.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Mode of a file that holds secrets.
pub const SECRET: u32 = 0o600;
/// Mode of a file that anyone may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of a folder that holds files with secrets.
pub const FOLDER: u32 = 0o700;

/// Makes the folder `path` with mode [`FOLDER`]; the folder it is in must exist.
///
/// # Errors
/// The operating system's, `AlreadyExists` above all.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER).create(path)?;
    sync_folder(folder_of(path))
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a new file, to be written.
///
/// Root gives it to the owner of its folder: what `sudo` leaves in a user's folder is of use to that user.
///
/// # Errors
/// The operating system's, `AlreadyExists` above all: nothing is ever overwritten.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)?;
    let (own, folder) = (file.metadata()?, fs::metadata(folder_of(path))?);
    if own.uid() == folder.uid() {
        return Ok(file);
    }
    match fchown(&file, Some(folder.uid()), Some(folder.gid())) {
        // Only root may.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(file),
        given => given.map(|()| file),
    }
}

/// Writes a new file and waits until it is on the disk. Its name is so only after
/// [`sync_folder`].
///
/// # Errors
/// As [`create_new`].
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = create_new(path, mode)?;
    file.write_all(content)?;
    file.sync_all()
}

/// The name under which a file is written before it gets its own.
pub fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes a file whole or not at all: whatever interrupts it, `path` has its old content or the new, on the disk. What
/// an interruption leaves is `PATH.part`, which the next call writes anew.
///
/// # Errors
/// The operating system's.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let part = part(path);
    remove(&part)?;
    write_new(&part, content, mode)?;
    fs::rename(&part, path)?;
    sync_folder(folder_of(path))
}

/// Removes a file, if it is there.
///
/// # Errors
/// The operating system's.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A path as a word of a POSIX shell's command line: quoted where it must be.
pub fn shell_word(path: &Path) -> impl fmt::Display {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    let bare = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain);
    if bare { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// The operating system's.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The permission bits of a file or folder.
///
/// # Errors
/// The operating system's.
pub fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// Whether nobody but the owner has any access.
pub const fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}
