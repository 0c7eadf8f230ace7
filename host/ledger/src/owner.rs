//! The check that a ledger belongs to a CA and its present key.

use std::path::Path;

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use rusqlite::Connection;

use super::identity::owner;
use super::{Owner, StoreError, issuer_keys, schema};
use minipki_ca::ports::IssuerKey;

/// Checks that the ledger belongs to the CA `expected`, and that this is its present key.
pub(super) fn check_owner(connection: &Connection, path: &Path, expected: &Owner) -> Result<(), StoreError> {
    let found = owner(connection)?;
    if found == *expected {
        return Ok(());
    }
    let former = expected.fingerprint;
    if found.issuer_id == expected.issuer_id && has_key(connection, former)? {
        return Err(StoreError::FormerKey { path: path.to_owned(), present: found.fingerprint, former });
    }
    Err(StoreError::Foreign {
        path: path.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

/// Whether the ledger has `key`.
fn has_key(connection: &Connection, key: Fingerprint) -> Result<bool, StoreError> {
    Ok(keys(connection, schema::of(connection)?)?.iter().any(|known| known.fingerprint == key))
}

/// The keys of the CA in a ledger with this schema, the oldest first. Before schema 6 a ledger has one key.
pub(super) fn keys(connection: &Connection, found: i32) -> Result<Vec<IssuerKey>, StoreError> {
    if found >= schema::ISSUER_KEYS {
        return issuer_keys::all(connection);
    }
    let fingerprint = owner(connection)?.fingerprint;
    Ok(vec![IssuerKey { fingerprint, not_before: UnixTime::MIN, update: None }])
}
