//! The port of the audit log: acts of operators and the life of the CA, as the ledger keeps them.

use minipki_core::time::UnixTime;

use super::LedgerError;

/// How many entries an audit log keeps: the newest.
pub const AUDIT_KEPT: u64 = 100_000;

/// One entry to be appended. Its texts have bounded lengths, so a log of [`AUDIT_KEPT`] entries has a bounded size.
///
/// An entry is made for an act of an operator or for an event in the life of the CA, such as a key that is made, a server
/// that is started or a token that is revoked. No entry is made for a request of a client: clients could push the others
/// out of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    time: UnixTime,
    actor: String,
    action: String,
    details: String,
}

impl AuditEntry {
    /// Bytes of an actor's text, at most.
    pub const ACTOR: usize = 128;

    /// Bytes of an action's text, at most.
    pub const ACTION: usize = 128;

    /// Bytes of the details, at most.
    pub const DETAILS: usize = 512;

    /// An entry: `actor` has done `action` at `time`. A text that is too long is cut.
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

    /// The one who acted: a program or a browser's address and session.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The act.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// More about the act. Empty where there is nothing to say.
    pub fn details(&self) -> &str {
        &self.details
    }
}

/// At most `most` bytes of `text`, whole characters.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 in the order of the entries. Numbers are not used again.
    pub id: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Appends to the audit log.
pub trait AuditLog: Send {
    /// Appends `entry`, and drops the oldest ones beyond [`AUDIT_KEPT`]. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`]; then nothing was appended.
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
