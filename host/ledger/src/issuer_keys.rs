//! The keys of the CA in the ledger: the present one, and those before it.
//!
//! Each key has signed the certificates in a range of rows. So a certificate needs no column for its key.

use std::ops::Range;

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use minipki_ca::ports::{IssuerKey, IssuerKeyUse, LedgerError};

/// A row of the table `issuer_keys`.
struct KeyRow {
    key: IssuerKey,
    first: i64,
}

/// The rows of certificates by each key, the oldest key first.
pub(super) struct KeyRanges(Vec<(Fingerprint, Range<i64>)>);

impl KeyRanges {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let rows = rows(connection)?;
        let ends = rows.iter().skip(1).map(|row| row.first).chain([i64::MAX]);
        Ok(Self(rows.iter().zip(ends).map(|(row, end)| (row.key.fingerprint, row.first..end)).collect()))
    }

    /// The key that has signed the certificate in row `id`; without a row, the newest key.
    pub(super) fn key_of(&self, id: Option<i64>) -> Result<Fingerprint, StoreError> {
        let is_by = |(_, rows): &&(_, Range<i64>)| id.is_none_or(|id| rows.contains(&id));
        let found = self.0.iter().rev().find(is_by);
        found.map(|(key, _)| *key).ok_or(StoreError::Damaged("row before the first key of the CA"))
    }

    /// Whether `key` is a key of the CA, also a former one.
    pub(super) fn has(&self, key: &Fingerprint) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }

    /// Whether `key` is one of the keys before the last `count`.
    pub(super) fn is_before_the_last(&self, count: usize, key: &Fingerprint) -> bool {
        self.0.iter().rev().skip(count).any(|(known, _)| known == key)
    }

    /// The rows of certificates by `key`; `None` for a key that is not in the ledger.
    pub(super) fn rows_of(&self, key: Fingerprint) -> Option<Range<i64>> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, rows)| rows.clone())
    }
}

fn rows(connection: &Connection) -> Result<Vec<KeyRow>, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("key of the CA");
    let mut query = connection.prepare_cached(
        "SELECT fingerprint, first, not_before, anchor_update FROM issuer_keys ORDER BY number",
    )?;
    let parse = |row: &Row<'_>| -> Result<KeyRow, StoreError> {
        let not_before = u64::try_from(row.get::<_, i64>(2)?).ok().and_then(|time| UnixTime::new(time).ok());
        let update = row.get_ref(3)?.as_str_or_null().map_err(|_| DAMAGED)?;
        let fingerprint = Fingerprint(row.get(0).map_err(|_| DAMAGED)?);
        let update = update.map(|text| text.as_bytes().to_vec());
        let key = IssuerKey { fingerprint, not_before: not_before.ok_or(DAMAGED)?, update };
        Ok(KeyRow { key, first: row.get(1)? })
    };
    let mut found = Vec::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        found.push(parse(row)?);
    }
    Ok(found)
}

/// The keys of the CA, the oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<IssuerKey>, StoreError> {
    Ok(rows(connection)?.into_iter().map(|row| row.key).collect())
}

/// See [`minipki_ca::ports::LedgerReader::issuer_keys`].
pub(super) fn uses(connection: &mut Connection) -> Result<Vec<IssuerKeyUse>, StoreError> {
    let transaction = connection.transaction()?;
    let newest: i64 = transaction
        .prepare_cached("SELECT coalesce(max(id), 0) FROM certificates")?
        .query_row([], |row| row.get(0))?;
    // In the index of the ends: the rows themselves are a thousand times as large.
    let mut last = transaction.prepare_cached(
        "SELECT not_after FROM certificates INDEXED BY certificates_by_end
         WHERE id >= ?1 AND id < ?2 ORDER BY not_after DESC LIMIT 1",
    )?;
    let ranges = KeyRanges::read(&transaction)?;
    let keys = all(&transaction)?.into_iter().zip(ranges.0);
    keys.map(|(key, (_, rows))| {
        // No certificate is ever removed, so the rows of a key have no gaps.
        let end = rows.end.min(newest.saturating_add(1));
        let certificates = u64::try_from(end.saturating_sub(rows.start)).unwrap_or(0);
        let last_end = match certificates {
            0 => None,
            _ => last.query_row((rows.start, end), |row| row.get::<_, i64>(0)).optional()?,
        };
        let time = |seconds: i64| UnixTime::new(seconds.try_into().ok()?).ok();
        let last_end = last_end.map(|seconds| time(seconds).ok_or(StoreError::Damaged("time")));
        Ok(IssuerKeyUse { key, certificates, last_end: last_end.transpose()? })
    })
    .collect()
}

/// Makes `key` the CA's key, or returns the refusal. The caller commits.
pub(super) fn change(
    connection: &Connection,
    key: &IssuerKey,
) -> Result<Result<(), LedgerError>, StoreError> {
    let Some(update) = &key.update else { return Ok(Err(LedgerError::NoUpdate(key.fingerprint))) };
    if rows(connection)?.iter().any(|row| row.key.fingerprint == key.fingerprint) {
        return Ok(Err(LedgerError::KeyKnown(key.fingerprint)));
    }
    connection.execute(
        "INSERT INTO issuer_keys (fingerprint, first, not_before, anchor_update)
         SELECT ?1, (SELECT coalesce(max(id), 0) + 1 FROM certificates), ?2, ?3",
        (
            key.fingerprint.0,
            key.not_before.get() as i64,
            ToSqlOutput::Borrowed(ValueRef::Text(update.as_slice())),
        ),
    )?;
    connection.execute("UPDATE owner SET fingerprint = ?1", [key.fingerprint.0])?;
    // No backup has the new key.
    connection.execute("UPDATE instance SET backed_up = NULL", [])?;
    Ok(Ok(()))
}

/// Records `keys`, the oldest first, in the place of the only key in the ledger, which is the last of them. All
/// certificates are by that key. Or returns the refusal. The caller commits.
pub(super) fn restore(
    connection: &Connection,
    keys: &[IssuerKey],
) -> Result<Result<(), LedgerError>, StoreError> {
    let (Some((oldest, later)), [present]) = (keys.split_first(), &rows(connection)?[..]) else {
        return Err(StoreError::Damaged("key of the CA"));
    };
    if keys.last().map(|key| key.fingerprint) != Some(present.key.fingerprint) {
        return Err(StoreError::Damaged("key of the CA"));
    }
    connection.execute("UPDATE issuer_keys SET fingerprint = ?1", [oldest.fingerprint.0])?;
    for key in later {
        if let Err(refused) = change(connection, key)? {
            return Ok(Err(refused));
        }
    }
    connection.execute("UPDATE issuer_keys SET first = 1", [])?;
    Ok(Ok(()))
}
