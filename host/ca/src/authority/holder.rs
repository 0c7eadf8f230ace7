//! The requests of the holders of recorded certificates.

use minipki_core::crypto::x25519;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::Authority;
use crate::ports::{
    CertificateFormat, CertificateRecord, RevocationChange, RevocationError, RevocationOutcome,
};
use crate::{HolderCheck, Refused, RevocationRequest};

impl Authority {
    /// The JSON certificate with this serial number, whose key `proof` has shown.
    pub(super) fn check_holder(
        &mut self,
        serial: Serial,
        proof: &dyn HolderCheck,
        now: UnixTime,
    ) -> Result<CertificateRecord, Refused> {
        let found = self.ledger.find(serial).map_err(|error| self.report(&error.into(), 1, now))?;
        let record = found.filter(|record| record.format == CertificateFormat::Json);
        let record = record.ok_or(Refused::UnknownCertificate)?;
        let key = record.subject_key.as_slice().try_into().ok().and_then(x25519::PublicKey::new);
        if key.is_some_and(|key| proof.proves(self.signers.keys(), &key)) {
            Ok(record)
        } else {
            Err(Refused::ProofFailed)
        }
    }

    /// Revokes a certificate for its holder. The change is on the disk when this returns. A repeated request gets the
    /// first answer again.
    ///
    /// # Errors
    /// [`Refused::UnknownCertificate`], [`Refused::ProofFailed`], [`Refused::HoldByOperator`]; [`Refused::Busy`] or
    /// [`Refused::Internal`] if the ledger cannot be used.
    pub fn revoke(
        &mut self,
        request: &RevocationRequest,
        now: UnixTime,
    ) -> Result<RevocationOutcome, Refused> {
        let RevocationRequest { serial, reason, ref proof } = *request;
        self.check_holder(serial, &**proof, now)?;
        // The ledger refuses the end of a hold. It would free the name, and the holder may be the thief of the key.
        let outcomes = self.ledger.revoke(&[RevocationChange::by_holder(serial, reason)], now);
        let outcomes = outcomes.map_err(|error| self.report(&error.into(), 1, now))?;
        match outcomes.into_iter().next() {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(RevocationError::UnknownSerial(_) | RevocationError::OwnKey(_))) => {
                Err(Refused::UnknownCertificate)
            }
            Some(Err(RevocationError::NotOnHold(_) | RevocationError::HoldByOperator(_))) => {
                Err(Refused::HoldByOperator)
            }
            None => Err(Refused::Internal),
        }
    }
}
