//! The private keys in their files: they are read, and checked.

use std::path::Path;

use minipki_core::crypto::{Portable, rsa};
use minipki_core::keys::Fingerprint;
use zeroize::Zeroizing;

use super::{FolderError, SignerKind};
use minipki_ca::ports::Signer;
use minipki_os::files::{self, Others, ReadError};
use minipki_passphrase::Passphrase;

/// The public key of the private key in the file `path`; `None` if there is no such file.
///
/// # Errors
/// [`FolderError::Key`]; the error of the file system.
pub fn key_in(path: &Path, passphrase: Option<&Passphrase>) -> Result<Option<rsa::PublicKey>, FolderError> {
    if !path.try_exists().map_err(|e| FolderError::io(path, e))? {
        return Ok(None);
    }
    let pem = read_key(path, passphrase)?;
    Ok(Some(load(path, SignerKind::Portable, &pem, None)?.public_key().clone()))
}

/// A signer with the key in `pem`, from the file `path`. It must be the key `expected`, if there is one.
pub(super) fn load(
    path: &Path,
    kind: SignerKind,
    pem: &[u8],
    expected: Option<Fingerprint>,
) -> Result<Box<dyn Signer>, FolderError> {
    let path = path.to_owned();
    let signer = match kind.load(pem) {
        Ok(signer) => signer,
        Err(source) => return Err(FolderError::Key { path, source }),
    };
    let key = signer.public_key().fingerprint(Portable::new());
    match expected {
        Some(anchor) if anchor != key => Err(FolderError::Mismatch { path, key, anchor }),
        _ => Ok(signer),
    }
}

/// Reads a file with a private key, and decrypts the key if it is encrypted.
pub(super) fn read_key(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, FolderError> {
    let opened = minipki_passphrase::open(read_file(path)?, passphrase);
    opened.map_err(|error| FolderError::Key { path: path.to_owned(), source: error.into() })
}

/// Reads a file that only its owner can read.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, FolderError> {
    files::read(path, Others::Nothing).map_err(|error| match error {
        ReadError::Mode(mode) => FolderError::Mode { path: path.to_owned(), mode, expected: files::SECRET },
        ReadError::Io(source) => FolderError::io(path, source),
    })
}
