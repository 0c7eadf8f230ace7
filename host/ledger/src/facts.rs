//! The facts in the ledger that the authority needs for its decisions.

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use super::rows::{bad_row, format, parse, select, subject_key};
use minipki_ca::ports::{BadRow, CertificateRecord, Inquiry, LedgerFacts, TokenHash};

/// The facts for each of `inquiries` at `now`, all in one transaction, since each transaction locks the file. The
/// expiry of unspent tokens is checked at `latest`, which is later if the clock was set back. A bad row fails one
/// inquiry. Any other error fails them all.
pub(super) fn all_facts(
    connection: &mut Connection,
    inquiries: &[Inquiry<'_>],
    now: UnixTime,
    latest: UnixTime,
) -> Result<Vec<Result<LedgerFacts, StoreError>>, StoreError> {
    let transaction = connection.transaction()?;
    let answer = |inquiry| match facts(&transaction, inquiry, now, latest) {
        Err(error @ StoreError::BadRow(_)) => Ok(Err(error)),
        other => other.map(Ok),
    };
    inquiries.iter().map(answer).collect()
}

fn facts(
    connection: &Connection,
    inquiry: &Inquiry<'_>,
    now: UnixTime,
    latest: UnixTime,
) -> Result<LedgerFacts, StoreError> {
    let holder = holder(connection, inquiry.subject_id, now)?;
    Ok(LedgerFacts {
        token_live: match inquiry.token {
            Some(token) => is_live(connection, inquiry.subject_id, token, latest)?,
            None => false,
        },
        // Without a holder there is no valid certificate.
        earlier: if holder.is_some() { earlier(connection, inquiry, now)? } else { None },
        holder,
    })
}

/// The key of the newest JSON certificate of `subject` that has not expired.
fn holder(connection: &Connection, subject: Id<'_>, now: UnixTime) -> Result<Option<Vec<u8>>, StoreError> {
    let mut newest = connection.prepare_cached(
        "SELECT id, serial, subject_key, format FROM certificates
         WHERE subject_id = ?1 AND format = 0 AND not_after >= ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let key = |row: &Row<'_>| subject_key(row, 2, format(row, 3)?);
    newest
        .query_row((subject.as_str(), now.get() as i64), |row| Ok(checked(row, key)))
        .optional()?
        .transpose()
}

/// See [`LedgerFacts::earlier`]. Finds rows by subject or token, since a key can have any number of certificates.
fn earlier(
    connection: &Connection,
    inquiry: &Inquiry<'_>,
    now: UnixTime,
) -> Result<Option<CertificateRecord>, StoreError> {
    let Inquiry { subject_id, subject_key, token } = inquiry;
    let (subject, now) = (subject_id.as_str(), now.get() as i64);
    match token {
        None => connection
            .prepare_cached(select!(
                "WHERE subject_id = ?1 AND +subject_key = ?2 AND format = 0 AND not_after >= ?3 AND NOT EXISTS
                     (SELECT 1 FROM tokens WHERE tokens.subject_id = ?1 AND spent_on = certificates.id)
                 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row((subject, subject_key, now), |row| Ok(checked(row, parse)))
            .optional()?
            .transpose(),
        Some(token) => connection
            .prepare_cached(select!(
                "WHERE id = (SELECT spent_on FROM tokens WHERE hash = ?4 AND expires >= ?3 AND revoked IS NULL)
                     AND +subject_id = ?1 AND +subject_key = ?2 AND format = 0 AND +not_after >= ?3"
            ))?
            .query_row((subject, subject_key, now, token.as_bytes()), |row| Ok(checked(row, parse)))
            .optional()?
            .transpose(),
    }
}

/// Reads `row` with `read`. An error names the row by its first two columns, the row number and the serial number.
fn checked<T>(row: &Row<'_>, read: impl Fn(&Row<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    read(row).map_err(|error| {
        let BadRow { id, serial, what } = bad_row(row, &error);
        let serial = serial.map_or_else(|| "?".to_owned(), |serial| serial.to_string());
        StoreError::BadRow(format!("in row {id} with serial number {serial} a {what}"))
    })
}

/// The tokens that `subject` can use with this key: live tokens, and tokens that were spent on a certificate for the
/// key. The latter only while the newest certificate of the subject is for the key too.
pub(super) fn usable(
    connection: &Connection,
    subject: Id<'_>,
    subject_key: &[u8],
    now: UnixTime,
) -> Result<Vec<TokenHash>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT hash FROM tokens
         WHERE subject_id = ?1 AND expires >= ?2 AND revoked IS NULL AND (spent_on IS NULL OR (
             EXISTS (SELECT 1 FROM certificates
                 WHERE id = spent_on AND subject_key = ?3 AND not_after >= ?2)
             AND ?3 = (SELECT subject_key FROM certificates
                 WHERE certificates.subject_id = ?1 AND format = 0 AND not_after >= ?2 ORDER BY id DESC LIMIT 1)))",
    )?;
    let parameters = (subject.as_str(), now.get() as i64, subject_key);
    let rows = query.query_map(parameters, |row| Ok(row.get(0).map(TokenHash::from_bytes)))?;
    let bad = |_| StoreError::BadRow(format!("for {} a token", subject.as_str()));
    rows.map(|row| row?.map_err(bad)).collect()
}

/// Whether `token` can be spent on a certificate of `subject`.
fn is_live(
    connection: &Connection,
    subject: Id<'_>,
    token: TokenHash,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT 1 FROM tokens
         WHERE hash = ?1 AND subject_id = ?2 AND expires >= ?3 AND spent_on IS NULL AND revoked IS NULL",
    )?;
    Ok(query.exists((token.as_bytes(), subject.as_str(), now.get() as i64))?)
}
