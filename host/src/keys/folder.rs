//! The CA folder: the key, what clients need to trust it, and the ledger beside them.
//!
//! | file | mode | what |
//! | --- | --- | --- |
//! | `ca-key.pem` | 0600 | the private key, PKCS#8 PEM (RFC 5958) |
//! | `ca-public.pem` | 0644 | its SubjectPublicKeyInfo, for other programs |
//! | `anchor.json` | 0644 | the CA's name, key and fingerprint: what a client pins |
//!
//! [`store`](crate::store) keeps `ledger.sqlite` and `serve.lock` beside them.
//!
//! The files are written in this order, each on the disk before the next, and none over another.
//! `anchor.json` comes last and is what makes the folder a CA's: without it [`CaFolder::open`]
//! refuses, so a creation that was interrupted leaves nothing that could issue.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ::rsa::PrivateKey as GeneratedKey;
use ::rsa::pkcs8::{EncodePrivateKey, LineEnding};
use getrandom::SysRng;
use minipki_core::cert::{Anchor, Id, IdBuf};
use minipki_core::crypto::rsa::{self, KeySize};
use minipki_core::crypto::{Fingerprint, Portable};
use minipki_core::limits::{ANCHOR, SPKI_PEM};
use zeroize::Zeroizing;

use super::{FolderError, SignerKind};
use crate::ca::ports::Signer;
use crate::files::{self, Others, ReadError};

const KEY_FILE: &str = "ca-key.pem";
const PUBLIC_KEY_FILE: &str = "ca-public.pem";
const ANCHOR_FILE: &str = "anchor.json";

/// A folder that holds a CA. It is opened without loading the private key; only
/// [`CaFolder::signer`] does that.
#[derive(Clone, Debug)]
pub struct CaFolder {
    path: PathBuf,
    issuer_id: IdBuf,
    anchor: Anchor,
}

impl CaFolder {
    /// Generates a key and makes the folder `path`, which must not exist, or be empty and private.
    ///
    /// Takes from a tenth of a second to some seconds, by chance and by size.
    ///
    /// # Errors
    /// [`FolderError::Exists`] if there is anything in the way; otherwise what failed.
    pub fn create(path: &Path, issuer_id: IdBuf, size: KeySize) -> Result<Self, FolderError> {
        claim(path)?;
        let (pem, public) = generate(size)?;
        let anchor = Anchor::from_key::<Portable>(issuer_id.as_id(), public.clone());

        write(&path.join(KEY_FILE), pem.as_bytes(), files::SECRET)?;
        let mut room = [0; SPKI_PEM];
        let text = public.write_spki_pem(&mut room).map_err(|e| FolderError::Generate(e.to_string()))?;
        write(&path.join(PUBLIC_KEY_FILE), text.as_bytes(), files::PUBLIC)?;
        // The two above must be there whenever the anchor is.
        sync(path)?;
        let mut room = [0; ANCHOR];
        let text = anchor.encode(&mut room).map_err(|e| FolderError::Generate(e.to_string()))?;
        write(&path.join(ANCHOR_FILE), text, files::PUBLIC)?;
        sync(path)?;
        Ok(Self { path: path.to_owned(), issuer_id, anchor })
    }

    /// Opens a folder that [`CaFolder::create`] made.
    ///
    /// # Errors
    /// [`FolderError::Mode`] if others may reach the key, [`FolderError::Missing`] if this is no
    /// CA folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        check_mode(path, files::FOLDER)?;
        check_mode(&path.join(KEY_FILE), files::SECRET)?;
        let file = path.join(ANCHOR_FILE);
        let text = fs::read(&file).map_err(|e| FolderError::io(&file, e))?;
        let anchor = Anchor::decode::<Portable>(&text)
            .map_err(|source| FolderError::Anchor { path: file.clone(), source })?;
        match (anchor.issuer_id().map(IdBuf::from), anchor.key()) {
            (Some(issuer_id), Some(_)) => Ok(Self { path: path.to_owned(), issuer_id, anchor }),
            _ => Err(FolderError::BareAnchor(file)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The CA's name.
    pub fn issuer_id(&self) -> Id<'_> {
        self.issuer_id.as_id()
    }

    /// What a client needs to trust this CA.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The file that holds [`CaFolder::anchor`], to be handed to clients.
    pub fn anchor_file(&self) -> PathBuf {
        self.path.join(ANCHOR_FILE)
    }

    /// SHA-256 of the key's SubjectPublicKeyInfo, which is enough to trust this CA by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.anchor.fingerprint()
    }

    /// Loads the private key into a signer.
    ///
    /// # Errors
    /// [`FolderError::Key`] if it is unusable, [`FolderError::Mismatch`] if it is not the anchor's.
    pub fn signer(&self, kind: SignerKind) -> Result<Box<dyn Signer>, FolderError> {
        let path = self.path.join(KEY_FILE);
        let pem = self.key_pem()?;
        let signer = kind.load(&pem).map_err(|source| FolderError::Key { path: path.clone(), source })?;
        let (key, anchor) = (signer.public_key().fingerprint::<Portable>(), self.fingerprint());
        if key != anchor {
            return Err(FolderError::Mismatch { path, key, anchor });
        }
        Ok(signer)
    }

    /// The private key's file, read again each time: nothing but a signer keeps it.
    pub(super) fn key_pem(&self) -> Result<Zeroizing<Vec<u8>>, FolderError> {
        let path = self.path.join(KEY_FILE);
        files::read(&path, Others::Nothing).map_err(|error| match error {
            ReadError::Mode(mode) => FolderError::Mode { path, mode, expected: files::SECRET },
            ReadError::Io(source) => FolderError::io(&path, source),
        })
    }
}

/// Makes the folder, or accepts one that is empty and private.
fn claim(path: &Path) -> Result<(), FolderError> {
    match files::create_folder(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            if empty { check_mode(path, files::FOLDER) } else { Err(FolderError::Exists(path.to_owned())) }
        }
        // Not `Missing`, which is about opening: here it is the folder around it that is not there.
        other => other.map_err(|source| FolderError::Io { path: path.to_owned(), source }),
    }
}

/// A new key as PKCS#8 PEM, and its public half as the core reads it back: a key that the core
/// would refuse is not written.
fn generate(size: KeySize) -> Result<(Zeroizing<String>, rsa::PublicKey), FolderError> {
    fn failed(reason: impl ToString) -> FolderError {
        FolderError::Generate(reason.to_string())
    }
    let key = GeneratedKey::new(&mut SysRng, size.bits()).map_err(failed)?;
    let der = key.to_pkcs8_der().map_err(failed)?;
    let public = rsa::PrivateKey::from_pkcs8_der(der.as_bytes()).map_err(failed)?.public().clone();
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(failed)?;
    Ok((pem, public))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FolderError> {
    files::write_new(path, content, mode).map_err(|e| FolderError::io(path, e))
}

fn sync(path: &Path) -> Result<(), FolderError> {
    files::sync_folder(path).map_err(|e| FolderError::io(path, e))
}

fn check_mode(path: &Path, expected: u32) -> Result<(), FolderError> {
    let mode = files::mode(path).map_err(|e| FolderError::io(path, e))?;
    if files::is_private(mode) {
        return Ok(());
    }
    Err(FolderError::Mode { path: path.to_owned(), mode, expected })
}
