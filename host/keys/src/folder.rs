//! The key and the anchor in the folder of a CA.
//!
//! | file | mode | content |
//! | --- | --- | --- |
//! | `ca-key.pem` | 0600 | the private key, PKCS#8 PEM (RFC 5958), which a passphrase may encrypt |
//! | `ca-public.pem` | 0644 | its SubjectPublicKeyInfo, for other programs |
//! | `anchor.json` | 0644 | the CA's name, key and fingerprint, for clients |
//!
//! `minipki_server::state` makes the folder: first the ledger of `minipki_ledger`, then these files in this order. Each
//! file is on the disk before the next, and none is overwritten. Without `anchor.json` [`CaFolder::open`] refuses the
//! folder. So an interrupted creation leaves no CA that could issue, and can be continued.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minipki_core::cert::{Anchor, Id, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{ANCHOR, SPKI_PEM};
use zeroize::Zeroizing;

use super::{FolderError, SignerKind};
use minipki_ca::ports::Signer;
use minipki_os::files::{self, Others, ReadError};
use minipki_passphrase::{Passphrase, is_encrypted};

/// The file of the private key.
pub const KEY_FILE: &str = "ca-key.pem";
/// The file of the public key.
pub const PUBLIC_KEY_FILE: &str = "ca-public.pem";
/// The file of the anchor.
pub const ANCHOR_FILE: &str = "anchor.json";

