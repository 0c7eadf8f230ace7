//! The ports of the CA: a signer, and storage.
//!
//! Storage is several small traits, one for each kind of user:
//!
//! - [`Ledger`]: the authority issues with it. A CA has one at a time.
//! - [`Recorder`]: the part that records certificates. The CA's own servers use it.
//! - [`RevocationBook`]: the part that revokes certificates. An operator uses it beside a CA that issues.
//! - [`LedgerReader`]: pages and commands read with it, while another process issues.
//! - [`TokenBook`]: an operator adds and revokes tokens with it.
//! - [`AuditLog`]: the acts of operators are recorded with it.
//!
//! [`Storage`] opens all but the first. An engine implements all of them and passes the conformance suite in
//! `host/ledger/tests/conformance`. Only the start of a CA changes the schema of a ledger.

use miette::Diagnostic;
use minipki_core::cert::IdBuf;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

mod audit;
mod issuer_keys;
mod ledger;
mod reader;
mod revocation;
mod search;
mod signer;
mod state;
mod tokens;

pub use audit::{AUDIT_KEPT, AuditEntry, AuditLog, AuditRecord};
pub use issuer_keys::{IssuerKey, IssuerKeyUse, StatedStatus};
pub use ledger::{
    AnsweredRequest, Inquiry, KeyChain, Ledger, LedgerFacts, NewCertificate, RENEWAL, Recorder, RequestFacts,
    RequestHash, TwinFacts,
};
pub use reader::{BadRow, CertificateFormat, CertificateRecord, LedgerCounts, LedgerReader, Page};
pub use revocation::{
    HOLDER, RevocationBook, RevocationChange, RevocationError, RevocationOutcome, RevocationRecord,
    RevokedCertificate, RevokedPage,
};
pub use search::{Cursor, Found, Order, PagePlace, Search, SortValue};
pub use signer::{SignError, Signature, SignatureAlgorithm, Signer};
pub use state::{CertificateState, StateFilter};
pub use tokens::{TokenBook, TokenRecord, TokenState};

use super::{NeedsUrl, PublicUrl};

pub use super::token::TokenHash;

/// Opens the ports of one CA's storage, except [`Ledger`].
pub trait Storage: Send + Sync {
    /// Opens the storage to read. This changes nothing and delays no writer.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn reader(&self) -> Result<Box<dyn LedgerReader>, LedgerError>;

    /// Opens the storage to add and revoke tokens, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn tokens(&self) -> Result<Box<dyn TokenBook>, LedgerError>;

    /// Opens the storage at the time `now` to record certificates of the CA's own servers, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Clock`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn recorder(&self, now: UnixTime) -> Result<Box<dyn Recorder>, LedgerError>;

    /// Opens the storage at the time `now` to revoke certificates, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Clock`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn revocations(&self, now: UnixTime) -> Result<Box<dyn RevocationBook>, LedgerError>;

    /// Opens the storage to append to the audit log, also while a CA issues.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError>;

    /// Makes `url` the public URL that new certificates name, also while a CA issues. The earlier one is in
    /// [`Publication::former`](crate::Publication::former) then.
    ///
    /// # Errors
    /// [`LedgerError::NeedsUrl`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`]: nothing was changed.
    fn set_public_url(&self, url: Option<&PublicUrl>) -> Result<(), LedgerError>;
}

/// A ledger refused or failed. The text is for the operator, never for a client. The last four variants contain the
/// error of the engine, with its text and advice.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LedgerError {
    /// The serial number was not reserved, or is recorded already.
    #[error("serial number {0} is not reserved, or is recorded already")]
    NotReserved(Serial),
    /// A token was live at the decision, and is not live at the commit.
    #[error("a token of {0} was spent, revoked or expired while its certificate was signed")]
    TokenSpent(IdBuf),
    /// The certificate to renew was not revoked at the decision, and is revoked, on hold or unknown at the commit.
    #[error("certificate {0} was revoked while its renewal was signed")]
    Revoked(Serial),
    /// The name had no certificate on hold at the decision, and has one at the commit.
    #[error("a certificate of {0} was put on hold while another one was signed")]
    NameHeld(IdBuf),
    /// The key, or the key of the certificate to renew, was not compromised at the decision, and is at the commit.
    #[error("the key of {0} was revoked as compromised while its certificate was signed")]
    KeyCompromised(IdBuf),
    /// Another certificate for the same request was recorded after the decision.
    #[error("another certificate of {0} for the same request was recorded while this one was signed")]
    #[diagnostic(help("try again: the same request gets that certificate"))]
    AnsweredMeanwhile(IdBuf),
    /// The CA has this key, or had it before.
    #[error("the CA has the key {0} already, or had it before")]
    #[diagnostic(help("make another key"))]
    KeyKnown(Fingerprint),
    /// A key that follows another one has no signed update.
    #[error("the new key {0} has no update that the key before it has signed")]
    #[diagnostic(help("sign an update with the CA's present key first"))]
    NoUpdate(Fingerprint),
    /// The CA never had this key.
    #[error("the ledger names no key {0} of the CA")]
    #[diagnostic(help("use a key of this CA"))]
    UnknownKey(Fingerprint),
    /// Several lists without a public URL.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NeedsUrl(#[from] NeedsUrl),
    /// The token is in the ledger already.
    #[error("this token is in the ledger already")]
    #[diagnostic(help("draw another"))]
    TokenExists,
    /// The token cannot be revoked.
    #[error("this token is unknown, spent or revoked already")]
    #[diagnostic(help("load the list again"))]
    TokenNotLive,
    /// The search fits no index.
    #[error("the search took too long and was stopped")]
    #[diagnostic(help("narrow it, or sort by the order of issue"))]
    TooSlow,
    /// The machine's clock is behind the newest time in the ledger, or was never set.
    #[error("{0}")]
    #[diagnostic(transparent)]
    Clock(#[source] Box<dyn Diagnostic + Send + Sync>),
    /// Another program changed a row. Only requests that need this row fail.
    #[error("{0}")]
    #[diagnostic(transparent)]
    Damaged(#[source] Box<dyn Diagnostic + Send + Sync>),
    /// The storage is locked by another process, or full. A later try can succeed.
    #[error("{0}")]
    #[diagnostic(transparent)]
    Unavailable(#[source] Box<dyn Diagnostic + Send + Sync>),
    /// The storage failed, or has unexpected content.
    #[error("{0}")]
    #[diagnostic(transparent)]
    Failed(#[source] Box<dyn Diagnostic + Send + Sync>),
}
