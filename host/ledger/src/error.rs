//! What can be wrong with a ledger, in words for its operator.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use minipki_core::time::UnixTime;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode};

use super::FILE;
use minipki_ca::ports::LedgerError;
use minipki_os::files::{folder_of, quoted};

/// A ledger could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The ledger is not there, or has nothing in it.
    #[error(
        "{} {what}, and it is what the CA knows its names, serial numbers and tokens by; {}",
        path.display(), restore_or(path, "if nothing was ever issued from this folder, or you accept that names and serial numbers that were given are unknown from now on", "--accept-empty-ledger")
    )]
    Missing {
        /// The ledger.
        path: PathBuf,
        /// What was seen.
        what: &'static str,
    },
    /// There is a ledger where one was to be made.
    #[error("{} exists; nothing is ever overwritten: choose another folder", .0.display())]
    Exists(PathBuf),
    /// The file system refused.
    #[error("{}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The ledger holds the hashes of tokens, and others may open it.
    #[error("{} has mode {mode:04o} and should have 0600, since it holds what tokens are checked by; run: chmod 600 {}", path.display(), quoted(path))]
    Mode {
        /// The ledger.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The ledger has a second name, so another folder may hold the same file.
    #[error(
        "{} has a second name (a hard link), so that two CAs could issue from it; end whatever uses the other name, then make this one a file of its own: cp -p {path} {path}.new && mv {path}.new {path}",
        .0.display(), path = quoted(.0)
    )]
    Linked(PathBuf),
    /// The ledger cannot be written.
    #[error(
        "{} can be read only; run it as the user who owns the folder, on a disk that can be written: ls -ld {}",
        path.display(), quoted(folder_of(path))
    )]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// The ledger is in a folder that cannot be written, and some of it is in its write-ahead log.
    #[error(
        "{} was not closed in order, and its folder can be read only; copy the whole folder to where you can write, and read it there: cp -a {} /tmp/ca-copy",
        path.display(), quoted(folder_of(path))
    )]
    Unfolded {
        /// The ledger.
        path: PathBuf,
    },
    /// Another process issues from this folder.
    #[error("another process issues from {}, or makes or restores a CA there; only one may: stop that one first", .0.display())]
    Locked(PathBuf),
    /// Some other program's database.
    #[error(
        "{} is not a ledger of MiniPKI (application id {found:#x}, expected {expected:#x}); {}",
        path.display(), restore(path)
    )]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: i32,
        /// What a ledger says.
        expected: i32,
    },
    /// A ledger from a later version of MiniPKI.
    #[error("{} has schema {found}, and this version of minipki knows up to {known}; use the newer minipki that wrote it", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its schema.
        found: i32,
        /// The newest schema known here.
        known: i32,
    },
    /// A ledger that only a writer can bring up to date.
    #[error(
        "{} has schema {found}, and this version of minipki reads {known}; start the CA once to bring it up to date: minipki ca serve --dir {}",
        path.display(), quoted(folder_of(path))
    )]
    Older {
        /// The ledger.
        path: PathBuf,
        /// Its schema.
        found: i32,
        /// The schema read here.
        known: i32,
    },
    /// The ledger of another CA.
    #[error(
        "{} belongs to the CA {found}, and this folder's key and name are {expected}; put back the key that belongs to it, or {}",
        path.display(), restore(path)
    )]
    Foreign {
        /// The ledger.
        path: PathBuf,
        /// Whose it says it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// An older copy of the ledger, or a copy from another folder, was put in place.
    #[error(
        "{} is not the ledger that was served here last, but {found}, and so does not know all that was issued; {}",
        path.display(), restore_or(path, "if you know that it is the newest there is", "--accept-older-ledger")
    )]
    NotTheLast {
        /// The ledger.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The clock is behind what the ledger remembers.
    #[error(
        "the machine's clock shows {now}, and {} has entries of {latest}; set the clock. If the clock was wrong then and is right now: minipki ca serve --dir {} --accept-clock",
        path.display(), quoted(folder_of(path))
    )]
    ClockBehind {
        /// The ledger.
        path: PathBuf,
        /// The clock's time.
        now: UnixTime,
        /// The newest time in the ledger.
        latest: UnixTime,
    },
    /// The clock was never set.
    #[error("the machine's clock shows {0}, which is before this program was written; set the clock")]
    ClockUnset(UnixTime),
    /// A file of the ledger was exchanged or changed while the CA issued into it.
    #[error(
        "{} {what} while the CA issued into it, so the CA has stopped: the last requests that it recorded were not answered; put back what was there, or {}",
        path.display(), restore(path)
    )]
    Exchanged {
        /// The file.
        path: PathBuf,
        /// What happened to it.
        what: &'static str,
    },
    /// Another CA was started on the same ledger.
    #[error("another process was started on {}, so this one has stopped; let only one serve a ledger", .0.display())]
    Superseded(PathBuf),
    /// A ledger, with what is wrong with it.
    #[error("{}", At(path, source))]
    At {
        /// The ledger.
        path: PathBuf,
        /// What is wrong.
        source: Box<StoreError>,
    },
    /// Its structure is damaged.
    #[error("{} is damaged ({detail}); {}", path.display(), check(path))]
    Corrupt {
        /// The ledger.
        path: PathBuf,
        /// What was found, in SQLite's words.
        detail: String,
    },
    /// A row that this program cannot have written.
    #[error("the ledger holds a {0} that minipki would never write; it was changed from outside")]
    Damaged(&'static str),
    /// A row that one request needs, and that this program cannot have written as it is.
    #[error("the ledger holds {0} that minipki would never write, so it was changed from outside")]
    BadRow(String),
    /// No random numbers.
    #[error("the operating system gave no random numbers: {0}; try again")]
    Entropy(String),
    /// Another process holds the ledger for longer than this one waits.
    #[error(
        "another process holds the ledger and does not let go of it; wait until it has finished, then try again"
    )]
    Busy,
    /// There is no room for what is to be written.
    #[error("the disk that the ledger is on is full; free some space on it, then try again")]
    Full,
    /// SQLite refused.
    #[error("{}; {}", sqlite_words(.0), sqlite_advice(.0, None))]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// This error, about the ledger that `connection` has open.
    pub(super) fn in_ledger(self, connection: &Connection) -> Self {
        self.at(Path::new(connection.path().unwrap_or(FILE)))
    }

    /// This error, with the ledger that it is about.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(_) | Self::Damaged(_) | Self::BadRow(_) => {
                Self::At { path: path.to_owned(), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// What SQLite says, if it is the one that refused.
    pub fn sqlite_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::At { source, .. } => source.sqlite_code(),
            _ => None,
        }
    }

    /// Whether a backup is what helps: the ledger is damaged or lost, or it is another one than it should be.
    pub fn needs_backup(&self) -> bool {
        let other = matches!(self, Self::Missing { .. } | Self::Foreign { .. } | Self::NotTheLast { .. });
        other || self.is_damage()
    }

    /// Whether one row is damaged, and others can be used.
    fn is_bad_row(&self) -> bool {
        match self {
            Self::BadRow(_) => true,
            Self::At { source, .. } => source.is_bad_row(),
            _ => false,
        }
    }

    /// Whether the ledger's content is not what minipki wrote.
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

