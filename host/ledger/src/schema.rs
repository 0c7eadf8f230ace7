//! The tables, in the one place where they are made and changed.

use std::fmt;
use std::path::{Path, PathBuf};

use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::StoreError;

/// `MPKI`: tells a ledger from any other database (SQLite's `application_id`).
const APPLICATION: i32 = 0x4d50_4b49;

/// Step `n` takes a ledger from schema `n` to `n + 1` (SQLite's `user_version`). Steps are only
/// ever added.
///
/// - A serial number is in `reserved` from before it is signed until its certificate is recorded,
///   and in `certificates` from then on. What a crash leaves in `reserved` stays there: burned.
/// - `certificates.id` counts up in the order of issue, so that a listing has stable pages.
/// - `tokens.id` is a random number by which a token can be spoken of: its hash is a secret.
/// - `instance.id` tells this ledger from those that were restored from the same backup. `instance.generation` grows
///   when a CA begins to issue, when it stops in order, and when the ledger is restored: by both, and by
///   the newest certificate, an older copy is noticed. `instance.latest` is the newest time that the CA has seen; `instance.backed_up` that of the last backup.
const STEPS: [&str; 3] = [
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
    // What tells one copy of a ledger from another.
    "
    CREATE TABLE instance (
        single     INTEGER PRIMARY KEY CHECK (single = 1),
        id         BLOB    NOT NULL CHECK (length(id) = 16),
        generation INTEGER NOT NULL,
        latest     INTEGER NOT NULL,
        backed_up  INTEGER
    ) STRICT;
    INSERT INTO instance (single, id, generation, latest)
        SELECT 1, randomblob(16), 0, coalesce(max(not_before), 0) FROM certificates;
",
];

/// The schema that this program writes.
pub(super) const CURRENT: i32 = STEPS.len() as i32;

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

/// Checks that this is a ledger, or an empty database about to become one, of a schema that is
/// known here; returns the schema, 0 for an empty one. Within a transaction, since another process may be making it.
pub(super) fn check_kind(connection: &Transaction<'_>, path: &Path) -> Result<i32, StoreError> {
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

/// Brings a ledger up to date, or makes one in an empty database.
pub(super) fn migrate(connection: &mut Connection, path: &Path, owner: &Owner) -> Result<(), StoreError> {
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

/// The CA that the ledger says it belongs to.
pub(super) fn owner(connection: &Connection) -> Result<Owner, StoreError> {
    let row: Option<(String, [u8; 32])> = connection
        .query_row("SELECT issuer_id, fingerprint FROM owner", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (issuer_id, fingerprint) = row.ok_or(StoreError::Damaged("table of owners without a row"))?;
    let issuer_id = issuer_id.parse().map_err(|_| StoreError::Damaged("name of its CA"))?;
    Ok(Owner { issuer_id, fingerprint: Fingerprint(fingerprint) })
}

pub(super) fn check_owner(connection: &Connection, path: &Path, expected: &Owner) -> Result<(), StoreError> {
    let found = owner(connection)?;
    if found == *expected {
        return Ok(());
    }
    Err(StoreError::Foreign {
        path: PathBuf::from(path),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

/// Which copy of a ledger this is, and what it remembers of its own history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// A random number, in hexadecimal digits: another one after each restore.
    pub id: String,
    /// How often the CA has begun and ended to issue from it, or it was restored.
    pub generation: u64,
    /// The newest time that the CA has seen, in seconds since 1970.
    pub latest: u64,
    /// When the last backup began, in seconds since 1970.
    pub backed_up: Option<u64>,
    /// The row of the newest certificate; 0 if there is none.
    pub newest: u64,
}

impl Instance {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let number = i64::unsigned_abs;
        let mut query = connection.prepare_cached(
            "SELECT lower(hex(id)), generation, latest, backed_up,
                 (SELECT coalesce(max(id), 0) FROM certificates) FROM instance",
        )?;
        let found = query.query_row([], |row| {
            Ok(Self {
                id: row.get(0)?,
                generation: number(row.get(1)?),
                latest: number(row.get(2)?),
                backed_up: row.get::<_, Option<i64>>(3)?.map(number),
                newest: number(row.get(4)?),
            })
        });
        found.optional()?.ok_or(StoreError::Damaged("table of instances without a row"))
    }

    /// Raises the generation by one; returns what it is then.
    pub(super) fn raise(connection: &Connection) -> Result<Self, StoreError> {
        connection.execute("UPDATE instance SET generation = generation + 1", [])?;
        Self::read(connection)
    }
}
