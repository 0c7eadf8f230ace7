//! Files and folders with fixed permissions, on the disk when the call returns.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::text::undecorated;

/// Mode of a file that holds secrets.
pub const SECRET: u32 = 0o600;
/// Mode of a file that anyone can read.
pub const PUBLIC: u32 = 0o644;
/// Mode of a folder that holds files with secrets.
pub const FOLDER: u32 = 0o700;

/// The next action after an error of the operating system on a file that exists, or on its folder.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::AlreadyExists => "choose another name: nothing is ever overwritten",
        ErrorKind::PermissionDenied => "run it as the user who owns the folder",
        ErrorKind::IsADirectory => "give a file in this folder",
        ErrorKind::NotADirectory => "give the folder, and not a file in it",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on this disk, then try again",
        ErrorKind::FileTooLarge => "raise the limit for the size of files (ulimit -f), then try again",
        ErrorKind::ReadOnlyFilesystem => "use a disk that can be written",
        _ => "check the path and the disk that it is on",
    }
}

/// The text of an error of the operating system on the file or folder `path`.
pub fn seen(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            let is_missing = |path: &&Path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err();
            let missing = path.ancestors().take_while(is_missing).last().unwrap_or(path);
            format!("{} does not exist", missing.display())
        }
        ErrorKind::PermissionDenied => format!("this user has no access to {}", path.display()),
        ErrorKind::IsADirectory => format!("{} is a folder, and a file is expected", path.display()),
        ErrorKind::NotADirectory => {
            let file = path.ancestors().find(|path| path.is_file()).unwrap_or(path);
            format!("{} is a file in {}, and a folder is expected", file.display(), folder_of(file).display())
        }
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error ").next().unwrap_or_default();
            format!("{}: {text}", path.display())
        }
    }
}

/// Makes the folder `path` with mode [`FOLDER`]. Its parent must exist.
///
/// # Errors
/// The operating system's error, for example `AlreadyExists`.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER).create(path)?;
    sync_folder(folder_of(path))
}

/// Makes the folder `path` with mode [`FOLDER`], if it does not exist. As in [`create_new`], root gives it to the owner
/// of its parent.
///
/// # Errors
/// The operating system's error.
pub fn create_folder_if_missing(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER).create(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| give_to_owner(&File::open(path)?, path)),
    }
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a new file and opens it for writing. Root gives it to the owner of its folder, so that this user can open a
/// file that `sudo` has made.
///
/// # Errors
/// The operating system's error, `AlreadyExists` if the file exists.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)?;
    give_to_owner(&file, path)?;
    Ok(file)
}

/// Gives the open file or folder at `path` to the owner of its parent, if this process may.
fn give_to_owner(file: &File, path: &Path) -> io::Result<()> {
    let (own, folder) = (file.metadata()?, fs::metadata(folder_of(path))?);
    if own.uid() == folder.uid() {
        return Ok(());
    }
    match fchown(file, Some(folder.uid()), Some(folder.gid())) {
        // Only root can do this.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

/// Writes a new file and waits until its content is on the disk. [`sync_folder`] does the same for its name.
///
/// # Errors
/// As [`create_new`].
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = create_new(path, mode)?;
    file.write_all(content)?;
    file.sync_all()
}

/// The temporary name of a file that is being written.
pub fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes a file whole or not at all. After an interruption, `path` has its old or its new content on the disk, and
/// `PATH.part` may be left. The next call overwrites it.
///
/// # Errors
/// The operating system's error.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let part = part(path);
    remove(&part)?;
    write_new(&part, content, mode)?;
    fs::rename(&part, path)?;
    sync_folder(folder_of(path))
}

/// Renames a file, if it exists, to `PATH.replaced-SECONDS` with the first free number. Returns the new name. It is on
/// the disk after [`sync_folder`].
///
/// # Errors
/// The operating system's error.
pub fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let name = |number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".replaced-{number}"));
        PathBuf::from(name)
    };
    let free = (seconds..).map(name).find(|name| name.symlink_metadata().is_err());
    free.map(|free| fs::rename(path, &free).map(|()| free)).transpose()
}

