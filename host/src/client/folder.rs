//! The folder of an identity, which appears whole or not at all.
//!
//! | file | mode | what |
//! | --- | --- | --- |
//! | `key.pem` | 0600 | the private key, PKCS#8 PEM (RFC 8410) |
//! | `certificate.json` | 0644 | the certificate, as the CA wrote it |
//! | `anchor.json` | 0644 | the CA's name, key and fingerprint |

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use minipki_core::crypto::PKCS8_PEM;
use minipki_core::limits;
use rand_core::TryRng;
use zeroize::Zeroizing;

use super::identity::{ANCHOR, CERTIFICATE, Identity, IdentityError, KEY};
use crate::files;

/// A folder in the making: a hidden sibling of what it will be, gone if it is dropped.
///
/// Made before the CA is asked, so that no token is spent on a folder that cannot be written.
#[derive(Debug)]
pub struct NewFolder {
    target: PathBuf,
    staging: PathBuf,
}

impl NewFolder {
    /// Begins the folder `target`, which must not exist, or be empty. The folder it is in must exist.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if anything is in the way; otherwise what failed.
    pub fn begin(target: &Path) -> Result<Self, IdentityError> {
        let name = target.file_name().ok_or_else(|| IdentityError::Nameless(target.to_owned()))?;
        match fs::symlink_metadata(target) {
            Ok(found) if !(found.is_dir() && is_empty(target)) => {
                return Err(IdentityError::Exists(target.to_owned()));
            }
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(io_error(target, e)),
            _ => {}
        }
        // Two at once do not meet: the name is drawn.
        let draw = SysRng.try_next_u64().map_err(|e| IdentityError::Entropy(e.to_string()))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{draw:016x}"));
        let staging = target.with_file_name(hidden);
        files::create_folder(&staging).map_err(|e| io_error(&staging, e))?;
        Ok(Self { target: target.to_owned(), staging })
    }

    /// Writes `identity` into it, and gives it its name. On the disk when the call returns.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if something has come in the way since; otherwise what failed.
    /// Nothing is left behind then.
    pub fn keep(self, identity: &Identity) -> Result<(), IdentityError> {
        let mut pem = Zeroizing::new([0; PKCS8_PEM]);
        let pem = identity.key().write_pkcs8_pem(&mut *pem).map_err(|e| self.error(io::Error::other(e)))?;
        let mut anchor = [0; limits::ANCHOR];
        let anchor = identity.anchor().encode(&mut anchor).map_err(|e| self.error(io::Error::other(e)))?;

        self.write(KEY, pem.as_bytes(), files::SECRET)?;
        self.write(CERTIFICATE, identity.certificate(), files::PUBLIC)?;
        self.write(ANCHOR, anchor, files::PUBLIC)?;
        files::sync_folder(&self.staging).map_err(|e| self.error(e))?;
        // Replaces nothing but an empty folder (rename(2)), so nobody's files are lost to a race.
        fs::rename(&self.staging, &self.target).map_err(|e| match e.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                IdentityError::Exists(self.target.clone())
            }
            _ => self.error(e),
        })?;
        files::sync_folder(parent(&self.target)).map_err(|e| self.error(e))
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), IdentityError> {
        let path = self.staging.join(name);
        files::write_new(&path, content, mode).map_err(|e| io_error(&path, e))
    }

    fn error(&self, source: io::Error) -> IdentityError {
        io_error(&self.target, source)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Not there any more if it was kept.
        let _ = fs::remove_dir_all(&self.staging);
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Not `Missing`, which is about loading: here it is the folder around it that is not there.
fn io_error(path: &Path, source: io::Error) -> IdentityError {
    IdentityError::Io { path: path.to_owned(), source }
}
