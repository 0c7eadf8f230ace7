//! The port that revokes certificates, also while a CA issues.
//!
//! Each change has a number, the revocation number of the CA. A number is never used twice: not after a crash, and not
//! after the restore of an older backup, which skips a million numbers.

use miette::Diagnostic;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial};

use super::audit::cut;
use super::{AuditEntry, CertificateFormat, LedgerError};

/// Revokes certificates, puts them on hold, and removes holds.
pub trait RevocationBook: Send {
    /// Makes all `changes` at the time `now`, in their order, in one transaction. When it returns `Ok`, the changes are
    /// on the disk. An expired certificate and a certificate of any format can be revoked.
    ///
    /// | the certificate is | reason of the change | result |
    /// | --- | --- | --- |
    /// | not revoked | any but `remove_from_hold` | revoked, or on hold |
    /// | on hold | `certificate_hold` | the record of the hold, not changed |
    /// | on hold | `remove_from_hold` | not revoked |
    /// | on hold | another | revoked at `now` |
    /// | revoked, not for `key_compromise` | `key_compromise` | revoked at `now` |
    /// | revoked | another, but not `remove_from_hold` | the record of the revocation, not changed |
    /// | not revoked, or revoked | `remove_from_hold` | [`RevocationError::NotOnHold`] |
    /// | on hold | any but `certificate_hold`, by the holder | [`RevocationError::HoldByOperator`] |
    /// | not recorded | any | [`RevocationError::UnknownSerial`] |
    /// | for a key of the CA itself | any | [`RevocationError::OwnKey`] |
    ///
    /// A change that is refused or changes nothing has no number, and the other changes are made.
    ///
    /// A key that is compromised is compromised in all its certificates. So `key_compromise`, if it is not by the holder,
    /// also revokes all other JSON certificates of the same key that are not revoked yet, and those on hold:
    /// [`RevocationOutcome::same_key`].
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`]: nothing was changed.
    fn revoke(
        &mut self,
        changes: &[RevocationChange],
        now: UnixTime,
    ) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, LedgerError>;
}

/// The actor of a revocation by the holder of the certificate.
pub const HOLDER: &str = "the holder of the key";

/// A change to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationChange {
    /// The certificate.
    pub serial: Serial,
    /// The reason. [`RevocationReason::RemoveFromHold`] removes a hold.
    pub reason: RevocationReason,
    /// Whether the holder of the certificate makes the change. A holder ends no hold.
    pub by_holder: bool,
    actor: String,
}

impl RevocationChange {
    /// A change by `actor`, whose text is cut to [`AuditEntry::ACTOR`] bytes.
    pub fn new(serial: Serial, reason: RevocationReason, actor: impl Into<String>) -> Self {
        Self { serial, reason, by_holder: false, actor: cut(actor.into(), AuditEntry::ACTOR) }
    }

    /// A change by the holder of the certificate. Its actor is [`HOLDER`].
    pub fn by_holder(serial: Serial, reason: RevocationReason) -> Self {
        Self { by_holder: true, ..Self::new(serial, reason, HOLDER) }
    }

    /// The actor: a program, the address and session of a browser, or the holder of the certificate.
    pub fn actor(&self) -> &str {
        &self.actor
    }
}

/// A change that is recorded. It stays in the ledger for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRecord {
    /// The revocation number: one more than that of the change before, except after the restore of a backup.
    pub number: u64,
    /// The certificate.
    pub serial: Serial,
    /// The reason of the change.
    pub reason: RevocationReason,
    /// The time of the change.
    pub time: UnixTime,
    /// The actor.
    pub actor: String,
}

impl RevocationRecord {
    /// The revocation of the certificate after the change; `None` if the change has removed a hold.
    pub fn revocation(&self) -> Option<Revocation> {
        let revocation = Revocation { reason: self.reason, revoked_at: self.time };
        (self.reason != RevocationReason::RemoveFromHold).then_some(revocation)
    }
}

/// The result of a change that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationOutcome {
    /// The newest record of the certificate: of this change, or of the earlier one that it repeats.
    pub record: RevocationRecord,
    /// Whether this change was recorded.
    pub changed: bool,
    /// The records of the other certificates of the same key that were revoked with it, in the order of their issue.
    pub same_key: Vec<RevocationRecord>,
}

/// A change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum RevocationError {
    /// No certificate has this serial number.
    #[error("no certificate has the serial number {0}")]
    #[diagnostic(help("find the serial number with `minipki ca list`"))]
    UnknownSerial(Serial),
    /// The certificate is for a key of the CA itself. Such a revocation would stop the CA, and no reader would learn of it.
    #[error("certificate {0} is for a key of the CA itself, and the CA cannot revoke it")]
    #[diagnostic(help(
        "change the key: `minipki ca rollover`; if the key was stolen, have readers remove its certificate"
    ))]
    OwnKey(Serial),
    /// A hold cannot be removed, since there is none. A certificate that is revoked for another reason stays revoked.
    #[error("certificate {0} is not on hold")]
    #[diagnostic(help("see its state with `minipki ca list`"))]
    NotOnHold(Serial),
    /// The holder cannot end a hold, also not with a revocation.
    #[error("certificate {0} is on hold, and only an operator ends a hold")]
    #[diagnostic(help("end the hold as an operator: `minipki ca unhold` or `minipki ca revoke`"))]
    HoldByOperator(Serial),
}

/// A certificate that is revoked or on hold, in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// The serial number.
    pub serial: Serial,
    /// The format of the certificate.
    pub format: CertificateFormat,
    /// The end of its validity.
    pub not_after: UnixTime,
    /// The revocation.
    pub revocation: Revocation,
}

/// A part of the list of revoked certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedPage {
    /// The revocation number of the CA at the moment of the reading.
    pub number: u64,
    /// The certificates, in ascending order of their serial numbers.
    pub revoked: Vec<RevokedCertificate>,
}
