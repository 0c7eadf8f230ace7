//! The file of an identity's private key.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use getrandom::SysRng;
use minipki_core::bytes::Secret;
use minipki_core::crypto::KeyPair;
use minipki_core::keys::PKCS8_PEM;
use rand_core::TryRng;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::identity_error::IdentityError;
pub use super::identity_error::KEY;
use minipki_os::files::{self, Others, ReadError};
use minipki_passphrase::{KeyKind, Passphrase, Wanted};
use minipki_provider::HostProvider;

/// The name of a key file that is being created.
pub(super) const NEW_KEY: &str = "key.pem.new";

/// The key of an enrolment.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyOptions<'a> {
    /// The passphrase that encrypts a new key, and that opens an encrypted key in the folder.
    pub passphrase: Option<&'a Passphrase>,
    /// The key to be certified, instead of a new one.
    pub existing: Option<&'a KeyPair<HostProvider>>,
}

impl KeyOptions<'_> {
    /// Refuses a key in `folder` that is not the given one.
    pub(super) fn check(&self, folder: &Path, key: &KeyPair<HostProvider>) -> Result<(), IdentityError> {
        match self.existing {
            Some(existing) if existing.public() != key.public() => {
                Err(IdentityError::OtherKey(folder.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Reads the file `path`: an X25519 private key, PKCS#8 PEM (RFC 8410), which may be encrypted.
///
/// # Errors
/// [`IdentityError`].
pub fn read(
    provider: HostProvider,
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<KeyPair<HostProvider>, IdentityError> {
    let path = path.to_owned();
    let text = match files::read(&path, Others::Nothing) {
        Ok(text) => text,
        Err(ReadError::Mode(mode)) => return Err(IdentityError::Mode { path, mode }),
        Err(ReadError::Io(source)) => return Err(IdentityError::read(&path, source)),
    };
    match minipki_passphrase::open(text, passphrase) {
        Ok(pem) => KeyPair::from_pkcs8_pem(provider, &pem).map_err(|source| match KeyKind::of(&pem) {
            Some(found) if !found.is(Wanted::X25519) => IdentityError::WrongKey { path, found },
            _ => IdentityError::Key { path, source },
        }),
        Err(source) => Err(IdentityError::Encrypted { path, source }),
    }
}

/// Writes the key of an enrolment. Its file gets its final name only after it is on the disk.
pub(super) fn create(
    provider: HostProvider,
    folder: &Path,
    options: KeyOptions<'_>,
) -> Result<KeyPair<HostProvider>, IdentityError> {
    let key = match options.existing {
        Some(key) => key.clone(),
        None => generate(provider)?,
    };
    let (new, path) = (folder.join(NEW_KEY), folder.join(KEY));
    let failed = |e| IdentityError::write(&path, e);
    let mut room = Zeroizing::new([0; PKCS8_PEM]);
    let pem = key.write_pkcs8_pem(&mut *room).map_err(|e| failed(io::Error::other(e)))?;
    remove(&new)?;
    match options.passphrase {
        None => files::write_new(&new, pem.as_bytes(), files::SECRET).map_err(failed)?,
        Some(passphrase) => {
            let text = minipki_passphrase::encrypt(pem.as_bytes(), passphrase)
                .map_err(|source| IdentityError::Encrypted { path: path.clone(), source })?;
            files::write_new(&new, &text, files::SECRET).map_err(failed)?;
        }
    }
    fs::rename(&new, &path).map_err(failed)?;
    // The key must be on the disk before the first byte is sent.
    sync(folder)?;
    Ok(key)
}

fn generate(provider: HostProvider) -> Result<KeyPair<HostProvider>, IdentityError> {
    let mut secret = Secret::zeroed();
    SysRng.try_fill_bytes(secret.expose_mut()).map_err(|e| IdentityError::Entropy(e.to_string()))?;
    Ok(KeyPair::from_secret(provider, secret))
}

/// Refuses a folder in which others may replace files. `flags` are for opening it.
pub(super) fn check_folder(folder: &Path, flags: OFlags) -> Result<(), IdentityError> {
    let open = files::open_with(OpenOptions::new().read(true), flags | OFlags::DIRECTORY, folder);
    let found = open.and_then(|open| open.metadata()).map_err(|e| IdentityError::read(folder, e))?;
    let (path, mode) = (folder.to_owned(), found.mode() & 0o7777);
    if Others::Read.permits(mode) { Ok(()) } else { Err(IdentityError::Writable { path, mode }) }
}

/// Removes the file of an earlier attempt.
pub(super) fn remove(path: &Path) -> Result<(), IdentityError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(IdentityError::write(path, e)),
        _ => Ok(()),
    }
}

pub(super) fn sync(folder: &Path) -> Result<(), IdentityError> {
    files::sync_folder(folder).map_err(|e| IdentityError::write(folder, e))
}

/// Creates a file of `len` bytes that is overwritten later. So a full disk is detected before the request is sent.
pub(super) fn reserve(path: &Path, len: usize) -> Result<(), IdentityError> {
    remove(path)?;
    files::write_new(path, &vec![b' '; len], files::PUBLIC).map_err(|e| IdentityError::write(path, e))
}
