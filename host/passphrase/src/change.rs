//! A new passphrase for a key file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minipki_os::files::{self, Locked, Others, ReadError};
use zeroize::Zeroizing;

use crate::encrypted::{encrypt, open};
use crate::{EncryptedKeyError, Passphrase};

/// The reason why a passphrase was not changed. The key file is unchanged.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ChangeError {
    /// The key cannot be opened or encrypted.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", source.advice(path).unwrap_or_else(|| "put back the file from a backup".to_owned())))]
    Key {
        /// The key file.
        path: PathBuf,
        /// The reason.
        source: EncryptedKeyError,
    },
    /// Another process changes the passphrase, or replaces the key.
    #[error("another process changes the passphrase of {}, or replaces the key", .0.display())]
    #[diagnostic(help("wait until it has ended, then try again"))]
    Busy(PathBuf),
    /// The file is a symbolic link, which a change would replace by a file.
    #[error("{} is a symbolic link, and a private key has to be in the folder itself", .0.display())]
    #[diagnostic(help(
        "put a copy of the file in the place of the link: cp -pL {path} {path}.copy && mv {path}.copy {path}",
        path = files::quoted(.0)
    ))]
    Link(PathBuf),
    /// Other users may read the key.
    #[error("{} has mode {mode:04o}, so other users may have read the private key", path.display())]
    #[diagnostic(help("if nobody did, run: chmod 600 {}", files::quoted(path)))]
    Mode {
        /// The key file.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The file system refused an access.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The key file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Changes the passphrase of the key file `path` from `old` to `new`. `None` is a key without encryption. `check` gets
/// the PEM of the key without encryption, and refuses a key that is not usable.
///
/// The file is replaced as a whole. At any moment, also after a crash, it opens with `old` or with `new`. A crash can
/// leave `PATH.part`, which the next change overwrites. Programs that have opened the key are not affected.
///
/// # Errors
/// The error of `check`; [`ChangeError`]. If the last step fails, the waiting for the disk, the file may have its new
/// passphrase.
pub fn change<E: From<ChangeError>>(
    path: &Path,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
    check: impl FnOnce(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let _lock = lock(path)?;
    rewrite(path, old, new, check)
}

/// [`change`] by a caller that holds a lock, so that only one process changes the file.
///
/// # Errors
/// As [`change`].
pub fn rewrite<E: From<ChangeError>>(
    path: &Path,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
    check: impl FnOnce(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let io = |source| ChangeError::Io { path: path.to_owned(), source };
    let key = |source| ChangeError::Key { path: path.to_owned(), source };
    let text = files::read(path, Others::Nothing).map_err(|error| match error {
        ReadError::Mode(mode) => ChangeError::Mode { path: path.to_owned(), mode },
        ReadError::Io(source) => io(source),
    })?;
    let plain = open(text, old).map_err(key)?;
    check(&plain)?;
    let text = match new {
        Some(new) => encrypted(&plain, new).map_err(key)?,
        None => plain,
    };
    files::replace(path, &text, files::SECRET).map_err(io)?;
    Ok(())
}

/// Encrypts `plain`, and checks that the result can be opened.
fn encrypted(plain: &[u8], new: &Passphrase) -> Result<Zeroizing<Vec<u8>>, EncryptedKeyError> {
    let text = encrypt(plain, new)?;
    open(text.clone(), Some(new))?;
    Ok(text)
}

/// Locks the key file at `path`. Without the lock, two changes could write to one temporary file.
///
/// # Errors
/// [`ChangeError::Busy`] while another process holds the lock; [`ChangeError::Link`]; [`ChangeError::Io`].
pub fn lock(path: &Path) -> Result<Locked, ChangeError> {
    let io = |source| ChangeError::Io { path: path.to_owned(), source };
    if path.is_symlink() {
        return Err(ChangeError::Link(path.to_owned()));
    }
    let file = match Locked::new(File::open(path).map_err(io)?) {
        Ok(file) => file,
        Err(TryLockError::WouldBlock) => return Err(ChangeError::Busy(path.to_owned())),
        Err(TryLockError::Error(source)) => return Err(io(source)),
    };
    // Another process may have replaced the file between the two calls.
    if files::is_at(&file, path).map_err(io)? { Ok(file) } else { Err(ChangeError::Busy(path.to_owned())) }
}
