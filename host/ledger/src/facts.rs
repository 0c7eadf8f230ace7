//! The facts in the ledger that the authority needs for its decisions.

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use super::rows::{self, bad_row, format, parse, select};
use minipki_ca::ports::{
    BadRow, CertificateRecord, Inquiry, LedgerFacts, RequestFacts, RequestHash, TokenHash,
};

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
    let (token_live, token_lifetime) = match inquiry.token {
        Some(token) => token_state(connection, inquiry.subject_id, token, latest)?,
        None => (false, None),
    };
    // Without a holder there is no valid certificate, and none on hold.
    let (earlier, held) = match &holder {
        Some(key) => (earlier(connection, inquiry, now)?, is_held(connection, inquiry.subject_id, key, now)?),
        None => (None, false),
    };
    let current = match inquiry.renews {
        Some(serial) => by_serial(connection, serial)?,
        None => None,
    };
    let key_compromised = is_compromised(connection, inquiry.subject_key, inquiry.renews)?;
    Ok(LedgerFacts { holder, token_live, earlier, held, key_compromised, token_lifetime, current })
}

/// The certificate with this serial number.
pub(super) fn by_serial(
    connection: &Connection,
    serial: Serial,
) -> Result<Option<CertificateRecord>, StoreError> {
    let mut query = connection.prepare_cached(select!("WHERE serial = ?1"))?;
    query.query_row([serial.to_be_bytes()], |row| Ok(checked(row, parse))).optional()?.transpose()
}

/// See [`minipki_ca::ports::Recorder::request_facts`].
pub(super) fn of_request(
    connection: &mut Connection,
    hash: RequestHash,
    subject_key: &[u8],
) -> Result<RequestFacts, StoreError> {
    let transaction = connection.transaction()?;
    let earlier = match newest_answer(&transaction, hash)? {
        Some(serial) => by_serial(&transaction, serial)?,
        None => None,
    };
    Ok(RequestFacts { earlier, key_compromised: is_compromised(&transaction, subject_key, None)? })
}

/// The newest certificate for this request, in any state.
pub(super) fn newest_answer(
    connection: &Connection,
    hash: RequestHash,
) -> Result<Option<Serial>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT serial FROM requests JOIN certificates USING (id) WHERE hash = ?1 ORDER BY id DESC LIMIT 1",
    )?;
    let read = |row: &Row<'_>| Ok(rows::serial(row, 0).ok_or(StoreError::Damaged("serial number")));
    query.query_row([hash.as_bytes()], read).optional()?.transpose()
}

/// Whether `subject` has a JSON certificate for the key `holder` that is on hold and has not expired. The reason 6 is a
/// hold.
fn is_held(
    connection: &Connection,
    subject: Id<'_>,
    holder: &[u8],
    now: UnixTime,
) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT 1 FROM revoked INDEXED BY revoked_by_held_key CROSS JOIN certificates USING (id)
         WHERE revoked.subject_key = ?3 AND reason = 6
             AND subject_id = ?1 AND certificates.format = 0 AND certificates.not_after >= ?2",
    )?;
    Ok(query.exists((subject.as_str(), now.get() as i64, holder))?)
}

/// Whether a hold keeps the name of `subject` from everybody: see [`LedgerFacts::held`].
pub(super) fn keeps_name(
    connection: &Connection,
    subject: Id<'_>,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let holder = holder(connection, subject, now)?;
    holder.map_or(Ok(false), |key| is_held(connection, subject, &key, now))
}

/// Whether a certificate of this key, or of the key of the certificate `renews`, was revoked for a compromise of the
/// key, which is the reason 1.
pub(super) fn is_compromised(
    connection: &Connection,
    subject_key: &[u8],
    renews: Option<Serial>,
) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT 1 FROM revoked WHERE reason = 1 AND subject_key = ?1
         UNION ALL
         SELECT 1 FROM revoked WHERE reason = 1
             AND subject_key = (SELECT subject_key FROM certificates WHERE serial = ?2)",
    )?;
    Ok(query.exists((subject_key, renews.map(Serial::to_be_bytes)))?)
}

/// The key of the newest JSON certificate of `subject` that has not expired, and is on hold or not revoked.
fn holder(connection: &Connection, subject: Id<'_>, now: UnixTime) -> Result<Option<Vec<u8>>, StoreError> {
    let mut newest = connection.prepare_cached(
        "SELECT id, serial, subject_key, format FROM certificates
         WHERE subject_id = ?1 AND format = 0 AND not_after >= ?2
             AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = certificates.id AND reason <> 6)
         ORDER BY id DESC LIMIT 1",
    )?;
    let key = |row: &Row<'_>| rows::subject_key(row, 2, format(row, 3)?);
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
    let Inquiry { subject_id, subject_key, token, renews } = inquiry;
    let (subject, now) = (subject_id.as_str(), now.get() as i64);
    let renews = renews.map(Serial::to_be_bytes);
    match token {
        None => connection
            .prepare_cached(select!(
                "WHERE subject_id = ?1 AND +subject_key = ?2 AND format = 0 AND not_after >= ?3 AND renews IS ?4
                     AND reason IS NULL AND NOT EXISTS
                     (SELECT 1 FROM tokens WHERE tokens.subject_id = ?1 AND spent_on = certificates.id)
                 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row((subject, subject_key, now, renews), |row| Ok(checked(row, parse)))
            .optional()?
            .transpose(),
        Some(token) => connection
            .prepare_cached(select!(
                "WHERE id = (SELECT spent_on FROM tokens WHERE hash = ?5 AND expires >= ?3 AND revoked IS NULL)
                     AND +subject_id = ?1 AND +subject_key = ?2 AND format = 0 AND +not_after >= ?3
                     AND renews IS ?4 AND reason IS NULL"
            ))?
            .query_row((subject, subject_key, now, renews, token.as_bytes()), |row| Ok(checked(row, parse)))
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
/// key. The latter only if that certificate is not revoked, and while the name belongs to the key.
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
                 WHERE id = spent_on AND subject_key = ?3 AND not_after >= ?2
                     AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = certificates.id))
             AND ?3 = (SELECT subject_key FROM certificates
                 WHERE certificates.subject_id = ?1 AND format = 0 AND not_after >= ?2
                     AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = certificates.id AND reason <> 6)
                 ORDER BY id DESC LIMIT 1)))",
    )?;
    let parameters = (subject.as_str(), now.get() as i64, subject_key);
    let rows = query.query_map(parameters, |row| Ok(row.get(0).map(TokenHash::from_bytes)))?;
    let bad = |_| StoreError::BadRow(format!("for {} a token", subject.as_str()));
    rows.map(|row| row?.map_err(bad)).collect()
}

/// Whether `token` can be spent on a certificate of `subject`, and the lifetime of its certificate.
fn token_state(
    connection: &Connection,
    subject: Id<'_>,
    token: TokenHash,
    now: UnixTime,
) -> Result<(bool, Option<u64>), StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT subject_id = ?2 AND expires >= ?3 AND spent_on IS NULL AND revoked IS NULL, lifetime
         FROM tokens WHERE hash = ?1",
    )?;
    let state = query.query_row((token.as_bytes(), subject.as_str(), now.get() as i64), |row| {
        Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs)))
    });
    Ok(state.optional()?.unwrap_or_default())
}
