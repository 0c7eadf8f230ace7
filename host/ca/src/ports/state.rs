//! The state of a certificate at a time, for people and for searches.

use std::fmt;
use std::str::FromStr;

use minipki_core::time::UnixTime;
use minipki_core::trust::RevocationReason;

use super::CertificateRecord;

/// The state of a certificate at a time. Each certificate has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateState {
    /// The validity has not begun.
    NotYetValid,
    /// The certificate is valid, and its end is not near.
    Valid,
    /// The certificate is valid, and its end is near.
    Expiring,
    /// The validity has ended.
    Expired,
    /// The certificate is on hold. Its validity does not matter.
    Held,
    /// The certificate is revoked and not on hold. Its validity does not matter.
    Revoked,
}

impl CertificateState {
    /// All states, in the order of a certificate's life.
    pub const ALL: [Self; 6] =
        [Self::NotYetValid, Self::Valid, Self::Expiring, Self::Expired, Self::Held, Self::Revoked];

    /// The name of the state in lists and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotYetValid => "not-yet-valid",
            Self::Valid => "valid",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::Held => "held",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for CertificateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CertificateState {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or(())
    }
}

impl CertificateRecord {
    /// The state at `now`. A valid certificate is [`CertificateState::Expiring`] if it ends in less than
    /// `expiring_within` seconds; with 0, none is.
    pub fn state(&self, now: UnixTime, expiring_within: u64) -> CertificateState {
        let (begin, end) = (self.validity.not_before(), self.validity.not_after());
        match self.revocation.map(|revocation| revocation.reason) {
            Some(RevocationReason::CertificateHold) => CertificateState::Held,
            Some(_) => CertificateState::Revoked,
            None if end < now => CertificateState::Expired,
            None if begin > now => CertificateState::NotYetValid,
            None if end.get() < now.get().saturating_add(expiring_within) => CertificateState::Expiring,
            None => CertificateState::Valid,
        }
    }
}

/// A filter of a search: only certificates in this state. See [`CertificateRecord::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFilter {
    /// The state.
    pub state: CertificateState,
    /// The time of the state.
    pub now: UnixTime,
    /// The seconds before the end of a certificate in which it is [`CertificateState::Expiring`].
    pub expiring_within: u64,
}

impl StateFilter {
    /// Whether `record` passes.
    pub fn passes(&self, record: &CertificateRecord) -> bool {
        record.state(self.now, self.expiring_within) == self.state
    }
}
