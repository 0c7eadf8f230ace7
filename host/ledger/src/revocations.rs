//! Queries about revocations: statuses, the history, and the list of revoked certificates.

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Serial};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::StoreError;
use super::issuer_keys::KeyRanges;
use super::rows::{format, reason_of, revocation, serial};
use minipki_ca::ports::{LedgerError, RevocationRecord, RevokedCertificate, RevokedPage, StatedStatus};

/// The numbers that are skipped where the last used number is unknown, because an older copy of the ledger is used.
pub(super) const SKIPPED: i64 = 1_000_000;

/// The newest revocation number.
pub(super) fn number(connection: &Connection) -> Result<u64, StoreError> {
    let mut query = connection.prepare_cached("SELECT revocation_number FROM instance")?;
    Ok(query.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Skips [`SKIPPED`] revocation numbers.
pub(super) fn skip(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE instance SET revocation_number = revocation_number + ?1", [SKIPPED])?;
    Ok(())
}

/// See [`minipki_ca::ports::Ledger::statuses`]. The inner errors are damaged rows.
pub(super) fn statuses(
    connection: &mut Connection,
    serials: &[Serial],
) -> Result<(u64, Vec<Result<StatedStatus, StoreError>>), StoreError> {
    let transaction = connection.transaction()?;
    let number = number(&transaction)?;
    if serials.is_empty() {
        return Ok((number, Vec::new()));
    }
    let keys = KeyRanges::read(&transaction)?;
    let mut query = transaction.prepare_cached(
        "SELECT reason, revoked_at, certificates.id FROM certificates LEFT JOIN revoked USING (id)
         WHERE certificates.serial = ?1",
    )?;
    let mut status = |serial: &Serial| -> Result<StatedStatus, StoreError> {
        let read = |row: &Row<'_>| Ok((row.get(2)?, revocation(row, 0)));
        let (id, status) = match query.query_row([serial.to_be_bytes()], read).optional()? {
            None => (None, CertStatus::Unknown),
            Some((id, revocation)) => (Some(id), revocation?.map_or(CertStatus::Good, CertStatus::Revoked)),
        };
        Ok(StatedStatus { status, issuer_key: keys.key_of(id)? })
    };
    let each = serials.iter().map(|serial| match status(serial) {
        Err(error @ StoreError::Damaged(_)) => Ok(Err(error)),
        other => other.map(Ok),
    });
    Ok((number, each.collect::<Result<_, _>>()?))
}

/// See [`minipki_ca::ports::LedgerReader::revocation_history`].
pub(super) fn history(connection: &Connection, serial: Serial) -> Result<Vec<RevocationRecord>, StoreError> {
    records(connection, "WHERE serial = ?1 ORDER BY number", [serial.to_be_bytes()])
}

/// The change with this number.
pub(super) fn by_number(connection: &Connection, number: i64) -> Result<RevocationRecord, StoreError> {
    let mut records = records(connection, "WHERE number = ?1", [number])?;
    records.pop().ok_or(StoreError::Damaged("revocation without its record"))
}

fn records(
    connection: &Connection,
    condition: &str,
    parameters: impl Params,
) -> Result<Vec<RevocationRecord>, StoreError> {
    let sql = format!(
        "SELECT number, serial, reason, time, actor
         FROM revocations JOIN certificates ON id = revocations.certificate {condition}"
    );
    let mut query = connection.prepare_cached(&sql)?;
    let mut rows = query.query(parameters)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(parse(row)?);
    }
    Ok(records)
}

fn parse(row: &Row<'_>) -> Result<RevocationRecord, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("record of a revocation");
    Ok(RevocationRecord {
        number: u64::try_from(row.get::<_, i64>(0)?).map_err(|_| DAMAGED)?,
        serial: serial(row, 1).ok_or(DAMAGED)?,
        reason: reason_of(row.get(2)?)?,
        time: time(row, 3).ok_or(DAMAGED)?,
        actor: row.get(4)?,
    })
}

fn time(row: &Row<'_>, column: usize) -> Option<UnixTime> {
    UnixTime::new(row.get::<_, i64>(column).ok()?.try_into().ok()?).ok()
}

/// See [`minipki_ca::ports::LedgerReader::list_revoked`]. The inner error is the refusal of the key.
pub(super) fn list(
    connection: &mut Connection,
    issuer_key: Option<Fingerprint>,
    after: Option<Serial>,
    limit: usize,
) -> Result<Result<RevokedPage, LedgerError>, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("revocation");
    let transaction = connection.transaction()?;
    let number = number(&transaction)?;
    let certificates = match issuer_key {
        None => i64::MIN..i64::MAX,
        Some(key) => match KeyRanges::read(&transaction)?.rows_of(key) {
            Some(rows) => rows,
            None => return Ok(Err(LedgerError::UnknownKey(key))),
        },
    };
    // The index of the serial numbers has all columns and the order.
    let mut query = transaction.prepare_cached(
        "SELECT serial, format, not_after, reason, revoked_at FROM revoked
         WHERE serial > ?1 AND +id >= ?3 AND +id < ?4 ORDER BY serial LIMIT ?2",
    )?;
    let after = after.map_or([0; Serial::OCTETS], Serial::to_be_bytes);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = query.query((after, limit, certificates.start, certificates.end))?;
    let mut revoked = Vec::new();
    while let Some(row) = rows.next()? {
        revoked.push(RevokedCertificate {
            serial: serial(row, 0).ok_or(DAMAGED)?,
            format: format(row, 1)?,
            not_after: time(row, 2).ok_or(DAMAGED)?,
            revocation: revocation(row, 3)?.ok_or(DAMAGED)?,
        });
    }
    Ok(Ok(RevokedPage { number, revoked }))
}
