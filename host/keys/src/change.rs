//! The change of the CA's key: the steps in the files of its folder.
//!
//! The ledger records the change between [`CaFolder::keep_key`] and [`CaFolder::install_next`]. Before that, the folder
//! has the present key and nobody uses the next one. After that, the files are completed, without any passphrase.

use std::fs;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::{self, KeySize};

use super::folder::{CaFolder, publish, replace};
use super::key_files::{key_in, read_file};
use super::names::{KEY_FILE, NEXT_KEY_FILE, former_key_file};
use super::{FolderError, NewKey};
use minipki_os::files;
use minipki_passphrase::is_encrypted;

/// The key that a change of the key makes the present one.
pub enum NextKey {
    /// The key of an interrupted change, from the file [`NEXT_KEY_FILE`].
    Found(rsa::PublicKey),
    /// A new key that is not written yet.
    New(NewKey),
}

impl NextKey {
    /// The public key.
    pub fn public(&self) -> &rsa::PublicKey {
        match self {
            Self::Found(key) => key,
            Self::New(key) => key.public(),
        }
    }
}

impl CaFolder {
    /// The key in the file [`NEXT_KEY_FILE`]; `None` if there is none.
    ///
    /// # Errors
    /// The error of the key or of the file system.
    pub fn found_next_key(&self) -> Result<Option<rsa::PublicKey>, FolderError> {
        key_in(&self.path().join(NEXT_KEY_FILE), self.passphrase())
    }

    /// The next key: the one of an interrupted change, or a new one of this size. Without a size, it has the size of the
    /// present key.
    ///
    /// # Errors
    /// [`FolderError::OtherNextKey`] if there is one of another size; [`FolderError::Generate`]; the error of the key or
    /// of the file system.
    pub fn next_key(&self, size: Option<KeySize>) -> Result<NextKey, FolderError> {
        let found = match self.found_next_key() {
            // Nobody has used a key that nobody can read.
            Err(FolderError::Key { source, .. }) if source.is_content() => None,
            found => found?,
        };
        match found {
            Some(key) if size.is_some_and(|size| size != key.size()) => {
                let path = self.path().join(NEXT_KEY_FILE);
                Err(FolderError::OtherNextKey { path, bits: key.size().bits() })
            }
            Some(key) => Ok(NextKey::Found(key)),
            None => {
                let size = size.or(self.anchor().key().map(rsa::PublicKey::size));
                NewKey::generate(size.unwrap_or(KeySize::Bits2048)).map(NextKey::New)
            }
        }
    }

    /// Writes a new next key to the file [`NEXT_KEY_FILE`], encrypted if the present key is. A damaged file there gets
    /// another name.
    ///
    /// # Errors
    /// The error of the present key or of the file system.
    pub fn keep_next_key(&self, next: &NextKey) -> Result<(), FolderError> {
        let NextKey::New(key) = next else { return Ok(()) };
        let path = self.path().join(NEXT_KEY_FILE);
        files::set_aside(&path).map_err(|e| FolderError::io(&path, e))?;
        let encrypted = is_encrypted(&read_file(&self.path().join(KEY_FILE))?);
        key.write_to(path, self.passphrase().filter(|_| encrypted))
    }

    /// Copies the present key to the file that it has as a former key. A wrong file there gets another name.
    ///
    /// # Errors
    /// The error of the key or of the file system.
    pub fn keep_key(&self) -> Result<(), FolderError> {
        let path = self.path().join(former_key_file(&self.fingerprint()));
        let found = key_in(&path, self.passphrase()).ok().flatten();
        if found.is_some_and(|key| key.fingerprint(Portable::new()) == self.fingerprint()) {
            return Ok(());
        }
        let key = read_file(&self.path().join(KEY_FILE))?;
        files::set_aside(&path).map_err(|e| FolderError::io(&path, e))?;
        replace(&path, &key, files::SECRET)
    }

    /// Makes the next key the present one, and replaces the public files by those of `anchor`, which has followed the
    /// change. After an interruption at any point, the next call completes this. An encrypted key stays closed. Returns
    /// the changed folder. The caller holds [`CaFolder::lock_keys`].
    ///
    /// # Errors
    /// [`FolderError::Missing`] if the next key is lost; [`FolderError::WrongNextKey`] or [`FolderError::Mismatch`] if there
    /// is another key than the anchor's; the error of the file system.
    pub fn install_next(&self, anchor: &Anchor) -> Result<Self, FolderError> {
        let (present, next) = (self.path().join(KEY_FILE), self.path().join(NEXT_KEY_FILE));
        let has_next = next.try_exists().map_err(|e| FolderError::io(&next, e))?;
        let installed = if has_next { &next } else { &present };
        match key_in(installed, self.passphrase()) {
            Ok(key) => {
                let key = key.map(|key| key.fingerprint(Portable::new()));
                match key.filter(|key| *key != anchor.fingerprint()) {
                    None => {}
                    Some(key) if !has_next && key == self.fingerprint() => {
                        return Err(FolderError::Missing(next));
                    }
                    Some(key) if has_next => {
                        let what = format!("and the CA has changed its key to {}", anchor.fingerprint());
                        return Err(FolderError::WrongNextKey { path: next, key, what });
                    }
                    Some(key) => {
                        let (path, anchor) = (present, anchor.fingerprint());
                        return Err(FolderError::Mismatch { path, key, anchor });
                    }
                }
            }
            // It stays closed. The copy of the former key shows whether it was replaced.
            Err(error) if error.needs_passphrase() => {
                let former = self.path().join(former_key_file(&self.fingerprint()));
                if !has_next && read_file(&former)? == read_file(&present)? {
                    return Err(FolderError::Missing(next));
                }
            }
            Err(error) => return Err(error),
        }
        if has_next {
            // Otherwise this would be the only copy of the present key.
            read_file(&self.path().join(former_key_file(&self.fingerprint())))?;
            fs::rename(&next, &present).map_err(|e| FolderError::io(&next, e))?;
            files::sync_folder(self.path()).map_err(|e| FolderError::io(self.path(), e))?;
        }
        publish(self.path(), anchor)?;
        Ok(Self::open(self.path())?.with_shared_passphrase(self))
    }
}
