//! The ports of the CA: a signer, and storage.
//!
//! Storage is several small traits. Each is what one kind of user needs, and no more:
//!
//! - [`Ledger`]: the authority issues through it; a CA has one at a time.
//! - [`LedgerReader`]: pages and commands look up and list with it, while another process issues.
//! - [`TokenBook`]: an operator adds and revokes tokens with it.
//! - [`AuditLog`]: acts of operators are recorded with it.
//!
//! [`Storage`] opens the last three. An engine implements all of them, and passes the conformance suite in
//! `host/ledger/tests/conformance`. Opening one of them never changes how an engine stores its data: that is a step of
//! the start of a CA.

use std::error::Error;

use minipki_core::cert::IdBuf;
use minipki_core::trust::Serial;

mod audit;
mod ledger;
mod reader;
mod search;
mod signer;
mod tokens;

pub use audit::{AUDIT_KEPT, AuditEntry, AuditLog, AuditRecord};
pub use ledger::{Inquiry, Ledger, LedgerFacts, NewCertificate};
pub use reader::{BadRow, CertificateFormat, CertificateRecord, LedgerCounts, LedgerReader, Page};
pub use search::{Cursor, Found, Order, PagePlace, Search, SortValue};
pub use signer::{SignError, Signature, Signer};
pub use tokens::{TokenBook, TokenRecord, TokenState};

pub use super::token::TokenHash;

/// Opens the ports of one CA's storage, for those who do not issue.
pub trait Storage: Send + Sync {
    /// Opens the storage to read. Nothing is changed, and no writer waits.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn reader(&self) -> Result<Box<dyn LedgerReader>, LedgerError>;

    /// Opens the storage to add and revoke tokens, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn tokens(&self) -> Result<Box<dyn TokenBook>, LedgerError>;

    /// Opens the storage to append to the audit log, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError>;
}

/// A ledger refused or failed. The text is for the operator, never for a client.
///
/// The last four carry the engine's own error. Its text is the whole text: what was seen, then what to do.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A serial number that was not reserved, or is recorded already.
    #[error(
        "serial number {0} is not among the reserved ones: only serials from `reserve` can be recorded, once"
    )]
    NotReserved(Serial),
    /// A token that was live when the batch was judged and is not any more.
    #[error("a token of {0} was spent, withdrawn or expired while its certificate was being signed")]
    TokenSpent(IdBuf),
    /// A token that is in the ledger already.
    #[error("this token is in the ledger already; draw another")]
    TokenExists,
    /// A token that cannot be revoked.
    #[error("this token is unknown, spent or revoked already; load the list again")]
    TokenNotLive,
    /// A search that fits no index.
    #[error("the search took too long and was given up; narrow it, or sort by the order of issue")]
    TooSlow,
    /// The machine's clock is behind the newest time in the ledger, or was never set.
    #[error("{0}")]
    Clock(#[source] Box<dyn Error + Send + Sync>),
    /// A row was changed from outside. Only requests that need this row are concerned.
    #[error("{0}")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The storage below cannot be used at the moment: it is locked by another process, or full. It heals by waiting.
    #[error("{0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The storage below failed, or is not what it should be.
    #[error("{0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
