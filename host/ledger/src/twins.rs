//! The X.509 twins of JSON certificates.

use minipki_core::trust::Serial;
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::facts::by_serial;
use super::issuer_keys::KeyRanges;
use minipki_ca::ports::TwinFacts;

/// The facts about the certificate of each of `serials`, all in one transaction. A bad row fails one of them.
pub(super) fn facts(
    connection: &mut Connection,
    serials: &[Serial],
) -> Result<Vec<Result<Option<TwinFacts>, StoreError>>, StoreError> {
    let transaction = connection.transaction()?;
    let keys = KeyRanges::read(&transaction)?;
    let facts = |serial: &Serial| match facts_of(&transaction, &keys, *serial) {
        Err(error @ (StoreError::BadRow(_) | StoreError::Damaged(_))) => Ok(Err(error)),
        other => other.map(Ok),
    };
    serials.iter().map(facts).collect()
}

fn facts_of(
    connection: &Connection,
    keys: &KeyRanges,
    serial: Serial,
) -> Result<Option<TwinFacts>, StoreError> {
    let Some(record) = by_serial(connection, serial)? else { return Ok(None) };
    let id = i64::try_from(record.id).map_err(|_| StoreError::Damaged("row number"))?;
    let (issuer_key, twin) = (keys.key_of(Some(id))?, of_row(connection, id)?);
    Ok(Some(TwinFacts { record, issuer_key, twin }))
}

/// The twin of a certificate, if it was made.
pub(super) fn of(connection: &Connection, serial: Serial) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT twins.certificate FROM twins JOIN certificates USING (id) WHERE serial = ?1",
    )?;
    Ok(query.query_row([serial.to_be_bytes()], |row| row.get(0)).optional()?)
}

/// The twin of the certificate in row `id`.
pub(super) fn of_row(connection: &Connection, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = connection.prepare_cached("SELECT certificate FROM twins WHERE id = ?1")?;
    Ok(query.query_row([id], |row| row.get(0)).optional()?)
}

/// Records twins. The caller commits.
pub(super) fn record(connection: &Connection, twins: &[(Serial, Vec<u8>)]) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO twins (id, certificate) SELECT id, ?2 FROM certificates WHERE serial = ?1",
    )?;
    for (serial, twin) in twins {
        if insert.execute((serial.to_be_bytes(), twin))? != 1 {
            return Err(StoreError::Damaged("certificate that is gone"));
        }
    }
    Ok(())
}
