//! The tables, in the one place where they are made and changed.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Owner, StoreError};

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
///   the newest certificate, an older copy is noticed. `instance.latest` is the newest time that the CA has seen;
///   `instance.backed_up` that of the last backup.
/// - A serial number is 20 octets with zeros in front, so that their order is that of the numbers.
/// - `certificates.format` says what `certificate` and `subject_key` are: 0 is JSON, a text, and 32 bytes; 1 is X.509,
///   a blob, and a SubjectPublicKeyInfo.
/// - `audit.id` counts up. The newest entry is never removed, so no number is used twice.
const STEPS: [&str; 4] = [
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
    // The type of a column changes only with its table. Each row is copied as it is, also one that was changed from
    // outside: `ca check` names it.
    "
    CREATE TABLE reserved_new (
        serial BLOB PRIMARY KEY CHECK (length(serial) = 20
            AND serial BETWEEN x'0000000000000000000000000000000000000001'
                           AND x'7fffffffffffffffffffffffffffffffffffffff')
    ) STRICT, WITHOUT ROWID;
    INSERT INTO reserved_new SELECT unhex(printf('%040x', serial)) FROM reserved;
    DROP TABLE reserved;
    ALTER TABLE reserved_new RENAME TO reserved;

    CREATE TABLE certificates_new (
        id          INTEGER PRIMARY KEY,
        serial      BLOB    NOT NULL CHECK (length(serial) = 20),
        subject_id  TEXT    NOT NULL,
        subject_key BLOB    NOT NULL,
        not_before  INTEGER NOT NULL,
        not_after   INTEGER NOT NULL,
        format      INTEGER NOT NULL,
        certificate ANY     NOT NULL
    ) STRICT;
    INSERT INTO certificates_new
        SELECT id, unhex(printf('%040x', serial)), subject_id, subject_key, not_before, not_after, 0, certificate
        FROM certificates ORDER BY id;
    DROP TABLE certificates;
    ALTER TABLE certificates_new RENAME TO certificates;
    CREATE UNIQUE INDEX certificates_by_serial ON certificates (serial);
    CREATE INDEX certificates_by_subject ON certificates (subject_id);
    CREATE INDEX certificates_by_key ON certificates (subject_key);
    CREATE INDEX certificates_by_begin ON certificates (not_before);
    CREATE INDEX certificates_by_end ON certificates (not_after);

    CREATE TABLE audit (
        id      INTEGER PRIMARY KEY,
        time    INTEGER NOT NULL,
        actor   TEXT    NOT NULL,
        action  TEXT    NOT NULL,
        details TEXT    NOT NULL
    ) STRICT;
",
];

/// The first schema with the table `instance`.
pub(super) const INSTANCE: i32 = 3;

/// The schema that this program writes.
pub(super) const CURRENT: i32 = STEPS.len() as i32;

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

/// Brings a ledger up to date, or makes one in an empty database: in one transaction, so a crash at any moment leaves
/// the ledger of before. While a table is copied the ledger needs its own size again, twice, on the disk.
pub(super) fn migrate(connection: &mut Connection, path: &Path, owner: &Owner) -> Result<(), StoreError> {
    // Otherwise SQLite deletes a dropped table's rows one by one, and refuses where another table refers to them
    // (<https://www.sqlite.org/lang_altertable.html#otheralter>).
    connection.pragma_update(None, "foreign_keys", false)?;
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
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
