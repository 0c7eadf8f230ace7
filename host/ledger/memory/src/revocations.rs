//! The port that revokes, and queries about revocations.

use minipki_ca::ports::{
    LedgerError, RevocationBook, RevocationChange, RevocationError, RevocationOutcome, RevocationRecord,
    RevokedCertificate, RevokedPage,
};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, RevocationReason, Serial};

use super::{MemoryStorage, State, is_held};

impl State {
    /// Makes one change.
    pub(super) fn revoke(
        &mut self,
        change: &RevocationChange,
        now: UnixTime,
    ) -> Result<RevocationOutcome, RevocationError> {
        let serial = change.serial;
        let record = self.certificates.iter_mut().find(|record| record.serial == serial);
        let record = record.ok_or(RevocationError::UnknownSerial(serial))?;
        let removes = change.reason == RevocationReason::RemoveFromHold;
        if removes && !is_held(record) {
            return Err(RevocationError::NotOnHold(serial));
        }
        let repeats = !is_held(record) || change.reason == RevocationReason::CertificateHold;
        if record.revocation.is_some() && repeats {
            let first = self.revocations.iter().rev().find(|record| record.serial == serial).cloned();
            let record = first.ok_or(RevocationError::UnknownSerial(serial))?;
            return Ok(RevocationOutcome { record, changed: false });
        }
        let new = RevocationRecord {
            number: self.revocations.len() as u64 + 1,
            serial,
            reason: change.reason,
            time: now,
            actor: change.actor().to_owned(),
        };
        record.revocation = new.revocation();
        self.revocations.push(new.clone());
        Ok(RevocationOutcome { record: new, changed: true })
    }

    pub(super) fn status(&self, serial: Serial) -> CertStatus {
        match self.find(serial).map(|record| record.revocation) {
            None => CertStatus::Unknown,
            Some(None) => CertStatus::Good,
            Some(Some(revocation)) => CertStatus::Revoked(revocation),
        }
    }

    pub(super) fn list_revoked(&self, after: Option<Serial>, limit: usize) -> RevokedPage {
        let beyond = |serial: Serial| after.is_none_or(|after| serial > after);
        let listed = self.certificates.iter().filter(|record| beyond(record.serial)).filter_map(|record| {
            Some(RevokedCertificate {
                serial: record.serial,
                format: record.format,
                not_after: record.validity.not_after(),
                revocation: record.revocation?,
            })
        });
        let mut revoked: Vec<_> = listed.collect();
        revoked.sort_by_key(|listed| listed.serial);
        revoked.truncate(limit);
        RevokedPage { number: self.revocations.len() as u64, revoked }
    }
}

impl RevocationBook for MemoryStorage {
    fn revoke(
        &mut self,
        changes: &[RevocationChange],
        now: UnixTime,
    ) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, LedgerError> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        Ok(changes.iter().map(|change| state.revoke(change, now)).collect())
    }
}
