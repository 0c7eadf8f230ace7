//! A new key of a CA: generated here, or by another program.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ::rsa::PrivateKey as GeneratedKey;
use ::rsa::pkcs1::ALGORITHM_ID;
use ::rsa::pkcs8::der::Encode;
use ::rsa::pkcs8::der::asn1::OctetStringRef;
use ::rsa::pkcs8::{EncodePrivateKey, PrivateKeyInfoRef};
use aws_lc_rs::rsa::KeyPair;
use getrandom::SysRng;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::{self, KeySize};
use minipki_core::encoding::pem::{self, PemError};
use minipki_core::keys::Fingerprint;
use zeroize::Zeroizing;

use super::folder::replace;
use super::key_files::read_file;
use super::{FolderError, KEY_FILE, KeyError, PKCS8_LABEL, SignerKind};
use minipki_ca::ports::Signer;
use minipki_os::files;
use minipki_passphrase::{KeyKind, Passphrase, Wanted};

/// PEM label of a PKCS#1 private key, as OpenSSL writes it.
const PKCS1_LABEL: &str = "RSA PRIVATE KEY";

/// A new key that is not written yet.
pub struct NewKey {
    /// PKCS#8 PEM, not encrypted.
    pem: Zeroizing<Vec<u8>>,
    public: rsa::PublicKey,
}

impl NewKey {
    /// Generates a key. This takes from a tenth of a second to some seconds.
    ///
    /// # Errors
    /// [`FolderError::Generate`].
    pub fn generate(size: KeySize) -> Result<Self, FolderError> {
        let failed = |reason: String| FolderError::Generate(reason);
        let key = GeneratedKey::new(&mut SysRng, size.bits()).map_err(|e| failed(e.to_string()))?;
        let der = key.to_pkcs8_der().map_err(|e| failed(e.to_string()))?;
        Self::from_pkcs8_der(der.as_bytes()).map_err(|e| failed(e.to_string()))
    }

    /// Reads the file `path`: an RSA key in PEM, of 2048, 3072 or 4096 bits with e = 65537, as PKCS#8 (RFC 5958),
    /// encrypted PKCS#8, or PKCS#1 (RFC 8017 §A.1.2). The core and AWS-LC check the key.
    ///
    /// # Errors
    /// [`FolderError::Import`]; [`FolderError::Mode`] if other users can read the file.
    pub fn import(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, FolderError> {
        let text = read_file(path).map_err(|error| match error {
            // This file is not of a CA yet.
            FolderError::Missing(path) => FolderError::Io { path, source: ErrorKind::NotFound.into() },
            other => other,
        })?;
        let opened = minipki_passphrase::open(text, passphrase).map_err(KeyError::from);
        opened
            .and_then(|pem| {
                Self::from_pem(&pem).map_err(|error| match KeyKind::of(&pem) {
                    Some(kind) if !kind.is(Wanted::Rsa) => KeyError::Kind(kind),
                    _ => error,
                })
            })
            .map_err(|source| FolderError::Import { path: path.to_owned(), source })
    }

    fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let mut room = Zeroizing::new(vec![0; text.len()]);
        match pem::decode(PKCS8_LABEL, text, &mut room) {
            Err(PemError::Label) => {}
            other => return Self::from_pkcs8_der(other.map_err(KeyError::Pem)?),
        }
        let pkcs1 = pem::decode(PKCS1_LABEL, text, &mut room).map_err(KeyError::Pem)?;
        let malformed = |_| KeyError::Key(rsa::Error::KeyEncoding);
        let key = OctetStringRef::new(pkcs1).map_err(malformed)?;
        let der = PrivateKeyInfoRef::new(ALGORITHM_ID, key).to_der().map(Zeroizing::new);
        Self::from_pkcs8_der(&der.map_err(malformed)?)
    }

    /// Checks the key as the signers do.
    fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let public = rsa::PrivateKey::from_pkcs8_der(der).map_err(KeyError::Key)?.public().clone();
        // AWS-LC checks parts that the core does not use.
        KeyPair::from_pkcs8(der).map_err(|error| KeyError::Aws(error.to_string()))?;
        let mut pem = Zeroizing::new(vec![0; 2 * der.len() + 128]);
        let len = pem::encode(PKCS8_LABEL, der, &mut pem)
            .map_err(|_| KeyError::Key(rsa::Error::KeyEncoding))?
            .len();
        pem.truncate(len);
        Ok(Self { pem, public })
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint(Portable::new())
    }

    /// Its size.
    pub fn size(&self) -> KeySize {
        self.public.size()
    }

    /// A signer with this key, which needs no file.
    ///
    /// # Errors
    /// [`KeyError`] as of [`SignerKind::load`].
    pub fn signer(&self, kind: SignerKind) -> Result<Box<dyn Signer>, KeyError> {
        kind.load(&self.pem)
    }

    /// Its public key.
    pub const fn public(&self) -> &rsa::PublicKey {
        &self.public
    }

    /// Writes it into the folder `path`, encrypted if there is a passphrase.
    ///
    /// # Errors
    /// [`FolderError::Exists`] if the folder has a key; the error of the file system.
    pub fn write(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), FolderError> {
        self.write_to(path.join(KEY_FILE), passphrase)
    }

    /// Writes it to the new file `file`, encrypted if there is a passphrase.
    pub(super) fn write_to(&self, file: PathBuf, passphrase: Option<&Passphrase>) -> Result<(), FolderError> {
        if file.try_exists().map_err(|e| FolderError::io(&file, e))? {
            return Err(FolderError::Exists(file));
        }
        let Some(passphrase) = passphrase else { return replace(&file, &self.pem, files::SECRET) };
        match minipki_passphrase::encrypt(&self.pem, passphrase) {
            Ok(text) => replace(&file, &text, files::SECRET),
            Err(error) => Err(FolderError::Key { path: file, source: error.into() }),
        }
    }
}
