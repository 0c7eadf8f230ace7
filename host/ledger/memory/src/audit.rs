//! The audit log.

use minipki_ca::ports::{AUDIT_KEPT, AuditEntry, AuditLog, LedgerError};

use super::MemoryStorage;

impl AuditLog for MemoryStorage {
    fn append(&mut self, entry: &AuditEntry) -> Result<(), LedgerError> {
        let mut state = self.state();
        let id = state.audit.last_key_value().map_or(1, |(id, _)| id + 1);
        state.audit.insert(id, entry.clone());
        if id > AUDIT_KEPT {
            state.audit.remove(&(id - AUDIT_KEPT));
        }
        Ok(())
    }
}
