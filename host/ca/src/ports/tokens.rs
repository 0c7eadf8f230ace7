//! The port that adds and revokes tokens, also while a CA issues.

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::{LedgerError, TokenHash};

/// Adds and revokes tokens. When a method returns `Ok`, its work is on the disk, and a running CA honours it.
pub trait TokenBook: Send {
    /// Adds a token for `subject` that can be used until `expires`, inclusive, while the machine's clock shows `now`.
    ///
    /// # Errors
    /// [`LedgerError::TokenExists`] if the very same token was added before, whatever became of it;
    /// [`LedgerError::Clock`] for a clock by which `expires` may be wrong; [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`].
    fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), LedgerError>;

    /// Revokes the token of this number: from then on no proof can be made with it.
    ///
    /// # Errors
    /// [`LedgerError::TokenNotLive`] if it is unknown, spent or revoked; [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`].
    fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), LedgerError>;
}

/// One token, as a list shows it: neither its text, which the ledger does not have, nor its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The number it is spoken of by: random, and no secret.
    pub id: u64,
    /// Whom it is for.
    pub subject_id: IdBuf,
    /// Until when it can be used, inclusive.
    pub expires: UnixTime,
    /// Its state.
    pub state: TokenState,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Nothing: it can be used until it expires.
    Unused,
    /// It was spent on the certificate with this serial number.
    Spent(Serial),
    /// It was revoked at this time.
    Revoked(UnixTime),
}
