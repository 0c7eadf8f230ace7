//! The private keys in the folder of a CA: they are loaded into signers, checked, and encrypted.

use std::path::PathBuf;

use minipki_core::keys::Fingerprint;

use super::folder::CaFolder;
use super::key_files::{load, read_key};
use super::names::{self, KEY_FILE, former_key_file};
use super::{FolderError, SignerKind};
use minipki_ca::ports::Signer;
use minipki_os::files::Locked;
use minipki_passphrase::Passphrase;

impl CaFolder {
    /// The file of the private key with this fingerprint.
    pub fn key_file(&self, key: &Fingerprint) -> PathBuf {
        if *key == self.fingerprint() {
            self.path().join(KEY_FILE)
        } else {
            self.path().join(former_key_file(key))
        }
    }

    /// The fingerprints of the present key, and of the former keys that the anchor names.
    pub fn keys(&self) -> impl Iterator<Item = Fingerprint> {
        let former = self.anchor().former_keys().iter().map(|key| key.fingerprint);
        std::iter::once(self.fingerprint()).chain(former)
    }

    /// Loads the present private key into a signer.
    ///
    /// # Errors
    /// [`FolderError::Key`] if it is not usable; [`FolderError::Mismatch`] if the anchor has another key.
    pub fn signer(&self, kind: SignerKind) -> Result<Box<dyn Signer>, FolderError> {
        self.signer_of(self.fingerprint(), kind)
    }

    /// Loads the private key with this fingerprint into a signer: the present key, or a former one.
    ///
    /// # Errors
    /// [`FolderError::UnknownKey`] if the CA never had it; otherwise as [`CaFolder::signer`].
    pub fn signer_of(&self, key: Fingerprint, kind: SignerKind) -> Result<Box<dyn Signer>, FolderError> {
        let path = self.key_file(&key);
        if !self.anchor().has_key(&key) && !path.exists() {
            return Err(FolderError::UnknownKey { path: self.path().to_owned(), key });
        }
        // The file is read each time: only a signer keeps the key in memory.
        let pem = read_key(&path, self.passphrase())?;
        load(&path, kind, &pem, Some(key))
    }

    /// Loads the former keys that the anchor names.
    ///
    /// # Errors
    /// As [`CaFolder::signer`].
    pub fn former_signers(&self, kind: SignerKind) -> Result<Vec<Box<dyn Signer>>, FolderError> {
        self.keys().skip(1).map(|key| self.signer_of(key, kind)).collect()
    }

    /// Checks that the present private key exists, is private, and is the key of the anchor.
    ///
    /// # Errors
    /// The errors of [`CaFolder::signer`].
    pub fn check_key(&self) -> Result<(), FolderError> {
        self.signer(SignerKind::Portable).map(drop)
    }

    /// [`CaFolder::check_key`] for the present key and all former keys that the anchor names.
    ///
    /// # Errors
    /// As [`CaFolder::check_key`].
    pub fn check_keys(&self) -> Result<(), FolderError> {
        self.keys().try_for_each(|key| self.signer_of(key, SignerKind::Portable).map(drop))
    }

    /// Changes the passphrase of all private keys to `new`; `None` removes it. This folder keeps the old passphrase.
    ///
    /// Each key file is replaced as a whole: at any moment, also after a crash, it opens with the old or the new
    /// passphrase. The present key comes last, so a repeat after a crash completes the change. A signer that has the key
    /// is not affected.
    ///
    /// # Errors
    /// [`FolderError::Passphrase`]; the errors of [`CaFolder::signer`].
    pub fn change_passphrase(&self, new: Option<&Passphrase>) -> Result<(), FolderError> {
        let (present, old) = (self.path().join(KEY_FILE), self.passphrase());
        let _lock = self.lock_keys()?;
        let others = self.other_key_files()?;
        if !others.is_empty() {
            // Before the first change, since the present key comes last.
            self.check_key()?;
        }
        for path in others {
            let changed_before = read_key(&path, old).is_err() && read_key(&path, new).is_ok();
            if !changed_before {
                minipki_passphrase::rewrite(&path, old, new, |pem| {
                    load(&path, SignerKind::Portable, pem, None).map(drop)
                })?;
            }
        }
        minipki_passphrase::rewrite(&present, old, new, |pem| {
            load(&present, SignerKind::Portable, pem, Some(self.fingerprint())).map(drop)
        })
    }

    /// Locks the key files: one process at a time changes the key or its passphrase.
    ///
    /// # Errors
    /// [`FolderError::Passphrase`].
    pub fn lock_keys(&self) -> Result<Locked, FolderError> {
        Ok(minipki_passphrase::lock(&self.path().join(KEY_FILE))?)
    }

    /// The files of all private keys except the present one, also of former keys that the anchor does not name any more.
    pub fn other_key_files(&self) -> Result<Vec<PathBuf>, FolderError> {
        names::other_key_files(self.path()).map_err(|error| FolderError::io(self.path(), error))
    }
}