/// An error and the ledger it is about, as "seen; next".
struct At<'a>(&'a Path, &'a StoreError);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, source) = self;
        match source {
            StoreError::Sqlite(error) => {
                write!(f, "{}: {}; {}", path.display(), sqlite_words(error), sqlite_advice(error, Some(path)))
            }
            StoreError::Damaged(what) => write!(
                f,
                "{} holds a {what} that minipki would never write, so it was changed from outside; {}",
                path.display(),
                check(path)
            ),
            StoreError::BadRow(row) => write!(
                f,
                "{} holds {row} that minipki would never write, so it was changed from outside; {}",
                path.display(),
                check(path)
            ),
            other => write!(f, "{other}"),
        }
    }
}

/// How a ledger is put back.
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

fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "run it as the user who owns the folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on this disk, then try again",
        io::ErrorKind::ReadOnlyFilesystem => "use a disk that can be written",
        _ => "check the disk that it is on",
    }
}

fn sqlite_words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => format!("the ledger is damaged ({error})"),
        Some(ErrorCode::NotADatabase) => "this is no ledger, or its first page is damaged".to_owned(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the ledger can be read only".to_owned(),
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
            "check the disk (dmesg says more) and the limit of file sizes (ulimit -f), then try again"
                .to_owned()
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
            // What SQLite says where the index of the write-ahead log cannot grow.
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