/// The folder of a CA. Only [`CaFolder::signer`] keeps the private key in memory.
#[derive(Clone, Debug)]
pub struct CaFolder {
    path: PathBuf,
    issuer_id: IdBuf,
    anchor: Anchor,
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
        let file = path.join(KEY_FILE);
        if !file.try_exists().map_err(|e| FolderError::io(&file, e))? {
            return Ok(None);
        }
        let pem = read_key(&file, passphrase)?;
        let signer =
            SignerKind::Portable.load(&pem).map_err(|source| FolderError::Key { path: file, source })?;
        Ok(Some(signer.public_key().clone()))
    }

    /// Finishes a folder that has a key: writes the public key, then the anchor.
    ///
    /// # Errors
    /// [`FolderError::Missing`] without a key; otherwise the error of the key or of the file system.
    pub fn finish(
        path: &Path,
        issuer_id: IdBuf,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self, FolderError> {
        let public =
            Self::key_of(path, passphrase)?.ok_or_else(|| FolderError::Missing(path.join(KEY_FILE)))?;
        let anchor = Anchor::from_key(Portable::new(), issuer_id.as_id(), public.clone());
        let mut room = [0; SPKI_PEM];
        let text = public.write_spki_pem(&mut room).map_err(|e| FolderError::Generate(e.to_string()))?;
        replace(&path.join(PUBLIC_KEY_FILE), text.as_bytes(), files::PUBLIC)?;
        let mut room = [0; ANCHOR];
        let text = anchor.encode(&mut room).map_err(|e| FolderError::Generate(e.to_string()))?;
        replace(&path.join(ANCHOR_FILE), text, files::PUBLIC)?;
        let passphrase = passphrase.cloned().map(Arc::new);
        Ok(Self { path: path.to_owned(), issuer_id, anchor, passphrase })
    }

    /// Opens the folder of a CA.
    ///
    /// # Errors
    /// [`FolderError::Mode`] if other users may reach the key; otherwise the reason why this is no CA folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(ANCHOR_FILE);
        let text = match fs::read(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(match () {
                    () if !path.exists() => FolderError::NoFolder(path.to_owned()),
                    () if path.join(KEY_FILE).exists() => FolderError::Unfinished(path.to_owned()),
                    () => FolderError::NoCa(path.to_owned()),
                });
            }
            other => other.map_err(|e| FolderError::io(&file, e))?,
        };
        check_mode(path, files::FOLDER)?;
        check_mode(&path.join(KEY_FILE), files::SECRET)?;
        Self::with_anchor(path, &file, &text)
    }

    fn with_anchor(path: &Path, file: &Path, text: &[u8]) -> Result<Self, FolderError> {
        let anchor = Anchor::decode(Portable::new(), text)
            .map_err(|source| FolderError::Anchor { path: file.to_owned(), source })?;
        match (anchor.issuer_id().map(IdBuf::from), anchor.key()) {
            (Some(issuer_id), Some(_)) => {
                Ok(Self { path: path.to_owned(), issuer_id, anchor, passphrase: None })
            }
            _ => Err(FolderError::BareAnchor(file.to_owned())),
        }
    }

    /// This folder with the passphrase of its key. It is not checked. It is not used if the key is not encrypted.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Option<Passphrase>) -> Self {
        Self { passphrase: passphrase.map(Arc::new), ..self }
    }

    /// Whether the private key is encrypted and its passphrase is not known.
    ///
    /// # Errors
    /// [`FolderError::Mode`]; the error of the file system.
    pub fn is_locked(&self) -> Result<bool, FolderError> {
        Ok(self.passphrase.is_none() && is_encrypted(&read_file(&self.path.join(KEY_FILE))?))
    }

    /// Changes the passphrase of the private key to `new`; `None` removes it. This folder keeps the old passphrase.
    ///
    /// The key file is replaced as a whole: at any moment, also after a crash, it opens with the old or the new
    /// passphrase. A signer that has the key is not affected.
    ///
    /// # Errors
    /// [`FolderError::Passphrase`]; the errors of [`CaFolder::signer`].
    pub fn change_passphrase(&self, new: Option<&Passphrase>) -> Result<(), FolderError> {
        let path = self.path.join(KEY_FILE);
        minipki_passphrase::change(&path, self.passphrase.as_deref(), new, |pem| {
            self.load(&path, SignerKind::Portable, pem).map(drop)
        })
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

    /// Loads the private key into a signer.
    ///
    /// # Errors
    /// [`FolderError::Key`] if it is not usable; [`FolderError::Mismatch`] if the anchor has another key.
    pub fn signer(&self, kind: SignerKind) -> Result<Box<dyn Signer>, FolderError> {
        let path = self.path.join(KEY_FILE);
        // The file is read each time: only a signer keeps the key in memory.
        let pem = read_key(&path, self.passphrase.as_deref())?;
        self.load(&path, kind, &pem)
    }

    /// A signer with the key in `pem`, from the file `path`. The anchor must have the same key.
    fn load(&self, path: &Path, kind: SignerKind, pem: &[u8]) -> Result<Box<dyn Signer>, FolderError> {
        let path = path.to_owned();
        let signer = match kind.load(pem) {
            Ok(signer) => signer,
            Err(source) => return Err(FolderError::Key { path, source }),
        };
        let (key, anchor) = (signer.public_key().fingerprint(Portable::new()), self.fingerprint());
        if key != anchor {
            return Err(FolderError::Mismatch { path, key, anchor });
        }
        Ok(signer)
    }

    /// Checks that the private key exists, is private, and is the key of the anchor.
    ///
    /// # Errors
    /// The errors of [`CaFolder::signer`].
    pub fn check_key(&self) -> Result<(), FolderError> {
        self.signer(SignerKind::Portable).map(drop)
    }
}

/// Reads a file with a private key, and decrypts the key if it is encrypted.
fn read_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<Zeroizing<Vec<u8>>, FolderError> {
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

pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), FolderError> {
    files::replace(path, content, mode).map_err(|e| FolderError::io(path, e))
}

fn check_mode(path: &Path, expected: u32) -> Result<(), FolderError> {
    let mode = files::mode(path).map_err(|e| FolderError::io(path, e))?;
    if files::is_private(mode) {
        return Ok(());
    }
    Err(FolderError::Mode { path: path.to_owned(), mode, expected })
}
