//! X.509 certificates by the authority.

use minipki_core::time::UnixTime;

use super::Authority;
use crate::ca_certificate::ca_certificates;
use crate::certify::{IssueError, Issued};
use crate::list::{ListDraft, SignedList};
use crate::policy::Refused;
use crate::profile::CaCertificate;
use crate::sign::{RequestSigner, SignRefused, SignRequest};

impl Authority {
    /// Issues the certificates of TLS servers and clients that `requests` ask for. New ones are signed and recorded together,
    /// and a request that was answered within a day gets its certificate again. The CA certificate is made if there is
    /// none. The answers are in the order of the requests.
    ///
    /// # Errors
    /// Each request has its own [`SignRefused`]. If the signer or the ledger fails, nothing is recorded, and all requests get
    /// [`Refused::Internal`], or [`Refused::Busy`] if a later try can succeed.
    pub fn sign_many(&mut self, requests: &[SignRequest], now: UnixTime) -> Vec<Result<Issued, SignRefused>> {
        self.sign_all(requests, now).unwrap_or_else(|error| {
            let refused = self.report(&error, requests.len(), now);
            requests.iter().map(|_| Err(refused.into())).collect()
        })
    }

    /// Signs a list with the key that it names.
    ///
    /// # Errors
    /// [`Refused::KeyGone`] without this key; [`Refused::Internal`] if the signer fails. The log has the reason.
    pub fn sign_list(&mut self, list: &ListDraft, now: UnixTime) -> Result<SignedList, Refused> {
        let signer = self.signers.of(list.key()).ok_or(IssueError::NoSigner(list.key()));
        signer.and_then(|signer| list.sign(&mut **signer)).map_err(|error| self.report(&error, 1, now))
    }

    fn sign_all(
        &mut self,
        requests: &[SignRequest],
        now: UnixTime,
    ) -> Result<Vec<Result<Issued, SignRefused>>, IssueError> {
        self.check_space()?;
        let certificate = match &self.ca_certificate {
            Some(certificate) => certificate,
            None => {
                let made = self.make_ca_certificate(now)?;
                self.ca_certificate.insert(made)
            }
        };
        let mut signer = RequestSigner {
            issuer_id: self.issuer_id.as_id(),
            signer: self.signers.present(),
            ledger: self.ledger.as_mut(),
            certificate,
        };
        let answers = signer.sign(requests, now)?;
        self.outage.end();
        Ok(answers)
    }

    fn make_ca_certificate(&mut self, now: UnixTime) -> Result<CaCertificate, IssueError> {
        let former = self.signers.keys().get(1..).unwrap_or_default().to_vec();
        let (signer, ledger) = (self.signers.present(), self.ledger.as_mut());
        let made = ca_certificates(self.issuer_id.as_id(), signer, &former, ledger, None, now)?;
        Ok(CaCertificate::parse(&made.own.certificate)?)
    }
}
