//! The errors of a CA's state and of its backups, with texts for the operator.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minipki_core::cert;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::FORMER_KEYS;
use minipki_core::time::UnixTime;

use minipki_ca::ports::{LedgerError, SignError};
use minipki_ca::{ChainError, IssueError, SignRefused};
use minipki_keys::FolderError;
use minipki_ledger::StoreError;
use minipki_os::clock::ClockError;
use minipki_os::files::{self, quoted};

/// A CA's state could not be made, opened, backed up, restored or checked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StateError {
    /// An error of the folder or the key.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Folder(#[from] FolderError),
    /// The certificates are no chain of the CA's key.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Chain(#[from] ChainError),
    /// An error of the ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// An error of the machine's clock.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Clock(#[from] ClockError),
    /// An error of the file system.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The file of a new backup exists already.
    #[error("{} exists, and a backup never overwrites anything", .0.display())]
    #[diagnostic(help("choose another name"))]
    BackupExists(PathBuf),
    /// The file is not a complete backup.
    #[error("{} is not a whole backup of a CA: {what}", path.display())]
    #[diagnostic(help("take another backup"))]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// The observation.
        what: String,
    },
    /// The folder belongs to another CA.
    #[error(
        "{} is of the CA with the key {found}, and the backup of the one with {backup}", folder.display()
    )]
    #[diagnostic(help("restore it into another folder"))]
    OtherKey {
        /// The folder.
        folder: PathBuf,
        /// The key of the folder's CA.
        found: Fingerprint,
        /// The key in the backup.
        backup: Fingerprint,
    },
    /// The backup has a key that the CA has replaced since.
    #[error(
        "{} has changed its key to {present} since this backup was made, which has the former key {backup}",
        folder.display()
    )]
    #[diagnostic(help("take a backup that was made after this change"))]
    BeforeRollover {
        /// The folder.
        folder: PathBuf,
        /// The present key of the folder's CA.
        present: Fingerprint,
        /// The key in the backup.
        backup: Fingerprint,
    },
    /// One more change of the key would drop a former key whose certificates have not ended.
    #[error(
        "the CA has changed its key {FORMER_KEYS} times, and certificates by its former key {key} end at {until}: \
         clients keep only {FORMER_KEYS} former keys"
    )]
    #[diagnostic(help("change the key after {until}"))]
    FormerKeyInUse {
        /// The oldest former key.
        key: Fingerprint,
        /// The latest end of its certificates.
        until: UnixTime,
    },
    /// One more change of the key would cut clients off, while their certificates have not ended.
    #[error(
        "after one more change of the key, one answer to clients could not state all changes since the key {key}, and \
         certificates by this key end at {until}"
    )]
    #[diagnostic(help("change the key after {until}"))]
    ChainTooLong {
        /// The key of these certificates.
        key: Fingerprint,
        /// The latest end of its certificates.
        until: UnixTime,
    },
    /// A change of the key in the ledger, or the new one, is not valid.
    #[error("{}: the change of the CA's key is not valid: {source}", folder.display())]
    #[diagnostic(help("see what is sound: minipki ca check --dir {}", quoted(folder)))]
    Update {
        /// The folder.
        folder: PathBuf,
        /// The check that failed.
        source: cert::Error,
    },
    /// The present key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The storage refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// An X.509 certificate could not be issued.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Issue(#[from] IssueError),
    /// A key of the CA has no X.509 certificate.
    #[error("the key {0} of the CA has no X.509 certificate")]
    #[diagnostic(help("no X.509 certificate can be verified with this key, so nobody needs a list by it"))]
    NoX509(Fingerprint),
    /// A CA with several lists, or without this one.
    #[error("the number of X.509 lists of this CA is {0}, and they are counted from 0")]
    #[diagnostic(help("name one of them: --shard NUMBER"))]
    Shard(u32),
    /// An unfinished CA has other lists or another public URL.
    #[error("{} has an unfinished CA with another public URL or another number of X.509 lists", .0.display())]
    #[diagnostic(help("leave --public-url and --crl-shards out, or choose another folder"))]
    OtherPublication(PathBuf),
    /// A certification request was refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] SignRefused),
    /// The folder has other files than those of a CA.
    #[error("{} is not empty and holds no CA", .0.display())]
    #[diagnostic(help("restore into a folder that does not exist: --dir {}-restored", quoted(.0)))]
    NotACa(PathBuf),
    /// A restore would replace a sound ledger.
    #[error(
        "{} has its key, its anchor and a sound ledger with {certificates} certificates, which may be newer \
         than the backup",
        folder.display()
    )]
    #[diagnostic(help(
        "to put the backup in its place all the same, and keep the ledger under another name, add --replace"
    ))]
    Sound {
        /// The folder.
        folder: PathBuf,
        /// The number of certificates in its ledger.
        certificates: u64,
    },
}

impl StateError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn update(folder: &Path) -> impl Fn(cert::Error) -> Self + Copy {
        move |source| Self::Update { folder: folder.to_owned(), source }
    }

    pub(super) fn no_backup(path: &Path, what: impl ToString) -> Self {
        Self::NoBackup { path: path.to_owned(), what: what.to_string() }
    }
}
