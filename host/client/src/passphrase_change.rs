//! A new passphrase for the keys of an identity: the present one, the next one of a renewal, and the previous one.

use std::path::Path;

use minipki_core::crypto::KeyPair;
use rustix::fs::OFlags;

use super::identity::NEXT;
use super::identity_error::{IdentityError, KEY};
use super::key_file::check_folder;
use super::renewal::{PREVIOUS, finish};
use super::renewal_lock::lock;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;

/// Changes the passphrase of the key in the identity folder from `old` to `new`. `None` is a key without encryption. The
/// key of a renewal in progress and the previous key get the new passphrase too.
///
/// Each key file is replaced as a whole: at any moment, also after a crash, it opens with `old` or with `new`.
///
/// # Errors
/// [`IdentityError`].
pub fn change_passphrase(
    folder: &Path,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
) -> Result<(), IdentityError> {
    check_folder(folder, OFlags::empty())?;
    // Otherwise a renewal could replace the key meanwhile.
    let _lock = lock(folder)?;
    finish(folder)?;
    change(&folder.join(KEY), old, new)?;
    let next = folder.join(NEXT).join(KEY);
    if next.exists() {
        change(&next, old, new)?;
    }
    let previous = folder.join(PREVIOUS).join(KEY);
    if previous.exists() {
        change(&previous, old, new)?;
    }
    Ok(())
}

fn change(path: &Path, old: Option<&Passphrase>, new: Option<&Passphrase>) -> Result<(), IdentityError> {
    minipki_passphrase::change(path, old, new, |pem| {
        KeyPair::from_pkcs8_pem(HostProvider::default(), pem)
            .map(drop)
            .map_err(|source| IdentityError::Key { path: path.to_owned(), source })
    })
}
