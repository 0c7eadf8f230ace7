//! The errors of a ledger, with texts for its operator.

use std::io;
use std::path::{Path, PathBuf};

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode};

use super::FILE;
use minipki_ca::ports::LedgerError;
use minipki_os::files::{self, folder_of, quoted};

/// A ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StoreError {
    /// The ledger is missing or empty.
    #[error("{} {what}: without it, the CA does not know its names, serial numbers and tokens", path.display())]
    #[diagnostic(help(
        "{}",
        restore_or(
            path,
            "if nothing was issued from this folder, or if you accept that the CA does not know earlier names and serial numbers",
            "--accept-empty-ledger"
        )
    ))]
    Missing {
        /// The ledger.
        path: PathBuf,
        /// The observation.
        what: &'static str,
    },
    /// The folder of a new ledger has a ledger already.
    #[error("{} exists, and nothing is ever overwritten", .0.display())]
    #[diagnostic(help("choose another folder"))]
    Exists(PathBuf),
    /// An error of the file system.
    #[error("{}", files::seen(path, source))]
    #[diagnostic(help("{}", files::advice(source)))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The ledger holds the hashes of tokens, and other users can open it.
    #[error(
        "{} has mode {mode:04o} and should have 0600, since it holds the hashes of tokens",
        path.display()
    )]
    #[diagnostic(help("run: chmod 600 {}", quoted(path)))]
    Mode {
        /// The ledger.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The ledger has a second name, so another folder may have the same file.
    #[error("{} has a second name (a hard link), so that two CAs could issue from it", .0.display())]
    #[diagnostic(help(
        "stop each program that uses the other name, then make a separate copy: cp -p {path} {path}.new && \
         mv {path}.new {path}",
        path = quoted(.0)
    ))]
    Linked(PathBuf),
    /// The ledger cannot be written.
    #[error("{} is read-only", path.display())]
    #[diagnostic(help(
        "run it as the user who owns the folder, on a disk that can be written: ls -ld {}",
        quoted(folder_of(path))
    ))]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// The ledger is in a read-only folder, and a part of it is in its write-ahead log.
    #[error("{} was not closed properly, and its folder is read-only", path.display())]
    #[diagnostic(help(
        "copy the whole folder to a writable place, and read it there: cp -a {} /tmp/ca-copy",
        quoted(folder_of(path))
    ))]
    Unfolded {
        /// The ledger.
        path: PathBuf,
    },
    /// Another process issues from this folder.
    #[error("another process issues from {}, or makes or restores a CA there", .0.display())]
    #[diagnostic(help("stop that process first"))]
    Locked(PathBuf),
    /// The database of another program.
    #[error(
        "{} is not a ledger of MiniPKI (application id {found:#x}, expected {expected:#x})", path.display()
    )]
    #[diagnostic(help("{}", restore(path)))]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// The application id of the file.
        found: i32,
        /// The application id of a ledger.
        expected: i32,
    },
    /// A ledger of a later version of MiniPKI.
    #[error("{} has schema {found}, and this version of minipki knows up to {known}", path.display())]
    #[diagnostic(help("use the newer minipki that wrote it"))]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// The schema of the ledger.
        found: i32,
        /// The newest schema of this version.
        known: i32,
    },
    /// An older ledger. Only a start of the CA migrates it.
    #[error("{} has schema {found}, and this version of minipki reads {known}", path.display())]
    #[diagnostic(help(
        "start the CA once to bring it up to date: minipki ca serve --dir {}",
        quoted(folder_of(path))
    ))]
    Older {
        /// The ledger.
        path: PathBuf,
        /// The schema of the ledger.
        found: i32,
        /// The schema of this version.
        known: i32,
    },
    /// The ledger belongs to another CA.
    #[error("{} belongs to the CA {found}, and this folder's key and name are {expected}", path.display())]
    #[diagnostic(help("put back the key that belongs to it, or {}", restore(path)))]
    Foreign {
        /// The ledger.
        path: PathBuf,
        /// The CA of the ledger.
        found: String,
        /// The CA of the folder.
        expected: String,
    },
    /// The CA's key has changed since the folder or the program was read.
    #[error(
        "{}: the CA's key has changed to {present}, and this folder or program still has the earlier key {former}",
        path.display()
    )]
    #[diagnostic(help(
        "try again. If this stays: minipki ca rollover --dir {} --finish",
        quoted(folder_of(path))
    ))]
    FormerKey {
        /// The ledger.
        path: PathBuf,
        /// The newest key of the ledger.
        present: Fingerprint,
        /// The key of the folder or program.
        former: Fingerprint,
    },
    /// The ledger is an older copy, or a copy from another folder.
    #[error(
        "{} is not the ledger that was served here last, but {found}, so it lacks later records",
        path.display()
    )]
    #[diagnostic(help(
        "{}",
        restore_or(path, "if you know that there is no newer one", "--accept-older-ledger")
    ))]
    NotTheLast {
        /// The ledger.
        path: PathBuf,
        /// The kind of copy.
        found: &'static str,
    },
    /// The clock is behind the newest time in the ledger.
    #[error("the machine's clock shows {now}, and {} has entries of {latest}", path.display())]
    #[diagnostic(help(
        "set the clock. If the clock was wrong then and is right now: minipki ca serve --dir {} \
         --accept-clock",
        quoted(folder_of(path))
    ))]
    ClockBehind {
        /// The ledger.
        path: PathBuf,
        /// The clock's time.
        now: UnixTime,
        /// The newest time in the ledger.
        latest: UnixTime,
    },
    /// The clock was never set.
    #[error("the machine's clock shows {0}, which is before this program was written")]
    #[diagnostic(help("set the clock"))]
    ClockUnset(UnixTime),
    /// A file of the ledger was exchanged or changed while the CA issued.
    #[error(
        "{} {what} while the CA issued into it, so the CA has stopped: the last requests that it recorded \
         were not answered",
        path.display()
    )]
    #[diagnostic(help("put back the earlier file, or {}", restore(path)))]
    Exchanged {
        /// The file.
        path: PathBuf,
        /// The change.
        what: &'static str,
    },
    /// Another CA process was started on the same ledger.
    #[error("another process was started on {}, so this one has stopped", .0.display())]
    #[diagnostic(help("let only one serve a ledger"))]
    Superseded(PathBuf),
    /// An error with the path of its ledger.
    #[error("{}", in_ledger(path, source))]
    #[diagnostic(help("{}", advice_in_ledger(path, source)))]
    At {
        /// The ledger.
        path: PathBuf,
        /// The error.
        source: Box<StoreError>,
    },
    /// The structure of the ledger is damaged.
    #[error("{} is damaged ({detail})", path.display())]
    #[diagnostic(help("{}", check(path)))]
    Corrupt {
        /// The ledger.
        path: PathBuf,
        /// SQLite's text about the damage.
        detail: String,
    },
    /// A row that this program never writes.
    #[error("the ledger holds a {0} that minipki never writes, so it was changed from outside")]
    Damaged(&'static str),
    /// A row that one request needs, and that this program never writes.
    #[error("the ledger holds {0} that minipki never writes, so it was changed from outside")]
    BadRow(String),
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    #[diagnostic(help("try again"))]
    Entropy(String),
    /// Another process locks the ledger for longer than this process waits.
    #[error("another process holds the ledger for too long")]
    #[diagnostic(help("wait until it has finished, then try again"))]
    Busy,
    /// The disk is full.
    #[error("the disk of the ledger is full")]
    #[diagnostic(help("free some space on it, then try again"))]
    Full,
    /// Another error of SQLite.
    #[error("{}", sqlite_words(.0))]
    #[diagnostic(help("{}", sqlite_advice(.0, None)))]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Adds the path of the ledger of `connection`.
    pub(super) fn in_ledger(self, connection: &Connection) -> Self {
        self.at(Path::new(connection.path().unwrap_or(FILE)))
    }

    /// Adds the path of the ledger, for errors without one.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(_) | Self::Damaged(_) | Self::BadRow(_) => {
                Self::At { path: path.to_owned(), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// SQLite's code, if this is an error of SQLite.
    pub fn sqlite_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::At { source, .. } => source.sqlite_code(),
            _ => None,
        }
    }

    /// Whether a backup helps: the ledger is damaged, lost, or the wrong one.
    pub fn needs_backup(&self) -> bool {
        let is_wrong = matches!(self, Self::Missing { .. } | Self::Foreign { .. } | Self::NotTheLast { .. });
        is_wrong || self.is_damage()
    }

    /// Whether one row is damaged, and the other rows can be used.
    fn is_bad_row(&self) -> bool {
        match self {
            Self::BadRow(_) => true,
            Self::At { source, .. } => source.is_bad_row(),
            _ => false,
        }
    }

    /// Whether the content of the ledger was not written by minipki.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::BadRow(_) | Self::Corrupt { .. } | Self::NotALedger { .. } => true,
            Self::At { source, .. } => source.is_damage(),
            Self::Sqlite(_) => {
                matches!(self.sqlite_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            _ => false,
        }
    }
}

