//! Files and folders with the permissions they need, on the disk when the call returns.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

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
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

/// Writes a new file and waits until it is on the disk. Its name is so only after
/// [`sync_folder`].
///
/// # Errors
/// The operating system's, `AlreadyExists` above all: nothing is ever overwritten.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
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
