//! An identity: a key, its certificate, and the trusted CA.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
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

/// Our identity. The certificate is genuine under the anchor and is for the key.
#[derive(Clone, Debug)]
pub struct Identity {
    key: KeyPair<HostProvider>,
    certificate: Vec<u8>,
    anchor: Anchor,
    subject_id: IdBuf,
    validity: Validity,
}

/// The reason why an identity folder could not be written or read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IdentityError {
    /// The folder holds other files.
    #[error("{} exists already, and nothing is ever overwritten", .0.display())]
    #[diagnostic(help("choose another folder, or move it away"))]
    Exists(PathBuf),
    /// The folder belongs to another subject or CA.
    #[error("{} holds {what} of {subject_id}, at the CA with the fingerprint {fingerprint}", path.display())]
    #[diagnostic(help("choose another folder, or continue with that subject and CA"))]
    Other {
        /// The folder.
        path: PathBuf,
        /// The content of the folder: an identity or an unfinished enrolment.
        what: &'static str,
        /// The subject.
        subject_id: String,
        /// The CA's fingerprint.
        fingerprint: Fingerprint,
    },
    /// The folder has an anchor of another CA, and no certificate.
    #[error("{} is from the CA with the fingerprint {found}, and not from the given CA", path.display())]
    #[diagnostic(help("enrol at that CA, or choose another folder"))]
    OtherAnchor {
        /// The anchor's file.
        path: PathBuf,
        /// The fingerprint of that anchor.
        found: Fingerprint,
    },
    /// Another process enrols into this folder.
    #[error("another `minipki enroll` is at work in {}", .0.display())]
    #[diagnostic(help("wait until it has ended, then try again"))]
    Busy(PathBuf),
    /// The folder has a key, and no certificate yet.
    #[error("the enrolment in {} has not finished: there is no certificate yet", .0.display())]
    #[diagnostic(help("run the same `minipki enroll` again, with --out {}", quoted(.0)))]
    Unfinished(PathBuf),
    /// A file of the folder does not exist.
    #[error("{} does not exist, so there is no whole identity", .0.display())]
    #[diagnostic(help("{}", advice_for_missing(.0)))]
    Missing(PathBuf),
    /// The operating system returned an error.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", advice(source)))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    #[diagnostic(help("make /dev/urandom available, then try again"))]
    Entropy(String),
    /// Other users have access to the private key.
    #[error("{} has mode {mode:04o}, so others may have read the private key", path.display())]
    #[diagnostic(help("if nobody did: chmod 600 {}, otherwise enrol a new one", quoted(path)))]
    Mode {
        /// The private key.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// Other users may change the files of the identity.
    #[error("{} has mode {mode:04o}, so others may have changed it", path.display())]
    #[diagnostic(help("if nobody did: chmod go-w {}, otherwise enrol into a new folder", quoted(path)))]
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The private key cannot be read.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("put back the file that `minipki enroll` wrote, or enrol again"))]
    Key {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: KeyFileError,
    },
    /// The anchor cannot be read.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("get anchor.json from the CA's operator again"))]
    Anchor {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The certificate does not verify under this anchor and for this key.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", advice_for_certificate(source)))]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The certificate is genuine but not valid now.
    #[error(transparent)]
    #[diagnostic(transparent)]
    OutOfTime(#[from] OutOfTime),
    /// The clock gives no time for the verification of the certificate.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Clock(#[from] ClockError),
}

/// A genuine certificate is not valid at the machine's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error(
    "this machine's clock shows {now}, and the certificate is valid from {} to {}",
    validity.not_before(), validity.not_after()
)]
#[diagnostic(help("{}", self.advice()))]
pub struct OutOfTime {
    /// The time on the machine's clock.
    pub now: UnixTime,
    /// The validity period of the certificate.
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

    /// A file or folder that cannot be created. [`io::ErrorKind::NotFound`] is then about its parent folder.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

fn advice_for_missing(path: &Path) -> &'static str {
    if path.file_name() == Some(KEY.as_ref()) {
        "put the key back; without it, enrol into another folder, with a token of the CA's operator for the same name"
    } else {
        "`minipki enroll --out DIR` makes an identity, with the existing key if there is one"
    }
}

const fn advice_for_certificate(error: &cert::Error) -> &'static str {
    match error {
        cert::Error::IssuerMismatch | cert::Error::IssuerKeyMismatch => {
            "put back the anchor.json of the CA that issued this certificate"
        }
        _ => {
            "put back the three files that belong together, or move this one away and run the same `minipki enroll` \
             again, which uses the same key"
        }
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
    /// Takes a key and its certificate, and verifies the certificate under `anchor` at `now`. If the anchor is only a
    /// fingerprint, the CA's key and name are added to it.
    ///
    /// # Errors
    /// [`cert::Error`] names the failed check.
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

    /// [`Identity::new`] without the check of the time.
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
        // The certificate is valid at its own start. The time now is checked separately.
        let start = Now::Exact(validity.not_before());
        let verified = cert::verify(key.provider(), &anchor, &view, start, RevocationCheck::NotChecked)?
            .require_key(key.public())?;
        anchor.pin_issuer(key.provider(), &verified)?;
        let subject_id = view.subject_id().into();
        Ok(Self { key, certificate, anchor, subject_id, validity })
    }

    /// Reads a folder that [`PendingIdentity::keep`](super::PendingIdentity::keep) wrote, and verifies its content.
    /// `provider` computes for the identity.
    ///
    /// # Errors
    /// [`IdentityError`] names the file, the failed check, and the next step.
    pub fn load(provider: HostProvider, folder: &Path) -> Result<Self, IdentityError> {
        let identity = Self::load_genuine(provider, folder)?;
        identity.check_time(clock::now()?)?;
        Ok(identity)
    }

    /// [`Identity::load`] without the check of the time.
    pub(super) fn load_genuine(provider: HostProvider, folder: &Path) -> Result<Self, IdentityError> {
        check_folder(folder, OFlags::empty())?;
        let key = read_key(provider, folder)?;
        let anchor = load_anchor(folder)?;
        Self::load_certificate(folder, key, anchor)
    }

    /// Takes a key, and reads its certificate from the folder. The certificate must be genuine under `anchor`.
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

    /// Checks that the certificate is valid at `now`.
    ///
    /// # Errors
    /// [`OutOfTime`] if it is not.
    pub fn check_time(&self, now: UnixTime) -> Result<(), OutOfTime> {
        let validity = self.validity;
        validity.check(Now::Exact(now)).map(drop).map_err(|_| OutOfTime { now, validity })
    }

    /// The subject of the certificate.
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

    /// The trust anchor. It has certified this identity and must have certified each peer.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// Our side of a channel that is opened at `now`. If `peer` is given, only that subject is accepted.
    pub fn local<'a>(&'a self, now: Now, peer: Option<Id<'a>>) -> LocalIdentity<'a, HostProvider> {
        LocalIdentity { key: &self.key, certificate: &self.certificate, anchor: &self.anchor, now, peer }
    }
}

/// Refuses a folder in which others may replace files. `flags` are for opening it.
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

/// Reads a file that is written after the CA has issued the certificate.
fn read_public(folder: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    files::read(path, Others::Read).map_err(|error| match error {
        ReadError::Mode(mode) => IdentityError::Writable { path: path.to_owned(), mode },
        ReadError::Io(e) if e.kind() == io::ErrorKind::NotFound && folder.join(ENROLMENT).exists() => {
            IdentityError::Unfinished(folder.to_owned())
        }
        ReadError::Io(source) => IdentityError::read(path, source),
    })
}
