//! An identity: a key, the certificate of it, and the CA that both sides trust.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use minipki_core::cert::{self, Anchor, Certificate, Id, IdBuf};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::keys::{Fingerprint, KeyFileError};
use minipki_core::session::LocalIdentity;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationCheck, Validity};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use minipki_os::clock::{self, ClockError};
use minipki_os::files::{self, Others, ReadError, quoted};
use minipki_provider::HostProvider;

pub(super) const KEY: &str = "key.pem";
pub(super) const CERTIFICATE: &str = "certificate.json";
pub(super) const ANCHOR: &str = "anchor.json";
pub(super) const ENROLMENT: &str = "enrolment.json";

/// Our identity. Its parts belong together: the certificate is genuine under the anchor, and for the key.
#[derive(Clone, Debug)]
pub struct Identity {
    key: KeyPair<HostProvider>,
    certificate: Vec<u8>,
    anchor: Anchor,
    subject_id: IdBuf,
    validity: Validity,
}

/// Why an identity folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Something is in the way.
    #[error("{} exists already, and nothing is ever overwritten; choose another folder, or move it away", .0.display())]
    Exists(PathBuf),
    /// The folder is for another subject or CA.
    #[error(
        "{} holds {what} of {subject_id}, at the CA with the fingerprint {fingerprint}; choose another folder, or go \
         on with that subject and CA", path.display()
    )]
    Other {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
        /// The subject.
        subject_id: String,
        /// The CA's fingerprint.
        fingerprint: Fingerprint,
    },
    /// The folder has an anchor of another CA, and no certificate.
    #[error(
        "{} is of the CA with the fingerprint {found}, and not of the one to enrol at; enrol at that CA, or choose \
         another folder", path.display()
    )]
    OtherAnchor {
        /// The anchor's file.
        path: PathBuf,
        /// The fingerprint in it.
        found: Fingerprint,
    },
    /// Another process enrols into this folder.
    #[error("another `minipki enroll` is at work in {}; wait until it has ended, then try again", .0.display())]
    Busy(PathBuf),
    /// The folder has a key, and no certificate yet.
    #[error(
        "the enrolment in {} has not finished: there is no certificate yet; run the same `minipki enroll` again, with \
         --out {}", .0.display(), quoted(.0)
    )]
    Unfinished(PathBuf),
    /// A file of the folder is not there.
    #[error("{} does not exist, so there is no whole identity; `minipki enroll --out DIR` makes one, and goes on with \
             the key if that is there", .0.display())]
    Missing(PathBuf),
    /// The operating system refused.
    #[error("{}: {source}; {}", path.display(), advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}; make /dev/urandom available, then try again")]
    Entropy(String),
    /// Others than the owner have access to the private key.
    #[error(
        "{} has mode {mode:04o}, so others may have read the private key; if nobody did: chmod 600 {}, otherwise enrol \
         a new one", path.display(), quoted(path)
    )]
    Mode {
        /// The private key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others than the owner may change what the identity consists of.
    #[error(
        "{} has mode {mode:04o}, so others may have changed it; if nobody did: chmod go-w {}, otherwise enrol into a \
         new folder", path.display(), quoted(path)
    )]
    Writable {
        /// The file or folder.
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
    /// The certificate is not for this key and under this anchor.
    #[error("{}: {source}; put back the three files that belong together, or move this one away and run the same \
             `minipki enroll` again, which goes on with the key", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The certificate is genuine, and not valid now.
    #[error(transparent)]
    OutOfTime(#[from] OutOfTime),
    /// No time to verify the certificate at.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// A genuine certificate is not valid at the time that the machine's clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine's clock shows {now}, and the certificate is valid from {} to {}; {}",
    validity.not_before(), validity.not_after(), self.advice()
)]
pub struct OutOfTime {
    /// What the clock shows.
    pub now: UnixTime,
    /// When the certificate is valid.
    pub validity: Validity,
}

impl OutOfTime {
    fn advice(&self) -> &'static str {
        if self.now < self.validity.not_before() {
            "set the clock: it is most likely wrong, and the identity works as soon as the clock is right"
        } else {
            "check the clock first: the identity works if the clock was wrong, otherwise enrol into a new folder"
        }
    }
}

impl IdentityError {
    /// A file that cannot be read.
    fn read(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    /// A file or folder that cannot be made. [`io::ErrorKind::NotFound`] is then about the folder around it.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the folder around it first",
        io::ErrorKind::PermissionDenied => "run it as the user who owns the folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk, then try again",
        io::ErrorKind::FileTooLarge => "raise the limit for the size of files (ulimit -f), then try again",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a disk that can be written",
        _ => "check the path and the disk it is on",
    }
}

impl Identity {
    /// Takes a key and its certificate, which is verified under `anchor` at `now`. An anchor that
    /// is a fingerprint only learns the key and the name behind it.
    ///
    /// # Errors
    /// [`cert::Error`] names the check that failed.
    pub fn new(
        key: KeyPair<HostProvider>,
        certificate: Vec<u8>,
        anchor: Anchor,
        now: Now,
    ) -> Result<Self, cert::Error> {
        let identity = Self::genuine(key, certificate, anchor)?;
        identity.validity.check(now)?;
        Ok(identity)
    }

