//! The port of the audit log: the acts of operators and the events in the life of the CA.

use minipki_core::time::UnixTime;

use super::LedgerError;

/// The number of entries that an audit log keeps: the newest.
pub const AUDIT_KEPT: u64 = 100_000;

/// An entry to append. Its texts have bounded lengths, so the log has a bounded size.
///
/// An entry is about an act of an operator or an event in the life of the CA, for example a new key or a revoked token.
/// Requests of clients have no entries: clients could push the others out of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    time: UnixTime,
    actor: String,
    action: String,
    details: String,
}

impl AuditEntry {
    /// The maximum bytes of an actor's text.
    pub const ACTOR: usize = 128;

    /// The maximum bytes of an action's text.
    pub const ACTION: usize = 128;

    /// The maximum bytes of the details.
    pub const DETAILS: usize = 512;

    /// An entry: `actor` did `action` at `time`. A text that is too long is cut.
    pub fn new(
        time: UnixTime,
        actor: impl Into<String>,
        action: impl Into<String>,
        details: impl Into<String>,
    ) -> Self {
        Self {
            time,
            actor: cut(actor.into(), Self::ACTOR),
            action: cut(action.into(), Self::ACTION),
            details: cut(details.into(), Self::DETAILS),
        }
    }

    /// The time of the act.
    pub const fn time(&self) -> UnixTime {
        self.time
    }

    /// The actor: a program, or the address and session of a browser.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The act.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Details of the act, or an empty text.
    pub fn details(&self) -> &str {
        &self.details
    }
}

/// At most `most` bytes of `text`, whole characters.
pub(super) fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The number, from 1 in the order of the entries. No number is used twice.
    pub id: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Appends to the audit log.
pub trait AuditLog: Send {
    /// Appends `entry` durably, and drops the oldest entries beyond [`AUDIT_KEPT`].
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`]: nothing was appended.
    fn append(&mut self, entry: &AuditEntry) -> Result<(), LedgerError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let long = "é".repeat(AuditEntry::DETAILS);
        let entry = AuditEntry::new(UnixTime::MIN, "console", "make a token", format!("x{long}"));
        assert_eq!(entry.details().len(), AuditEntry::DETAILS - 1);
        assert_eq!((entry.actor(), entry.action()), ("console", "make a token"));
    }
}
