//! The tables, in the one place where they are made and changed, and the way to open them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use minipki_core::cert::IdBuf;
use minipki_core::crypto::Fingerprint;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::StoreError;
use crate::files;

/// The ledger's name in the CA folder.
pub const FILE: &str = "ledger.sqlite";

/// `MPKI`: tells a ledger from any other database (SQLite's `application_id`).
const APPLICATION: i32 = 0x4d50_4b49;

/// How long a writer waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it lets pass before it tries again where SQLite does not wait by itself.
const BREATHER: Duration = Duration::from_millis(5);

/// How long the write-ahead log may grow, in pages of 4 KiB, before it is written back into the
/// ledger: a page that has changed many times by then is written once.
const LOG: i32 = 4096;

/// Step `n` takes a ledger from schema `n` to `n + 1` (SQLite's `user_version`). Steps are only
/// ever added.
///
/// - A serial number is in `reserved` from before it is signed until its certificate is recorded,
///   and in `certificates` from then on. What a crash leaves in `reserved` stays there: burned.
/// - `certificates.id` counts up in the order of issue, so that a listing has stable pages.
/// - `tokens.id` is a random number by which a token can be spoken of: its hash is a secret.
const STEPS: [&str; 2] = [
    "
    CREATE TABLE owner (
        single      INTEGER PRIMARY KEY CHECK (single = 1),
        issuer_id   TEXT    NOT NULL,
        fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32)
    ) STRICT;

    CREATE TABLE reserved (
        serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 1 AND 9007199254740991)
    ) STRICT;

    CREATE TABLE certificates (
        id          INTEGER PRIMARY KEY,
        serial      INTEGER NOT NULL UNIQUE,
        subject_id  TEXT    NOT NULL,
        subject_key BLOB    NOT NULL CHECK (length(subject_key) = 32),
        not_before  INTEGER NOT NULL,
        not_after   INTEGER NOT NULL,
        certificate TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX certificates_by_subject ON certificates (subject_id);
    CREATE INDEX certificates_by_key ON certificates (subject_key);
    CREATE INDEX certificates_by_end ON certificates (not_after);

    CREATE TABLE tokens (
        hash       BLOB    PRIMARY KEY CHECK (length(hash) = 32),
        subject_id TEXT    NOT NULL,
        expires    INTEGER NOT NULL,
        spent_on   INTEGER REFERENCES certificates (id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_by_subject ON tokens (subject_id, expires);
",
    "
    CREATE INDEX certificates_by_begin ON certificates (not_before);

    ALTER TABLE tokens ADD COLUMN id INTEGER;
    ALTER TABLE tokens ADD COLUMN revoked INTEGER;
    UPDATE tokens SET id = 1 + abs(random() % 9007199254740991);
    CREATE UNIQUE INDEX tokens_by_id ON tokens (id);
    CREATE INDEX tokens_by_end ON tokens (expires);
",
];

/// The schema that this program writes.
const CURRENT: i32 = STEPS.len() as i32;

/// The CA that a ledger belongs to. A ledger is made for one, and refused by any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The CA's name.
    pub issuer_id: IdBuf,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.issuer_id, self.fingerprint)
    }
}

/// Opens the ledger of `owner` in `folder` to write: makes it if it is not there, and brings an
/// older one up to date.
pub(super) fn open_to_write(folder: &Path, owner: &Owner) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    create_private(folder, &path)?;
    check_mode(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Before anything is changed: this may be a file of some other program.
    let found = check_kind(&connection.transaction()?, &path)?;
    log_ahead(&connection)?;
    // FULL: a commit in WAL mode is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG)?;
    // Plans do not depend on what is bound, or statements would be compiled again for each value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if found < CURRENT {
        migrate(&mut connection, &path, owner)?;
    }
    check_owner(&connection, &path, owner)?;
    Ok(connection)
}

/// Opens the ledger of `owner` in `folder` to read.
pub(super) fn open_to_read(folder: &Path, owner: &Owner) -> Result<Connection, StoreError> {
    let path = folder.join(FILE);
    check_mode(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let found = check_kind(&connection.transaction()?, &path)?;
    if found < CURRENT {
        return Err(StoreError::Older { path, found, known: CURRENT });
    }
    check_owner(&connection, &path, owner)?;
    Ok(connection)
}

/// Puts the database into WAL mode. SQLite waits for others everywhere but here, where a reader
/// becomes the only writer; so this waits for whoever makes the same ledger at the same time.
fn log_ahead(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                thread::sleep(BREATHER);
            }
            done => return Ok(done?),
        }
    }
}

/// Makes an empty file that only its owner can open; SQLite gives its companions the same mode.
fn create_private(folder: &Path, path: &Path) -> Result<(), StoreError> {
    match files::write_new(path, &[], files::SECRET) {
        Ok(()) => files::sync_folder(folder).map_err(|e| StoreError::io(folder, e)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(StoreError::io(path, e)),
    }
}

fn check_mode(path: &Path) -> Result<(), StoreError> {
    match files::mode(path) {
        Ok(mode) if files::is_private(mode) => Ok(()),
        Ok(mode) => Err(StoreError::Mode { path: path.to_owned(), mode }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(StoreError::Missing(path.to_owned())),
        Err(e) => Err(StoreError::io(path, e)),
    }
}

/// Checks that this is a ledger, or an empty database about to become one, of a schema that is
/// known here; returns the schema. Within a transaction, since another process may be making it.
fn check_kind(connection: &Transaction<'_>, path: &Path) -> Result<i32, StoreError> {
    let path = || path.to_owned();
    let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let schema: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let empty = !connection.prepare("SELECT 1 FROM sqlite_schema")?.exists([])?;
    if found != APPLICATION && !(empty && found == 0 && schema == 0) {
        return Err(StoreError::NotALedger { path: path(), found, expected: APPLICATION });
    }
    if schema > CURRENT {
        return Err(StoreError::Newer { path: path(), found: schema, known: CURRENT });
    }
    Ok(schema)
}

fn migrate(connection: &mut Connection, path: &Path, owner: &Owner) -> Result<(), StoreError> {
    // Asked again within the transaction: two processes may open a new ledger at the same time.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = check_kind(&transaction, path)?;
    let steps = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)).unwrap_or_default();
    for step in steps {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        transaction.execute(
            "INSERT INTO owner (single, issuer_id, fingerprint) VALUES (1, ?1, ?2)",
            (owner.issuer_id.as_id().as_str(), owner.fingerprint.0),
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    transaction.pragma_update(None, "user_version", CURRENT)?;
    Ok(transaction.commit()?)
}

fn check_owner(connection: &Connection, path: &Path, owner: &Owner) -> Result<(), StoreError> {
    let row: Option<(String, [u8; 32])> = connection
        .query_row("SELECT issuer_id, fingerprint FROM owner", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (issuer_id, fingerprint) = row.ok_or(StoreError::Damaged("table of owners without a row"))?;
    let fingerprint = Fingerprint(fingerprint);
    if issuer_id == owner.issuer_id.as_id().as_str() && fingerprint == owner.fingerprint {
        return Ok(());
    }
    Err(StoreError::Foreign {
        path: PathBuf::from(path),
        found: format!("{issuer_id} ({fingerprint})"),
        expected: owner.to_string(),
    })
}