    /// [`Identity::new`] without a look at the clock.
    ///
    /// # Errors
    /// As [`Identity::new`].
    pub fn genuine(
        key: KeyPair<HostProvider>,
        certificate: Vec<u8>,
        mut anchor: Anchor,
    ) -> Result<Self, cert::Error> {
        let view = Certificate::parse(&certificate)?;
        let validity = view.validity();
        // Valid at its own start; whether it is now is asked apart.
        let start = Now::Exact(validity.not_before());
        let verified = cert::verify(key.provider(), &anchor, &view, start, RevocationCheck::NotChecked)?
            .require_key(key.public())?;
        anchor.pin_issuer(key.provider(), &verified)?;
        let subject_id = view.subject_id().into();
        Ok(Self { key, certificate, anchor, subject_id, validity })
    }

    /// Reads a folder that [`PendingIdentity::keep`](super::PendingIdentity::keep) wrote, and verifies what is in it.
    /// `provider` computes for the identity.
    ///
    /// # Errors
    /// [`IdentityError`] names the file, the check that failed, and what to do.
    pub fn load(provider: HostProvider, folder: &Path) -> Result<Self, IdentityError> {
        let identity = Self::load_genuine(provider, folder)?;
        identity.check_time(clock::now()?)?;
        Ok(identity)
    }

    /// [`Identity::load`] without a look at the clock.
    pub(super) fn load_genuine(provider: HostProvider, folder: &Path) -> Result<Self, IdentityError> {
        check_folder(folder, OFlags::empty())?;
        let key = read_key(provider, folder)?;
        let anchor = load_anchor(folder)?;
        Self::load_certificate(folder, key, anchor)
    }

    /// Takes a key, and the certificate in the folder, which must be genuine under `anchor`.
    pub(super) fn load_certificate(
        folder: &Path,
        key: KeyPair<HostProvider>,
        anchor: Anchor,
    ) -> Result<Self, IdentityError> {
        let path = folder.join(CERTIFICATE);
        let text = read_public(folder, &path)?;
        Self::genuine(key, text.to_vec(), anchor)
            .map_err(|source| IdentityError::Certificate { path, source })
    }

    /// Goes on only if the certificate is valid at `now`.
    ///
    /// # Errors
    /// [`OutOfTime`] says what the clock shows, and when the certificate is valid.
    pub fn check_time(&self, now: UnixTime) -> Result<(), OutOfTime> {
        let validity = self.validity;
        validity.check(Now::Exact(now)).map(drop).map_err(|_| OutOfTime { now, validity })
    }

    /// The name that the certificate gives us.
    pub fn subject_id(&self) -> Id<'_> {
        self.subject_id.as_id()
    }

    /// The certified key.
    pub const fn key(&self) -> &KeyPair<HostProvider> {
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
    pub fn local<'a>(&'a self, now: Now, peer: Option<Id<'a>>) -> LocalIdentity<'a, HostProvider> {
        LocalIdentity { key: &self.key, certificate: &self.certificate, anchor: &self.anchor, now, peer }
    }
}

/// Refuses a folder in which others may exchange files. `flags` are for opening it.
pub(super) fn check_folder(folder: &Path, flags: OFlags) -> Result<(), IdentityError> {
    let open = files::open_with(OpenOptions::new().read(true), flags | OFlags::DIRECTORY, folder);
    let found = open.and_then(|open| open.metadata()).map_err(|e| IdentityError::read(folder, e))?;
    let (path, mode) = (folder.to_owned(), found.mode() & 0o7777);
    if Others::Read.permits(mode) { Ok(()) } else { Err(IdentityError::Writable { path, mode }) }
}

/// Reads the private key.
pub(super) fn read_key(
    provider: HostProvider,
    folder: &Path,
) -> Result<KeyPair<HostProvider>, IdentityError> {
    let path = folder.join(KEY);
    let pem = match files::read(&path, Others::Nothing) {
        Ok(pem) => pem,
        Err(ReadError::Mode(mode)) => return Err(IdentityError::Mode { path, mode }),
        Err(ReadError::Io(source)) => return Err(IdentityError::read(&path, source)),
    };
    KeyPair::from_pkcs8_pem(provider, &pem).map_err(|source| IdentityError::Key { path, source })
}

/// Reads the anchor.
pub(super) fn load_anchor(folder: &Path) -> Result<Anchor, IdentityError> {
    let path = folder.join(ANCHOR);
    let text = read_public(folder, &path)?;
    Anchor::decode(Portable::new(), &text).map_err(|source| IdentityError::Anchor { path, source })
}

/// Reads a file that comes with the grant.
fn read_public(folder: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    files::read(path, Others::Read).map_err(|error| match error {
        ReadError::Mode(mode) => IdentityError::Writable { path: path.to_owned(), mode },
        ReadError::Io(e) if e.kind() == io::ErrorKind::NotFound && folder.join(ENROLMENT).exists() => {
            IdentityError::Unfinished(folder.to_owned())
        }
        ReadError::Io(source) => IdentityError::read(path, source),
    })
}