/// The text of an error of the ledger at `path`.
fn in_ledger(path: &Path, error: &StoreError) -> String {
    let path = path.display();
    match error {
        StoreError::Sqlite(error) => format!("{path}: {}", sqlite_words(error)),
        StoreError::Damaged(what) => {
            format!("{path} holds a {what} that minipki never writes, so it was changed from outside")
        }
        StoreError::BadRow(row) => {
            format!("{path} holds {row} that minipki never writes, so it was changed from outside")
        }
        other => other.to_string(),
    }
}

/// The advice of an error of the ledger at `path`.
fn advice_in_ledger(path: &Path, error: &StoreError) -> String {
    match error {
        StoreError::Sqlite(error) => sqlite_advice(error, Some(path)),
        _ => check(path),
    }
}

/// The advice to restore a backup.
fn restore(path: &Path) -> String {
    format!("put back a backup: minipki ca restore --from FILE --dir {}", quoted(folder_of(path)))
}

fn check(path: &Path) -> String {
    let folder = quoted(folder_of(path));
    format!(
        "see what is sound: minipki ca check --dir {folder} -- and put back a backup: minipki ca restore --from FILE --dir {folder}"
    )
}

fn restore_or(path: &Path, when: &str, flag: &str) -> String {
    let folder = quoted(folder_of(path));
    format!("{}. Only {when}: minipki ca serve --dir {folder} {flag}", restore(path))
}

