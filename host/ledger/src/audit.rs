//! The audit log in the ledger.

use std::path::Path;

use minipki_core::time::UnixTime;
use rusqlite::{Connection, TransactionBehavior};

use super::{Owner, StoreError, open};
use minipki_ca::ports::{AUDIT_KEPT, AuditEntry, AuditLog, AuditRecord, LedgerError};

/// Appends to the audit log, also while a server issues from the ledger.
pub struct SqliteAudit(Connection);

impl SqliteAudit {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a missing ledger, another CA, another schema, or permissions for other users.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        open::open_to_write(folder, owner).map(Self)
    }
}

impl AuditLog for SqliteAudit {
    fn append(&mut self, entry: &AuditEntry) -> Result<(), LedgerError> {
        Ok(append(&mut self.0, entry).map_err(|e| e.in_ledger(&self.0))?)
    }
}

fn append(connection: &mut Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached("INSERT INTO audit (time, actor, action, details) VALUES (?1, ?2, ?3, ?4)")?
        .execute((entry.time().get() as i64, entry.actor(), entry.action(), entry.details()))?;
    let last_removed = transaction.last_insert_rowid().saturating_sub(AUDIT_KEPT as i64);
    transaction.prepare_cached("DELETE FROM audit WHERE id <= ?1")?.execute([last_removed])?;
    Ok(transaction.commit()?)
}

/// See [`minipki_ca::ports::LedgerReader::list_audit`].
pub(super) fn list(
    connection: &Connection,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditRecord>, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("entry of the audit log");
    let bound = |number: Option<u64>| number.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(
        "SELECT id, time, actor, action, details FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = query.query([bound(before), bound(u64::try_from(limit).ok())])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let number = |column| u64::try_from(row.get::<_, i64>(column)?).map_err(|_| DAMAGED);
        let text = |column| row.get::<_, String>(column).map_err(|_| DAMAGED);
        let time = UnixTime::new(number(1)?).map_err(|_| DAMAGED)?;
        let entry = AuditEntry::new(time, text(2)?, text(3)?, text(4)?);
        records.push(AuditRecord { id: number(0)?, entry });
    }
    Ok(records)
}
