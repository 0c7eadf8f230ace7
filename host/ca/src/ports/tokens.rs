//! The port that adds and revokes tokens, also while a CA issues.

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::{LedgerError, TokenHash};

/// Adds and revokes tokens. When a method returns `Ok`, its change is on the disk, and a running CA applies it.
pub trait TokenBook: Send {
    /// Adds a token for `subject` that can be used until `expires`, inclusive. `lifetime` is the lifetime in seconds of
    /// the certificate and of its renewals; with `None` the policy decides. `now` is the machine's time.
    ///
    /// # Errors
    /// [`LedgerError::TokenExists`] if the same token was ever added; [`LedgerError::Clock`] if `now` may be wrong;
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        lifetime: Option<u64>,
        now: UnixTime,
    ) -> Result<(), LedgerError>;

    /// Revokes the token with this number. No proof can use it afterwards.
    ///
    /// # Errors
    /// [`LedgerError::TokenNotLive`] if it is unknown, spent or revoked; [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`].
    fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), LedgerError>;
}

/// A token in a list, without its hash. The ledger does not have its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// A random number, which is not secret.
    pub id: u64,
    /// The subject.
    pub subject_id: IdBuf,
    /// The last second in which it can be used.
    pub expires: UnixTime,
    /// The lifetime of its certificate in seconds; `None` if the policy decides.
    pub lifetime: Option<u64>,
    /// The state.
    pub state: TokenState,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// The token can be used until it expires.
    Unused,
    /// The token was spent on the certificate with this serial number.
    Spent(Serial),
    /// The token was revoked at this time.
    Revoked(UnixTime),
}
