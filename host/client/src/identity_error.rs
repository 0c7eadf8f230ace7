//! The errors of an identity and its folder, each with the next step.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minipki_core::cert;
use minipki_core::keys::{Fingerprint, KeyFileError};
use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;

use minipki_os::clock::ClockError;
use minipki_os::files::{self, quoted};
use minipki_passphrase::{ChangeError, EncryptedKeyError, KeyKind, Wanted};

/// The name of the file with the private key.
pub const KEY: &str = "key.pem";

/// The reason why an identity folder could not be written or read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IdentityError {
    /// The folder holds other files.
    #[error("{} exists already, and nothing is ever overwritten", .0.display())]
    #[diagnostic(help("choose another folder"))]
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
    /// Another process renews this identity.
    #[error("another process renews the identity in {}, or follows a change of the CA's key", .0.display())]
    #[diagnostic(help("wait until it has ended, then try again"))]
    Renewing(PathBuf),
    /// The folder has a key, and no certificate yet.
    #[error("the enrolment in {} has not finished: there is no certificate yet", .0.display())]
    #[diagnostic(help("run the same `minipki enroll` again, with --out {}", quoted(.0)))]
    Unfinished(PathBuf),
    /// A file of the folder does not exist.
    #[error("{} does not exist, so there is no whole identity", .0.display())]
    #[diagnostic(help("{}", advice_for_missing(.0)))]
    Missing(PathBuf),
    /// The operating system returned an error.
    #[error("{}", files::seen(path, source))]
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
    /// The private key is encrypted, and cannot be decrypted.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("{}", advice_for_encrypted(path, source)))]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: EncryptedKeyError,
    },
    /// The passphrase was not changed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Passphrase(#[from] ChangeError),
    /// The folder has another key than the given one.
    #[error("{} has another key than the given one", .0.display())]
    #[diagnostic(help("choose another folder, or continue with the key in this one: leave out --key"))]
    OtherKey(PathBuf),
    /// The private key cannot be read.
    #[error("{}: {source}", path.display())]
    #[diagnostic(help("put back the file that `minipki enroll` wrote, or enrol again"))]
    Key {
        /// The file.
        path: PathBuf,
        /// The check that failed.
        source: KeyFileError,
    },
    /// The file has another key than the private key of an identity, or the key in another form.
    #[error("{} has {found}, and an X25519 private key in PEM (PKCS#8) is expected", path.display())]
    #[diagnostic(help("{}", found.advice(path, Wanted::X25519)))]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// The kind of key in it.
        found: KeyKind,
    },
    /// The folder has another X.509 certificate than a twin of this identity.
    #[error("{} is not an X.509 certificate of this identity, and nothing else is ever overwritten", .0.display())]
    #[diagnostic(help("move the file away, then run the same command again"))]
    OtherTwin(PathBuf),
    /// The folder of a CA.
    #[error("{} is the folder of a CA, and not of an identity", .0.display())]
    #[diagnostic(help("give the folder of an identity: `minipki enroll` makes it"))]
    CaFolder(PathBuf),
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
            "check the clock first: the identity works if the clock was wrong, otherwise try `minipki renew`"
        }
    }
}

impl IdentityError {
    /// A file that cannot be read.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
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

fn advice_for_encrypted(path: &Path, error: &EncryptedKeyError) -> String {
    let again = || "put back the file that `minipki enroll` wrote, or enrol again".to_owned();
    error.advice(path).unwrap_or_else(again)
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
        _ => files::advice(error),
    }
}
