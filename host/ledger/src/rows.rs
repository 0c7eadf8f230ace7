//! The conversion of a row of the table `certificates` to a record, and its errors.

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial, Validity};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use super::StoreError;
use minipki_ca::ports::{BadRow, CertificateFormat, CertificateRecord, LedgerError};

/// A query for the columns of a [`CertificateRecord`], in the order of [`parse`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, serial, subject_id, subject_key, not_before, not_after, format, certificate, issued, renews, \
                 lifetime, reason, revoked_at \
             FROM certificates LEFT JOIN issued USING (id) \
             LEFT JOIN (SELECT id AS revoked_id, reason, revoked_at FROM revoked) ON revoked_id = id ",
            $rest
        )
    };
}

pub(super) use select;

/// Adds all rows of a query to `into`.
pub(super) fn each(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    into: &mut Vec<Result<CertificateRecord, BadRow>>,
) -> Result<(), StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(parameters)?;
    while let Some(row) = rows.next()? {
        into.push(parse(row).map_err(|error| bad_row(row, &error)));
    }
    Ok(())
}

/// The records of a query. Fails at the first bad row.
pub(super) fn records(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<CertificateRecord>, StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(parameters)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(parse(row)?);
    }
    Ok(records)
}

/// The report of `error` about `row`. The first two columns are the row number and the serial number.
pub(super) fn bad_row(row: &Row<'_>, error: &StoreError) -> BadRow {
    let id = row.get::<_, i64>(0).map_or(0, i64::unsigned_abs);
    let what = if let StoreError::Damaged(what) = error { what } else { "row that cannot be read" };
    BadRow { id, serial: serial(row, 1), what }
}

/// The record of a row of [`select`].
pub(super) fn parse(row: &Row<'_>) -> Result<CertificateRecord, StoreError> {
    let damaged = StoreError::Damaged;
    let number = |column, what| {
        row.get::<_, i64>(column).ok().and_then(|n| u64::try_from(n).ok()).ok_or(damaged(what))
    };
    let time = |column| UnixTime::new(number(column, "time")?).map_err(|_| damaged("time"));
    let is_some = |column| Ok::<_, StoreError>(row.get_ref(column)? != ValueRef::Null);
    let format = format(row, 6)?;
    let certificate = match format {
        CertificateFormat::Json => row.get_ref(7)?.as_str().map(str::as_bytes),
        CertificateFormat::X509 => row.get_ref(7)?.as_blob(),
    };
    Ok(CertificateRecord {
        id: number(0, "row number")?,
        serial: serial(row, 1).ok_or(damaged("serial number"))?,
        subject_id: Id::new(row.get_ref(2)?.as_str().map_err(|_| damaged("subject"))?)
            .map(IdBuf::from)
            .map_err(|_| damaged("subject"))?,
        subject_key: subject_key(row, 3, format)?,
        validity: Validity::new(time(4)?, time(5)?).map_err(|_| damaged("validity"))?,
        format,
        certificate: certificate.map_err(|_| damaged("certificate"))?.to_vec(),
        issued: is_some(8)?.then(|| time(8)).transpose()?,
        renews: is_some(9)?.then(|| serial(row, 9).ok_or(damaged("renewed serial number"))).transpose()?,
        lifetime: is_some(10)?.then(|| number(10, "lifetime")).transpose()?,
        revocation: revocation(row, 11)?,
    })
}

/// The revocation in two columns, its reason and its time. `None` if the reason is NULL.
pub(super) fn revocation(row: &Row<'_>, column: usize) -> Result<Option<Revocation>, StoreError> {
    let Some(reason) = row.get::<_, Option<i64>>(column)? else { return Ok(None) };
    let time = row.get::<_, i64>(column + 1).ok().and_then(|time| UnixTime::new(time.try_into().ok()?).ok());
    match (reason_of(reason)?, time) {
        (RevocationReason::RemoveFromHold, _) | (_, None) => Err(StoreError::Damaged("revocation")),
        (reason, Some(revoked_at)) => Ok(Some(Revocation { reason, revoked_at })),
    }
}

/// The reason with this code.
pub(super) fn reason_of(code: i64) -> Result<RevocationReason, StoreError> {
    let reason = u8::try_from(code).ok().and_then(RevocationReason::from_code);
    reason.ok_or(StoreError::Damaged("reason of a revocation"))
}

/// The serial number in a column, if it is valid.
pub(super) fn serial(row: &Row<'_>, column: usize) -> Option<Serial> {
    Serial::from_be_bytes(&row.get::<_, [u8; Serial::OCTETS]>(column).ok()?).ok()
}

pub(super) fn format(row: &Row<'_>, column: usize) -> Result<CertificateFormat, StoreError> {
    match row.get(column) {
        Ok(0) => Ok(CertificateFormat::Json),
        Ok(1) => Ok(CertificateFormat::X509),
        _ => Err(StoreError::Damaged("format")),
    }
}

/// The public key in a column, for a certificate of this format.
pub(super) fn subject_key(
    row: &Row<'_>,
    column: usize,
    format: CertificateFormat,
) -> Result<Vec<u8>, StoreError> {
    let key: Vec<u8> = row.get(column).map_err(|_| StoreError::Damaged("public key"))?;
    match format {
        CertificateFormat::Json if key.len() != 32 => Err(StoreError::Damaged("public key")),
        _ => Ok(key),
    }
}

/// The error of a call that reads rows. A damaged row fails only the calls that need it.
pub(super) fn row_error(connection: &Connection, error: StoreError) -> LedgerError {
    let is_row = matches!(error, StoreError::Damaged(_));
    let error = error.in_ledger(connection);
    if is_row { LedgerError::Damaged(error.into()) } else { error.into() }
}
