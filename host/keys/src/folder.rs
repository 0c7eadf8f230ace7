//! The key and the anchor in the folder of a CA.
//!
//! | file | mode | content |
//! | --- | --- | --- |
//! | `ca-key.pem` | 0600 | the private key, PKCS#8 PEM (RFC 5958), which a passphrase may encrypt |
//! | `ca-key-….pem` | 0600 | former private keys, and the next one (`names`) |
//! | `ca-public.pem` | 0644 | its SubjectPublicKeyInfo, for other programs |
//! | `anchor.json` | 0644 | the CA's name, key and fingerprint, and the fingerprints of its former keys, for clients |
//!
//! `minipki_server::state` makes the folder: first the ledger of `minipki_ledger`, then these files in this order. Each
//! file is on the disk before the next, and none is overwritten. Without `anchor.json` [`CaFolder::open`] refuses the
//! folder. So an interrupted creation leaves no CA that could issue, and can be continued.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minipki_core::bytes::BufferTooSmall;
use minipki_core::cert::{Anchor, FormerKey, Id, IdBuf};
use minipki_core::crypto::{Portable, rsa};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{ANCHOR, SPKI_PEM};

use super::FolderError;
use super::key_files::{key_in, read_file};
use super::names::{ANCHOR_FILE, KEY_FILE, PUBLIC_KEY_FILE};
use minipki_os::files;
use minipki_os::text::undecorated;
use minipki_passphrase::{Passphrase, is_encrypted};

/// The folder of a CA. Only a signer keeps a private key in memory.
#[derive(Clone, Debug)]
pub struct CaFolder {
    path: PathBuf,
    issuer_id: IdBuf,
    anchor: Anchor,
    /// The file of the anchor when it was read.
    stamp: Option<Stamp>,
    passphrase: Option<Arc<Passphrase>>,
}

