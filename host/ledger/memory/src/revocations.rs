//! The port that revokes, and queries about revocations.

use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, LedgerError, RevocationBook, RevocationChange, RevocationError,
    RevocationOutcome, RevocationRecord, RevokedCertificate, RevokedPage, StatedStatus,
};
use minipki_core::crypto::{Hash as _, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::RevocationReason::{CertificateHold, KeyCompromise, RemoveFromHold};
use minipki_core::trust::{CertStatus, Serial};

use super::{MemoryStorage, State, is_held};

impl State {
    /// Makes one change, and those of the other certificates of the same key.
    pub(super) fn revoke(
        &mut self,
        change: &RevocationChange,
        now: UnixTime,
    ) -> Result<RevocationOutcome, RevocationError> {
        let serial = change.serial;
        let record = self.find(serial).ok_or(RevocationError::UnknownSerial(serial))?;
        let (held, subject_key) = (is_held(record), record.subject_key.clone());
        let of_key = Fingerprint(Portable::new().sha256(&[&subject_key]));
        if self.keys.iter().any(|known| known.key.fingerprint == of_key) {
            return Err(RevocationError::OwnKey(serial));
        }
        let present = record.revocation.map(|revocation| revocation.reason);
        if held && change.by_holder && change.reason != CertificateHold {
            return Err(RevocationError::HoldByOperator(serial));
        }
        if change.reason == RemoveFromHold && !held {
            return Err(RevocationError::NotOnHold(serial));
        }
        let raises = change.reason == KeyCompromise && present != Some(KeyCompromise);
        let changed = present.is_none() || raises || held && change.reason != CertificateHold;
        let record = if changed {
            self.set(serial, change, now)
        } else {
            let newest = self.revocations.iter().rev().find(|record| record.serial == serial);
            newest.cloned().ok_or(RevocationError::UnknownSerial(serial))?
        };
        let mut same_key = Vec::new();
        if change.reason == KeyCompromise && !change.by_holder {
            let others = self.certificates.iter().filter(|other| {
                other.format == CertificateFormat::Json
                    && other.subject_key == subject_key
                    && other.serial != serial
                    && (other.revocation.is_none() || is_held(other))
            });
            let others: Vec<_> = others.map(|other| other.serial).collect();
            same_key.extend(others.into_iter().map(|other| self.set(other, change, now)));
        }
        Ok(RevocationOutcome { record, changed, same_key })
    }

    /// Records a change of the certificate `serial`, with the reason and the actor of `change`.
    fn set(&mut self, serial: Serial, change: &RevocationChange, now: UnixTime) -> RevocationRecord {
        let new = RevocationRecord {
            number: self.revocations.len() as u64 + 1,
            serial,
            reason: change.reason,
            time: now,
            actor: change.actor().to_owned(),
        };
        for record in self.certificates.iter_mut().filter(|record| record.serial == serial) {
            record.revocation = new.revocation();
        }
        self.revocations.push(new.clone());
        new
    }

    pub(super) fn status(&self, serial: Serial) -> StatedStatus {
        let found = self.find(serial);
        let status = match found.map(|record| record.revocation) {
            None => CertStatus::Unknown,
            Some(None) => CertStatus::Good,
            Some(Some(revocation)) => CertStatus::Revoked(revocation),
        };
        StatedStatus { status, issuer_key: self.key_of(found.map(|record| record.id)) }
    }

    pub(super) fn list_revoked(
        &self,
        issuer_key: Option<Fingerprint>,
        after: Option<Serial>,
        limit: usize,
    ) -> Result<RevokedPage, LedgerError> {
        let numbers = self.numbers_of(issuer_key)?;
        let wanted = |record: &&CertificateRecord| {
            numbers.contains(&record.id) && after.is_none_or(|after| record.serial > after)
        };
        let listed = self.certificates.iter().filter(wanted).filter_map(|record| {
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
        Ok(RevokedPage { number: self.revocations.len() as u64, revoked })
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
