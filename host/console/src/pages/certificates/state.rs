//! The state of a certificate, as the pages show it.

use minipki_ca::ports::{CertificateRecord, CertificateState};
use minipki_core::time::UnixTime;

pub(super) const DAY: u64 = 86_400;

/// The days before its end in which a certificate is shown as expiring.
pub(super) const EXPIRING_DAYS: u64 = 30;

/// The state of a certificate: its words, and the class of its badge.
#[derive(Clone, Copy)]
pub(super) struct StateBadge(CertificateState);

impl StateBadge {
    /// The state of `record` at `now`. A certificate that ends in less than `days` is expiring.
    pub(super) fn of(record: &CertificateRecord, now: UnixTime, days: u64) -> Self {
        Self(record.state(now, days.saturating_mul(DAY)))
    }

    pub(super) const fn words(&self) -> &'static str {
        words(self.0)
    }

    pub(super) const fn class(&self) -> &'static str {
        match self.0 {
            CertificateState::Valid => "good",
            CertificateState::Expiring | CertificateState::Held => "busy",
            CertificateState::Expired | CertificateState::Revoked => "bad",
            CertificateState::NotYetValid => "",
        }
    }
}

/// The words for a state.
pub(super) const fn words(state: CertificateState) -> &'static str {
    match state {
        CertificateState::NotYetValid => "not yet valid",
        CertificateState::Valid => "valid",
        CertificateState::Expiring => "expiring",
        CertificateState::Expired => "expired",
        CertificateState::Held => "on hold",
        CertificateState::Revoked => "revoked",
    }
}
