//! The tables and their migrations.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Owner, StoreError, publication};
use minipki_ca::Publication;

/// `MPKI`: SQLite's `application_id` of a ledger.
const APPLICATION: i32 = 0x4d50_4b49;

/// Step `n` migrates a ledger from schema `n` to `n + 1` (SQLite's `user_version`). Existing steps never change.
///
/// - A serial number is in `reserved` before it is signed, and in `certificates` when its certificate is recorded.
///   After a crash, unused numbers stay in `reserved` and are never used.
/// - `certificates.id` counts up in the order of issue, so that a list has stable pages.
/// - `tokens.id` is a random number that identifies a token to people. The hash of a token is a secret.
/// - `instance.id` differs between ledgers that were restored from the same backup. `instance.generation` grows when a
///   CA begins to issue, when it stops in order, and when the ledger is restored. Both, and the newest certificate,
///   show an older copy. `instance.latest` is the newest time of the CA's clock, and `instance.backed_up` the time of
///   the last backup with the present key of the CA.
/// - A serial number has 20 octets with leading zeros, so that octets and numbers have the same order.
/// - `certificates.format` is 0 for JSON or 1 for X.509. `certificate` is then a text or a blob, and `subject_key` has
///   32 bytes or is a SubjectPublicKeyInfo.
/// - `issued` has the time of issue and the data for a renewal, one row for each certificate since schema 5. New columns
///   in `certificates` would be slow: SQLite reads a whole `STRICT` table to add a column.
/// - `revocations` has every change of a revocation, for good. `revocations.number` is the revocation number, and
///   `reason` is the code of the CRLReason (RFC 5280 §5.3.1): 6 is a hold, 8 removes it.
/// - `revoked` has the certificates that are revoked or on hold now, with copies of the columns that lists and facts
///   need. `revoked.number` is the last change. The index `revoked_by_serial` has all columns of a list.
/// - `instance.revocation_number` is the newest revocation number. A restore raises it, since the lost ledger may have
///   used the next numbers.
/// - `issuer_keys` has the keys of the CA in the order of `number`. A certificate is by the key with the greatest `first`
///   that is not above its `certificates.id`; of equal ones, by the later key. `owner.fingerprint` is the newest key.
/// - `requests` has the hash of the request that an X.509 certificate answers. The same request can be answered again later,
///   so a hash can have several rows.
/// - `owner.crl_shards` is the number of X.509 lists by each key. It never changes. `public_urls` has the public URLs in the
///   order of their use. The last one is in use; without a row, or with NULL in it, there is none.
/// - `twins` has the X.509 twin of a JSON certificate. It has the serial number of the certificate, and no row of its own in
///   `certificates`.
/// - `chains` has each key of the CA that another CA certifies: the certificates in DER, one after the other, that of the key
///   first. They are NULL until that CA has signed.
/// - `audit.id` counts up. The newest entry is never removed, so no number is used twice.
const STEPS: [&str; 7] = [
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
    // The identity of a copy.
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
    // SQLite cannot change the type of a column in place. Every row is copied unchanged, also a row that was changed
    // from outside: `ca check` finds it.
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
    // Revocation and renewal.
    "
    ALTER TABLE tokens ADD COLUMN lifetime INTEGER;
    ALTER TABLE instance ADD COLUMN revocation_number INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE issued (
        id       INTEGER PRIMARY KEY REFERENCES certificates (id),
        issued   INTEGER NOT NULL,
        renews   BLOB,
        lifetime INTEGER
    ) STRICT;

    CREATE TABLE revocations (
        number      INTEGER PRIMARY KEY,
        certificate INTEGER NOT NULL REFERENCES certificates (id),
        reason      INTEGER NOT NULL,
        time        INTEGER NOT NULL,
        actor       TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX revocations_by_certificate ON revocations (certificate);

    CREATE TABLE revoked (
        id          INTEGER PRIMARY KEY REFERENCES certificates (id),
        serial      BLOB    NOT NULL,
        subject_key BLOB    NOT NULL,
        format      INTEGER NOT NULL,
        not_after   INTEGER NOT NULL,
        number      INTEGER NOT NULL REFERENCES revocations (number),
        reason      INTEGER NOT NULL,
        revoked_at  INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX revoked_by_serial ON revoked (serial, format, not_after, reason, revoked_at);
    CREATE INDEX revoked_by_compromised_key ON revoked (subject_key) WHERE reason = 1;
",
    // Changes of the CA's key. The check of a hold in each record.
    "
    CREATE TABLE issuer_keys (
        number        INTEGER PRIMARY KEY,
        fingerprint   BLOB    NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
        first         INTEGER NOT NULL,
        not_before    INTEGER NOT NULL,
        anchor_update TEXT
    ) STRICT;
    INSERT INTO issuer_keys (number, fingerprint, first, not_before) SELECT 1, fingerprint, 1, 0 FROM owner;

    CREATE INDEX revoked_by_held_key ON revoked (subject_key) WHERE reason = 6;
",
    // Requests for X.509 certificates, twins, the publication of lists, and certificates of the CA's keys by others.
    "
    CREATE TABLE requests (
        id   INTEGER PRIMARY KEY REFERENCES certificates (id),
        hash BLOB    NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
    CREATE INDEX requests_by_hash ON requests (hash);

    ALTER TABLE owner ADD COLUMN crl_shards INTEGER NOT NULL DEFAULT 1 CHECK (crl_shards BETWEEN 1 AND 1000);
    CREATE TABLE public_urls (
        number INTEGER PRIMARY KEY,
        url    TEXT
    ) STRICT;

    CREATE TABLE twins (
        id          INTEGER PRIMARY KEY REFERENCES certificates (id),
        certificate BLOB    NOT NULL
    ) STRICT;

    CREATE TABLE chains (
        fingerprint  BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),
        certificates BLOB
    ) STRICT, WITHOUT ROWID;
",
];

/// The first schema with the table `instance`.
pub(super) const INSTANCE: i32 = 3;

/// The first schema with revocations.
pub(super) const REVOCATIONS: i32 = 5;

/// The first schema with several keys of the CA.
pub(super) const ISSUER_KEYS: i32 = 6;

/// The first schema with a publication.
pub(super) const PUBLICATION: i32 = 7;

/// The schema that this program writes.
pub(super) const CURRENT: i32 = STEPS.len() as i32;

/// The schema of a ledger.
pub(super) fn of(connection: &Connection) -> Result<i32, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Checks that this is an empty database, or a ledger with a known schema. Returns the schema, 0 for an empty database.
/// Needs a transaction, since another process may be making the ledger.
pub(super) fn check_kind(connection: &Transaction<'_>, path: &Path) -> Result<i32, StoreError> {
    let path = || path.to_owned();
    let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let schema = of(connection)?;
    let empty = !connection.prepare("SELECT 1 FROM sqlite_schema")?.exists([])?;
    if found != APPLICATION && !(empty && found == 0 && schema == 0) {
        return Err(StoreError::NotALedger { path: path(), found, expected: APPLICATION });
    }
    if schema > CURRENT {
        return Err(StoreError::Newer { path: path(), found: schema, known: CURRENT });
    }
    Ok(schema)
}

/// Migrates a ledger, or makes one in an empty database. This is one transaction, so a crash leaves the earlier ledger.
/// The copy of a table needs twice the size of the ledger on the disk. `publication` is that of a new ledger.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    owner: &Owner,
    publication: &Publication,
) -> Result<(), StoreError> {
    // With foreign keys, SQLite deletes the rows of a dropped table one by one, and refuses if others refer to them
    // (<https://www.sqlite.org/lang_altertable.html#otheralter>).
    connection.pragma_update(None, "foreign_keys", false)?;
    // Checked again within the transaction: two processes may open a new ledger at the same time.
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
        transaction.execute(
            "INSERT INTO issuer_keys (number, fingerprint, first, not_before) VALUES (1, ?1, 1, 0)",
            [owner.fingerprint.0],
        )?;
        publication::begin(&transaction, publication)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
    }
    transaction.pragma_update(None, "user_version", CURRENT)?;
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