impl CaFolder {
    /// Makes the folder `path`, or accepts one that has no anchor.
    ///
    /// # Errors
    /// [`FolderError::Exists`] if `path` is not such a folder; the error of the file system.
    pub fn claim(path: &Path) -> Result<(), FolderError> {
        match files::create_folder(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if !path.is_dir() || path.join(ANCHOR_FILE).symlink_metadata().is_ok() {
                    return Err(FolderError::Exists(path.to_owned()));
                }
                Ok(())
            }
            // Not `NoFolder`: here the parent folder does not exist.
            other => other.map_err(|source| FolderError::Io { path: path.to_owned(), source }),
        }
    }

    /// Checks that only its owner may enter the folder `path`.
    ///
    /// # Errors
    /// [`FolderError::Mode`]; the error of the file system.
    pub fn check_private(path: &Path) -> Result<(), FolderError> {
        check_mode(path, files::FOLDER)
    }

    /// The public key in the folder `path`; `None` if there is no key.
    ///
    /// # Errors
    /// [`FolderError::Key`]; the error of the file system.
    pub fn key_of(
        path: &Path,
        passphrase: Option<&Passphrase>,
    ) -> Result<Option<rsa::PublicKey>, FolderError> {
        key_in(&path.join(KEY_FILE), passphrase)
    }

    /// Finishes a folder that has a key: writes the public key, then the anchor with the `former` keys, the latest one
    /// last.
    ///
    /// # Errors
    /// [`FolderError::Missing`] without a key; otherwise the error of the key or of the file system.
    pub fn finish(
        path: &Path,
        issuer_id: IdBuf,
        former: &[FormerKey],
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, FolderError> {
        let public =
            Self::key_of(path, passphrase)?.ok_or_else(|| FolderError::Missing(path.join(KEY_FILE)))?;
        let mut anchor = Anchor::from_key(Portable::new(), issuer_id.as_id(), public);
        for key in former {
            let bad = |source| FolderError::Anchor { path: path.join(ANCHOR_FILE), source };
            anchor.add_former_key(*key).map_err(bad)?;
        }
        publish(path, &anchor)?;
        Ok(Self::open(path)?.with_passphrase(passphrase.cloned()))
    }

    /// Opens the folder of a CA.
    ///
    /// # Errors
    /// [`FolderError::Mode`] if other users may reach the key; otherwise the reason why this is no CA folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(ANCHOR_FILE);
        let stamp = Stamp::of(&file);
        let text = match files::read_bytes(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(match () {
                    () if !path.exists() => FolderError::NoFolder(path.to_owned()),
                    () if path.join(KEY_FILE).exists() => FolderError::Unfinished(path.to_owned()),
                    () if is_identity(path) => FolderError::Identity(path.to_owned()),
                    () => FolderError::NoCa(path.to_owned()),
                });
            }
            other => undecorated(other.map_err(|e| FolderError::io(&file, e))?),
        };
        if is_identity(path) && !path.join(KEY_FILE).exists() {
            return Err(FolderError::Identity(path.to_owned()));
        }
        check_mode(path, files::FOLDER)?;
        check_mode(&path.join(KEY_FILE), files::SECRET)?;
        let anchor = Anchor::decode(Portable::new(), &text)
            .map_err(|source| FolderError::Anchor { path: file.clone(), source })?;
        match (anchor.issuer_id().map(IdBuf::from), anchor.key()) {
            (Some(issuer_id), Some(_)) => {
                Ok(Self { path: path.to_owned(), issuer_id, anchor, stamp, passphrase: None })
            }
            _ => Err(FolderError::BareAnchor(file)),
        }
    }

    /// This folder with the passphrase of its key. It is not checked. It is not used if the key is not encrypted.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Option<Passphrase>) -> Self {
        Self { passphrase: passphrase.map(Arc::new), ..self }
    }

    /// This folder with the passphrase of `other`.
    pub(super) fn with_shared_passphrase(self, other: &Self) -> Self {
        Self { passphrase: other.passphrase.clone(), ..self }
    }

    pub(super) fn passphrase(&self) -> Option<&Passphrase> {
        self.passphrase.as_deref()
    }

    /// Reads the folder again if its anchor file was replaced since. Another process may have changed the key.
    ///
    /// # Errors
    /// As [`CaFolder::open`].
    pub fn reopened(&self) -> Result<Option<Self>, FolderError> {
        let now = Stamp::of(&self.anchor_file());
        if now.is_none() || now == self.stamp {
            return Ok(None);
        }
        Ok(Some(Self::open(&self.path)?.with_shared_passphrase(self)))
    }

    /// Whether the private key is encrypted and its passphrase is not known.
    ///
    /// # Errors
    /// [`FolderError::Mode`]; the error of the file system.
    pub fn is_locked(&self) -> Result<bool, FolderError> {
        Ok(self.passphrase.is_none() && is_encrypted(&read_file(&self.path.join(KEY_FILE))?))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The CA's name.
    pub fn issuer_id(&self) -> Id<'_> {
        self.issuer_id.as_id()
    }

    /// The anchor of the CA.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The file of [`CaFolder::anchor`], for clients.
    pub fn anchor_file(&self) -> PathBuf {
        self.path.join(ANCHOR_FILE)
    }

    /// SHA-256 of the key's SubjectPublicKeyInfo. A client can pin the CA with it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.anchor.fingerprint()
    }
}

/// The identity of a file. It changes when the file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The file at `path`; `None` if there is none.
    fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        Some(Self { inode: about.ino(), changed: (about.ctime(), about.ctime_nsec()) })
    }
}

/// Writes the public key, then the anchor.
pub(super) fn publish(path: &Path, anchor: &Anchor) -> Result<(), FolderError> {
    let failed = |e: BufferTooSmall| FolderError::Generate(e.to_string());
    let file = path.join(ANCHOR_FILE);
    let key = anchor.key().ok_or_else(|| FolderError::BareAnchor(file.clone()))?;
    let mut room = [0; SPKI_PEM];
    let text = key.write_spki_pem(&mut room).map_err(failed)?;
    replace(&path.join(PUBLIC_KEY_FILE), text.as_bytes(), files::PUBLIC)?;
    let mut room = [0; ANCHOR];
    let text = anchor.encode(&mut room).map_err(|e| FolderError::Generate(e.to_string()))?;
    replace(&file, text, files::PUBLIC)
}

pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), FolderError> {
    files::replace(path, content, mode).map_err(|e| FolderError::io(path, e))
}

/// Whether the folder has the files that `minipki enroll` writes.
fn is_identity(path: &Path) -> bool {
    ["key.pem", "certificate.json"].iter().all(|name| path.join(name).exists())
}

fn check_mode(path: &Path, expected: u32) -> Result<(), FolderError> {
    let mode = files::mode(path).map_err(|e| FolderError::io(path, e))?;
    if files::is_private(mode) {
        return Ok(());
    }
    Err(FolderError::Mode { path: path.to_owned(), mode, expected })
}
