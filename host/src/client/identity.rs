//! An identity: a key, the certificate of it, and the CA that both sides trust.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minipki_core::cert::{self, Anchor, Certificate, Id, IdBuf};
use minipki_core::crypto::{KeyFileError, KeyPair};
use minipki_core::session::Local;
use minipki_core::text::Now;
use zeroize::Zeroizing;

use crate::clock::{self, ClockError};
use crate::crypto::Chosen;
use crate::files;

pub(super) const KEY: &str = "key.pem";
pub(super) const CERTIFICATE: &str = "certificate.json";
pub(super) const ANCHOR: &str = "anchor.json";

/// Who we are. What is in it belongs together: the certificate is for the key,
/// and was valid under the anchor when this was made.
#[derive(Clone, Debug)]
pub struct Identity {
    key: KeyPair<Chosen>,
    certificate: Vec<u8>,
    anchor: Anchor,
    subject_id: IdBuf,
}

/// Why an identity folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Something is in the way.
    #[error("{} exists already, and nothing is ever overwritten; choose another folder, or move it away", .0.display())]
    Exists(PathBuf),
    /// The path has no last component that could be the folder's name.
    #[error("{} does not name a folder to be made; give one like ./alice", .0.display())]
    Nameless(PathBuf),
    /// A file of the folder is not there.
    #[error("{} does not exist: no identity is here; `minipki enroll --out DIR` makes one", .0.display())]
    Missing(PathBuf),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Entropy(String),
    /// Others than the owner have access to the private key.
    #[error(
        "{} has mode {mode:04o}, so others may have read the private key; if nobody did: chmod 600 '{}', \
         otherwise enrol a new one",
        path.display(), path.display()
    )]
    Mode {
        /// The private key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The private key cannot be read.
    #[error("{}: {source}; put back the file that `minipki enroll` wrote, or enrol again", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: KeyFileError,
    },
    /// The anchor cannot be read.
    #[error("{}: {source}; get anchor.json from the CA's operator again", path.display())]
    Anchor {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The certificate is not valid now, or not for this key and under this anchor.
    #[error("{}: {source}; the three files of a folder belong together: put them back, or enrol again", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// No time to verify the certificate at.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl IdentityError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

impl Identity {
    /// Takes a key and its certificate, which is verified under `anchor` at `now`. An anchor that
    /// is a fingerprint only learns the key and the name behind it.
    ///
    /// # Errors
    /// [`cert::Error`] names the check that failed.
    pub fn new(
        key: KeyPair<Chosen>,
        certificate: Vec<u8>,
        mut anchor: Anchor,
        now: Now,
    ) -> Result<Self, cert::Error> {
        let view = Certificate::parse(&certificate)?;
        let verified = cert::verify::<Chosen>(&anchor, &view, now)?.require_key(key.public())?;
        anchor.learn::<Chosen>(&verified)?;
        let subject_id = view.subject_id().into();
        Ok(Self { key, certificate, anchor, subject_id })
    }

    /// Reads a folder that [`NewFolder::keep`](super::NewFolder::keep) wrote, and verifies what is in it.
    ///
    /// # Errors
    /// [`IdentityError`] names the file, the check that failed, and what to do.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join(KEY);
        let mode = files::mode(&path).map_err(|e| IdentityError::io(&path, e))?;
        if !files::is_private(mode) {
            return Err(IdentityError::Mode { path, mode });
        }
        let pem = Zeroizing::new(fs::read(&path).map_err(|e| IdentityError::io(&path, e))?);
        let key =
            KeyPair::<Chosen>::from_pkcs8_pem(&pem).map_err(|source| IdentityError::Key { path, source })?;

        let path = folder.join(ANCHOR);
        let text = fs::read(&path).map_err(|e| IdentityError::io(&path, e))?;
        let anchor =
            Anchor::decode::<Chosen>(&text).map_err(|source| IdentityError::Anchor { path, source })?;

        let path = folder.join(CERTIFICATE);
        let text = fs::read(&path).map_err(|e| IdentityError::io(&path, e))?;
        Self::new(key, text, anchor, Now::Exact(clock::now()?))
            .map_err(|source| IdentityError::Certificate { path, source })
    }

    /// The name that the certificate gives us.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// The certified key.
    pub const fn key(&self) -> &KeyPair<Chosen> {
        &self.key
    }

    /// The certificate's canonical text.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The CA that certified us, and must have certified our peers.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Our side of a channel opened at `now`, to `peer` if only that subject will do.
    pub fn local<'a>(&'a self, now: Now, peer: Option<Id<'a>>) -> Local<'a, Chosen> {
        Local { key: &self.key, certificate: &self.certificate, anchor: &self.anchor, now, peer }
    }
}
