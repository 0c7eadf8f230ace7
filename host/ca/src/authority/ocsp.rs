//! OCSP by the authority.

use std::collections::BTreeMap;

use minipki_core::time::UnixTime;
use minipki_core::x509::ocsp::OcspStatus;

use super::Authority;
use crate::Refused;
use crate::certify::IssueError;
use crate::ocsp::{NewSigner, OcspAnswer, OcspCa, OcspQuery, OcspResponder};

impl Authority {
    /// This authority with a responder that has keys of its own, by `new_signer`. Without it, the keys of the CA sign the
    /// answers to OCSP requests.
    #[must_use]
    pub fn with_ocsp_keys(mut self, new_signer: NewSigner) -> Self {
        self.ocsp.set_new_signer(new_signer);
        self
    }

    /// Answers OCSP requests. New answers are signed together. The answers are in the order of the requests. A request about
    /// certificates of another CA gets [`OcspStatus::Unauthorized`], and so does one about certificates of several keys.
    ///
    /// # Errors
    /// Each request has its own [`Refused`]: [`Refused::RateLimited`], or the errors of [`Authority::issue_many`].
    pub fn ocsp(&mut self, queries: &[OcspQuery], now: UnixTime) -> Vec<Result<OcspAnswer, Refused>> {
        if let Err(error) = self.with_ocsp(|responder, ca| responder.refresh(ca)) {
            return vec![Err(self.report(&error, queries.len(), now)); queries.len()];
        }
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut answers: Vec<Option<Result<OcspAnswer, Refused>>> = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            let kept = self.ocsp.kept(query, now);
            let key = if kept.is_some() { None } else { self.ocsp.key_of(query, now) };
            answers.push(match (kept, key) {
                (Some(kept), _) => Some(Ok(kept)),
                (None, None) => Some(Ok(OcspAnswer::error(OcspStatus::Unauthorized))),
                (None, Some(_)) if !self.rates.take_status(query.source, now) => {
                    Some(Err(Refused::RateLimited))
                }
                (None, Some(key)) => {
                    by_key.entry(key).or_default().push((index, query));
                    None
                }
            });
        }
        for (key, asked) in by_key {
            let (indexes, asked): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let signed = match self.with_ocsp(|responder, ca| responder.answer(ca, key, &asked, now)) {
                Ok(signed) => signed
                    .into_iter()
                    .map(|answer| answer.map_err(|error| self.report(&error, 1, now)))
                    .collect(),
                Err(error) => vec![Err(self.report(&error, asked.len(), now)); asked.len()],
            };
            for (index, answer) in indexes.into_iter().zip(signed) {
                answers.get_mut(index).map(|place| place.replace(answer));
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(Refused::Internal))).collect()
    }

    fn with_ocsp<T>(
        &mut self,
        work: impl FnOnce(&mut OcspResponder, &mut OcspCa<'_>) -> Result<T, IssueError>,
    ) -> Result<T, IssueError> {
        let has_space = self.check_space().is_ok();
        let mut ca = OcspCa {
            issuer_id: self.issuer_id.as_id(),
            signers: &mut self.signers,
            ledger: self.ledger.as_mut(),
            lifetime: self.policy.ocsp_lifetime.as_secs(),
            has_space,
        };
        work(&mut self.ocsp, &mut ca)
    }
}
