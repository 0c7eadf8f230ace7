//! The refusals of a certificate that was allowed, after other changes of the ledger.

use minipki_ca::ports::{CertificateFormat, CertificateRecord, LedgerError, NewCertificate, RequestHash};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::State;

impl State {
    /// Refuses a certificate if a revocation, a hold or another certificate after the decision forbids it.
    pub(super) fn check_meanwhile(&self, new: &NewCertificate<'_>, now: UnixTime) -> Result<(), LedgerError> {
        let revoked = |serial: &Serial| self.find(*serial).is_none_or(|record| record.revocation.is_some());
        if let Some(serial) = new.renews.filter(revoked) {
            return Err(LedgerError::Revoked(serial));
        }
        if let Some(request) = new.request
            && self.answer(request.hash).map(|record| record.serial) != request.earlier
        {
            return Err(LedgerError::AnsweredMeanwhile(new.subject_id.into()));
        }
        let is_json = new.format == CertificateFormat::Json;
        if (is_json || new.request.is_some()) && self.is_compromised(new.subject_key, new.renews) {
            return Err(LedgerError::KeyCompromised(new.subject_id.into()));
        }
        if is_json && self.keeps_name(new.subject_id, now) {
            return Err(LedgerError::NameHeld(new.subject_id.into()));
        }
        Ok(())
    }

    /// The newest certificate for this request.
    pub(super) fn answer(&self, hash: RequestHash) -> Option<&CertificateRecord> {
        let (_, id) = self.requests.iter().rev().find(|(known, _)| *known == hash)?;
        self.certificates.get(*id as usize - 1)
    }
}