fn sqlite_words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => format!("the ledger is damaged ({error})"),
        Some(ErrorCode::NotADatabase) => "this is no ledger, or its first page is damaged".to_owned(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the ledger is read-only".to_owned(),
        Some(ErrorCode::CannotOpen) => "the ledger or its folder cannot be opened".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the disk has failed ({error})"),
        _ => format!("the ledger could not be used ({error})"),
    }
}

fn sqlite_advice(error: &rusqlite::Error, path: Option<&Path>) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "run it as the user who owns the folder, on a disk that can be written".to_owned()
        }
        Some(ErrorCode::SystemIoFailure) => {
            "check the disk (see dmesg) and the limit of file sizes (ulimit -f), then try again".to_owned()
        }
        _ => {
            let folder = Path::new("DIR").join(FILE);
            check(path.unwrap_or(&folder))
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error() else { return Self::Sqlite(error) };
        match code.code {
            ErrorCode::DatabaseBusy => Self::Busy,
            ErrorCode::DiskFull => Self::Full,
            // The index of the write-ahead log cannot grow.
            _ if code.extended_code == SQLITE_IOERR_SHMSIZE => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Full => Self::Unavailable(error.into()),
            StoreError::ClockBehind { .. } | StoreError::ClockUnset(_) => Self::Clock(error.into()),
            error if error.is_bad_row() => Self::Damaged(error.into()),
            error => Self::Failed(error.into()),
        }
    }
}
