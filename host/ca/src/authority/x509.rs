//! X.509 certificates by the authority.

use std::collections::HashMap;

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::Authority;
use crate::ca_certificate::ca_certificates;
use crate::certify::{IssueError, Issued};
use crate::key_certificates::{if_made, recorded_certificate};
use crate::list::{ListDraft, SignedList};
use crate::ports::{KeyChain, TwinFacts};
use crate::profile::{CaCertificate, ProfileError};
use crate::sign::{RequestSigner, SignRefused, SignRequest};
use crate::twin::{self, Decision, Made, Twin, Waiting};
use crate::{Refused, TwinRequest};

impl Authority {
    /// Issues the certificates of TLS servers and clients that `requests` ask for. New ones are signed and recorded together,
    /// and a request that was answered within a day gets its certificate again. The CA certificate is made if there is
    /// none. The answers are in the order of the requests.
    ///
    /// # Errors
    /// Each request has its own [`SignRefused`]. If the signer or the ledger fails, nothing is recorded, and all requests get
    /// [`Refused::Internal`], or [`Refused::Busy`] if a later try can succeed.
    pub fn sign_many(&mut self, requests: &[SignRequest], now: UnixTime) -> Vec<Result<Issued, SignRefused>> {
        self.sign_all(requests, now).unwrap_or_else(|error| match error {
            IssueError::Profile(ProfileError::ChainAwaited) => {
                requests.iter().map(|_| Err(ProfileError::ChainAwaited.into())).collect()
            }
            error => {
                let refused = self.report(&error, requests.len(), now);
                requests.iter().map(|_| Err(refused.into())).collect()
            }
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
        let certificate = &self.present_certificate(now)?;
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

    /// The X.509 twins of the certificates that `requests` name. New ones are signed and recorded together, by the keys
    /// that have signed the certificates. The CA certificate is made if there is none.
    ///
    /// # Errors
    /// Each request has its own [`Refused`]: [`Refused::UnknownCertificate`], [`Refused::Revoked`], [`Refused::Expired`],
    /// [`Refused::NoX509`], [`Refused::RateLimited`], [`Refused::KeyGone`], or the errors of [`Authority::issue_many`].
    pub fn twins(&mut self, requests: &[TwinRequest], now: UnixTime) -> Vec<Result<Twin, Refused>> {
        let serials: Vec<_> = requests.iter().map(|request| request.serial).collect();
        let facts = match self.ledger.twin_facts(&serials).map_err(IssueError::from) {
            Ok(facts) => facts,
            Err(error) => return vec![Err(self.report(&error, requests.len(), now)); requests.len()],
        };
        let mut waiting = Waiting::default();
        let mut recorded = Vec::with_capacity(requests.len());
        for (request, facts) in requests.iter().zip(facts) {
            let facts = facts.map_err(|error| self.report(&error.into(), 1, now));
            recorded.push(match facts.and_then(|facts| twin::decide(facts, now)) {
                Ok(Decision::Recorded(der)) => Ok(Some(Twin { der, repeated: true })),
                Ok(Decision::New(facts)) => {
                    if waiting.has(request.serial) || self.rates.take_status(request.source, now) {
                        waiting.add(*facts);
                        Ok(None)
                    } else {
                        Err(Refused::RateLimited)
                    }
                }
                Err(refused) => Err(refused),
            });
        }
        let mut made = Made::new();
        for (key, certificates) in waiting.into_keys() {
            match self.make_twins(key, &certificates, now) {
                Ok(twins) => made.extend(twins),
                Err(error) => {
                    let refused = self.report(&error, certificates.len(), now);
                    made.extend(certificates.into_keys().map(|serial| (serial, Err(refused))));
                }
            }
        }
        let answers = recorded.into_iter().zip(serials).map(|(recorded, serial)| match recorded? {
            Some(twin) => Ok(twin),
            None => made.get(&serial).cloned().unwrap_or(Err(Refused::Internal)),
        });
        answers.collect()
    }

    /// Makes the twins of certificates by this key of the CA.
    fn make_twins(
        &mut self,
        key: Fingerprint,
        certificates: &HashMap<Serial, TwinFacts>,
        now: UnixTime,
    ) -> Result<Made, IssueError> {
        self.check_space()?;
        let is_present = self.signers.keys().first() == Some(&key);
        let issuer = match is_present {
            true => self.present_certificate(now).map(Some),
            false => recorded_certificate(self.ledger.as_mut(), key),
        };
        let Some(issuer) = if_made(issuer)? else {
            return Ok(certificates.keys().map(|serial| (*serial, Err(Refused::NoX509))).collect());
        };
        let signer = self.signers.of(key).ok_or(IssueError::NoSigner(key))?;
        let (issuer_id, ledger) = (self.issuer_id.as_id(), self.ledger.as_mut());
        let made = twin::make(issuer_id, signer.as_mut(), ledger, &issuer, certificates, now)?;
        self.outage.end();
        Ok(made)
    }

    /// The certificate of the present key. It is made if there is none.
    fn present_certificate(&mut self, now: UnixTime) -> Result<CaCertificate, IssueError> {
        // Another process can install a chain, or a later one.
        if let Some(certificate) = &self.ca_certificate
            && self.ledger.chain(certificate.key())? == KeyChain::Own
        {
            return Ok(certificate.clone());
        }
        let made = self.make_ca_certificate(now)?;
        Ok(self.ca_certificate.insert(made).clone())
    }

    fn make_ca_certificate(&mut self, now: UnixTime) -> Result<CaCertificate, IssueError> {
        let former = self.signers.keys().get(1..).unwrap_or_default().to_vec();
        let (signer, ledger) = (self.signers.present(), self.ledger.as_mut());
        let made = ca_certificates(self.issuer_id.as_id(), signer, &former, ledger, None, now)?;
        Ok(CaCertificate::parse(&made.own.certificate)?)
    }
}
