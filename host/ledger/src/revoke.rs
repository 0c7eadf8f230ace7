//! Changes of revocations: each is recorded for good, and changes the state of its certificate in the same transaction.

use minipki_core::crypto::{Hash as _, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::issuer_keys::KeyRanges;
use super::revocations;
use super::rows::reason_of;
use minipki_ca::ports::{RevocationChange, RevocationError, RevocationOutcome, RevocationRecord};

/// Whether the certificate with this serial number is recorded, and neither revoked nor on hold.
pub(super) fn is_unrevoked(connection: &Connection, serial: Serial) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT 1 FROM certificates
         WHERE serial = ?1 AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = certificates.id)",
    )?;
    Ok(query.exists([serial.to_be_bytes()])?)
}

/// See [`minipki_ca::ports::RevocationBook::revoke`]. The caller commits.
pub(super) fn revoke_all(
    connection: &Connection,
    changes: &[RevocationChange],
    now: UnixTime,
) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, StoreError> {
    changes.iter().map(|change| revoke(connection, change, now)).collect()
}

fn revoke(
    connection: &Connection,
    change: &RevocationChange,
    now: UnixTime,
) -> Result<Result<RevocationOutcome, RevocationError>, StoreError> {
    use RevocationReason::{CertificateHold, KeyCompromise, RemoveFromHold};
    let serial = change.serial;
    let mut query = connection.prepare_cached(
        "SELECT certificates.id, number, reason, certificates.subject_key
         FROM certificates LEFT JOIN revoked USING (id) WHERE certificates.serial = ?1",
    )?;
    let found = query.query_row([serial.to_be_bytes()], |row| {
        let key: Vec<u8> = row.get(3)?;
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, Fingerprint(Portable::new().sha256(&[&key]))))
    });
    let found: Option<(i64, Option<i64>, Option<i64>, Fingerprint)> = found.optional()?;
    let Some((id, number, reason, subject_key)) = found else {
        return Ok(Err(RevocationError::UnknownSerial(serial)));
    };
    if KeyRanges::read(connection)?.has(&subject_key) {
        return Ok(Err(RevocationError::OwnKey(serial)));
    }
    let present = number.zip(reason.map(reason_of).transpose()?);
    let (number, changed) = match (present, change.reason) {
        (Some((_, CertificateHold)), reason) if change.by_holder && reason != CertificateHold => {
            return Ok(Err(RevocationError::HoldByOperator(serial)));
        }
        (Some((_, CertificateHold)), RemoveFromHold) => {
            connection.prepare_cached("DELETE FROM revoked WHERE id = ?1")?.execute([id])?;
            (record(connection, id, change, now)?, true)
        }
        (_, RemoveFromHold) => return Ok(Err(RevocationError::NotOnHold(serial))),
        (Some((number, present)), reason) if present == reason => (number, false),
        (None | Some((_, CertificateHold)), _) | (_, KeyCompromise) => {
            (set(connection, id, change, now)?, true)
        }
        (Some((number, _)), _) => (number, false),
    };
    let same_key = match change.reason {
        KeyCompromise if !change.by_holder => revoke_same_key(connection, id, change, now)?,
        _ => Vec::new(),
    };
    let record = revocations::by_number(connection, number)?;
    Ok(Ok(RevocationOutcome { record, changed, same_key }))
}

/// Revokes the other JSON certificates for the key of row `id` that are not revoked or on hold. The reason 6 is a hold.
fn revoke_same_key(
    connection: &Connection,
    id: i64,
    change: &RevocationChange,
    now: UnixTime,
) -> Result<Vec<RevocationRecord>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM certificates
         WHERE subject_key = (SELECT subject_key FROM certificates WHERE id = ?1) AND format = 0 AND id <> ?1
             AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = certificates.id AND reason <> 6)
         ORDER BY id",
    )?;
    let others = query.query_map([id], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let mut records = Vec::with_capacity(others.len());
    for other in others {
        let number = set(connection, other, change, now)?;
        records.push(revocations::by_number(connection, number)?);
    }
    Ok(records)
}

/// Records a change and makes it the state of the certificate in row `id`. Returns its number.
fn set(
    connection: &Connection,
    id: i64,
    change: &RevocationChange,
    now: UnixTime,
) -> Result<i64, StoreError> {
    let number = record(connection, id, change, now)?;
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO revoked
             (id, serial, subject_key, format, not_after, number, reason, revoked_at)
         SELECT id, serial, subject_key, format, not_after, ?2, ?3, ?4 FROM certificates WHERE id = ?1",
    )?;
    insert.execute((id, number, change.reason.code(), now.get() as i64))?;
    Ok(number)
}

/// Records a change of the certificate in row `id`. Returns its number.
fn record(
    connection: &Connection,
    id: i64,
    change: &RevocationChange,
    now: UnixTime,
) -> Result<i64, StoreError> {
    let number: i64 = connection
        .prepare_cached(
            "UPDATE instance SET revocation_number = revocation_number + 1 RETURNING revocation_number",
        )?
        .query_row([], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO revocations (number, certificate, reason, time, actor) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((number, id, change.reason.code(), now.get() as i64, change.actor()))?;
    Ok(number)
}
