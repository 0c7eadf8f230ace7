//! The X.509 certificates of the CA's keys that others have signed.

use minipki_core::keys::Fingerprint;
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use minipki_ca::ports::KeyChain;

/// See [`minipki_ca::ports::Recorder::chain`].
pub(super) fn of(connection: &Connection, key: Fingerprint) -> Result<KeyChain, StoreError> {
    let mut query = connection.prepare_cached("SELECT certificates FROM chains WHERE fingerprint = ?1")?;
    let found: Option<Option<Vec<u8>>> = query.query_row([key.0], |row| row.get(0)).optional()?;
    Ok(match found {
        None => KeyChain::Own,
        Some(None) => KeyChain::Awaited,
        Some(Some(chain)) => KeyChain::Installed(chain),
    })
}

/// All installed chains, in any order.
pub(super) fn all(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut query = connection.prepare("SELECT certificates FROM chains WHERE certificates IS NOT NULL")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Records the chain of a key, in place of an earlier one; `None` to wait for it. A chain never goes away.
pub(super) fn set(connection: &Connection, key: Fingerprint, chain: Option<&[u8]>) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO chains (fingerprint, certificates) VALUES (?1, ?2)
         ON CONFLICT (fingerprint) DO UPDATE SET certificates = coalesce(excluded.certificates, certificates)",
    )?;
    insert.execute((key.0, chain))?;
    Ok(())
}