/// Removes a file, if it exists.
///
/// # Errors
/// The operating system's error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Waits until the names in a folder are on the disk.
///
/// # Errors
/// The operating system's error.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The permission bits of a file or folder.
///
/// # Errors
/// The operating system's error.
pub fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// Whether only the owner has access.
pub const fn is_private(mode: u32) -> bool {
    mode & 0o077 == 0
}

/// The access that users other than the owner may have to a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// None: the file holds a secret.
    Nothing,
    /// Reading only.
    Read,
}

impl Others {
    /// Whether these permission bits give others at most this access.
    pub const fn permits(self, mode: u32) -> bool {
        match self {
            Self::Nothing => is_private(mode),
            Self::Read => mode & 0o022 == 0,
        }
    }
}

/// The reason why a file was not read.
#[derive(Debug)]
pub enum ReadError {
    /// The operating system's error; also for a file that is not regular or is too large.
    Io(io::Error),
    /// The permission bits of the file. They give others too much access.
    Mode(u32),
}

/// The maximum size of a file for [`read`] and [`read_bytes`], in bytes: several times the largest file of MiniPKI.
const MAX_SIZE: u64 = 64 * 1024;

/// Reads a whole file of text. The marks of editors around JSON and PEM are removed. Checks the kind and the permission bits
/// of the open file, so that nobody can exchange the file after the check. The content is wiped when it is dropped.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, others: Others) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let (file, mode) = open_regular(path).map_err(ReadError::Io)?;
    if !others.permits(mode) {
        return Err(ReadError::Mode(mode));
    }
    content(file, MAX_SIZE).map(undecorated).map_err(ReadError::Io)
}

/// Reads a whole file, whatever its permission bits. The content is wiped when it is dropped.
///
/// # Errors
/// The operating system's error; an error for a file that is not regular or is longer than 64 KiB.
pub fn read_bytes(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    content(open_regular(path)?.0, MAX_SIZE)
}

/// Reads a whole file of any kind, also a pipe. The content is wiped when it is dropped.
///
/// # Errors
/// The operating system's error; an error for a file that is longer than `limit` bytes.
pub fn read_up_to(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    content(File::open(path)?, limit)
}

/// Opens a regular file to read, and returns its permission bits.
fn open_regular(path: &Path) -> io::Result<(File, u32)> {
    // Without NONBLOCK, opening a pipe would wait for its writer.
    let file = open_with(OpenOptions::new().read(true), OFlags::NONBLOCK, path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "this is not a regular file"));
    }
    Ok((file, found.mode() & 0o7777))
}

/// The content of an open file, of at most `limit` bytes.
fn content(file: File, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Full capacity at once: a vector that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit as usize + 1));
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let text = format!("longer than {limit} bytes, the limit for such a file");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(content)
}

/// Opens `path` with flags that the standard library does not name.
///
/// # Errors
/// The operating system's error.
pub fn open_with(options: &mut OpenOptions, flags: OFlags, path: &Path) -> io::Result<File> {
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// An open file or folder that only this process has locked, until this is dropped. The operating system unlocks it
/// when the process dies.
#[derive(Debug)]
pub struct Locked(File);

impl Locked {
    /// Locks `file`, without waiting.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] while another process holds the lock, or the operating system's error.
    pub fn new(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    /// Unlocks the file. Closing alone is not enough: a child process that is being started still has the file open.
    fn drop(&mut self) {
        // After a failure here, closing unlocks it.
        let _ = self.0.unlock();
    }
}

/// The bytes that an unprivileged process can still write on the disk of `path`.
///
/// # Errors
/// The operating system's error.
pub fn free_space(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether `path` still names the open file.
///
/// # Errors
/// The operating system's error.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// `path`, quoted for a shell.
pub fn quoted(path: &Path) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let bytes = path.as_os_str().as_bytes();
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(b);
        match path.to_str() {
            Some(text) if !bytes.is_empty() && bytes.iter().all(plain) => f.write_str(text),
            Some(text) if !text.contains(char::is_control) => {
                write!(f, "'{}'", text.replace('\'', "'\\''"))
            }
            // For bash, ksh, zsh, and POSIX since 2024.
            _ => {
                let escape = |b: &u8| match b {
                    b if plain(b) => char::from(*b).to_string(),
                    b => format!("\\{b:03o}"),
                };
                write!(f, "$'{}'", bytes.iter().map(escape).collect::<String>())
            }
        }
    })
}
