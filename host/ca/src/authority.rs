//! The authority: decides on requests, issues and revokes certificates, and states their status.
//!
//! - A batch has the same results as its requests one by one. Each decision counts the requests before it as issued.
//! - A repeated request gets its earlier certificate again, and nothing is recorded (protocol §7). So a lost answer
//!   costs no name and no token.

mod holder;
mod ocsp;
mod x509;

use std::collections::{HashMap, HashSet};

use miette::Diagnostic;
use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::{rsa, x25519};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::anchors;
use super::certify::{IssueError, Issued, certify, expect_count};
use super::limits::Rates;
use super::ocsp::OcspResponder;
use super::outage::{Damage, Outage};
use super::policy::{self, Allowed, Approved, NameState};
use super::ports::{CertificateRecord, Ledger, LedgerError, LedgerFacts, Signer};
use super::profile::{CaCertificate, ProfileError};
use super::signers::Signers;
use super::status::{Part, StatusAnswer, StatusIssuer, Statuses};
use super::{
    CertificationRequest, IssueRequest, Policy, Possession, Refused, RequestProof, StatusRequest, TokenHash,
};

/// A certificate authority: a name, a policy, a signer and a ledger.
pub struct Authority {
    issuer_id: IdBuf,
    policy: Policy,
    signers: Signers,
    ledger: Box<dyn Ledger>,
    rates: Rates,
    outage: Outage,
    damage: Damage,
    no_signer: Damage,
    /// The X.509 certificate of the present key, from its first use on.
    ca_certificate: Option<CaCertificate>,
    statuses: Statuses,
    ocsp: OcspResponder,
}

/// A request of one subject for one key, with its authorization. A batch answers equal requests with one certificate.
type RequestKey<'r> = (&'r IdBuf, x25519::PublicKey, Option<TokenHash>, Option<Serial>);

/// The source of the answer to a request.
enum Answer {
    /// A certificate in the ledger.
    Recorded(Box<CertificateRecord>),
    /// A certificate of this batch: its index, and whether an earlier request of the batch has it already.
    Signed { index: usize, repeated: bool },
}

/// The decisions on the requests of a batch.
#[derive(Default)]
struct Decisions<'r> {
    answers: Vec<Result<Answer, Refused>>,
    /// The requests that get a new certificate.
    approved: Vec<Approved<'r>>,
    /// The index in `approved` by request.
    indexes: HashMap<RequestKey<'r>, usize>,
    /// The key of each subject in `approved`.
    holders: HashMap<&'r IdBuf, [u8; 32]>,
    /// The tokens that the requests in `approved` spend.
    spent: HashSet<TokenHash>,
}

impl<'r> Decisions<'r> {
    /// Decides on the next request of the batch.
    fn decide(
        &mut self,
        policy: &Policy,
        rates: &mut Rates,
        request: &'r IssueRequest,
        facts: LedgerFacts,
        now: UnixTime,
    ) {
        let token = request.token;
        let key = (&request.subject_id, request.subject_key, token, request.renews);
        let answered = match self.indexes.get(&key) {
            Some(index) => Some(Answer::Signed { index: *index, repeated: true }),
            None => facts
                .earlier
                .filter(|earlier| policy::is_repeatable(earlier, request, now))
                .map(|earlier| Answer::Recorded(Box::new(earlier))),
        };
        let name = NameState {
            holder: match self.holders.get(&request.subject_id) {
                Some(holder) => Some(holder.as_slice()),
                None => facts.holder.as_deref(),
            },
            token_live: facts.token_live && token.is_some_and(|token| !self.spent.contains(&token)),
            token_lifetime: facts.token_lifetime,
            held: facts.held,
            key_compromised: facts.key_compromised,
            current: facts.current.as_ref(),
        };
        let answer = policy.decide(request, name, answered, now).and_then(|allowed| match allowed {
            Allowed::Repeat(answer) => Ok(answer),
            Allowed::New(_) if !rates.take(request, now) => Err(Refused::RateLimited),
            Allowed::New(approved) => {
                let index = self.approved.len();
                self.approved.push(approved);
                self.indexes.insert(key, index);
                self.holders.insert(&request.subject_id, *request.subject_key.as_bytes());
                self.spent.extend(token);
                Ok(Answer::Signed { index, repeated: false })
            }
        });
        self.answers.push(answer);
    }
}

impl Authority {
    /// Makes an authority with the name `issuer_id`.
    pub fn new(issuer_id: IdBuf, policy: Policy, signer: Box<dyn Signer>, ledger: Box<dyn Ledger>) -> Self {
        let (signers, rates) = (Signers::new(signer), Rates::new(policy.rates));
        let (outage, damage, no_signer, ca_certificate, statuses, ocsp) = Default::default();
        Self {
            issuer_id,
            policy,
            signers,
            ledger,
            rates,
            outage,
            damage,
            no_signer,
            ca_certificate,
            statuses,
            ocsp,
        }
    }

    /// This authority with the signers of the CA's former keys. Each signs the statuses of its own certificates.
    #[must_use]
    pub fn with_former_signers(mut self, signers: Vec<Box<dyn Signer>>) -> Self {
        self.signers.add_former(signers);
        self
    }

    /// The issuer name in the certificates.
    pub fn issuer_id(&self) -> Id<'_> {
        self.issuer_id.as_id()
    }

    /// The public key that verifies new certificates.
    pub fn public_key(&self) -> &rsa::PublicKey {
        self.signers.public_key()
    }

    /// The changes of the CA's key: a JSON array of the signed updates, the oldest first. If they do not all fit into one
    /// frame, it has the newest ones. They change only while no authority has the ledger open.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn anchors(&mut self) -> Result<Vec<u8>, LedgerError> {
        Ok(anchors::updates(&self.ledger.issuer_keys()?))
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Checks the proof of possession in `request`, and finds its token. The proof fits no token, or one that the
    /// subject may use. All tokens are tried, so the time does not depend on the position of the right one. The proof of
    /// a renewal must fit the key of the current certificate.
    ///
    /// # Errors
    /// [`Refused::ProofFailed`]; [`Refused::UnknownCertificate`]; the errors of [`Authority::issue_many`] if the ledger
    /// cannot be read.
    pub fn check_possession(
        &mut self,
        request: CertificationRequest,
        now: UnixTime,
    ) -> Result<IssueRequest, Refused> {
        let CertificationRequest { subject_id, subject_key, proof, source } = request;
        let mut renews = None;
        let (possession, token) = match proof {
            RequestProof::None => (Possession::None, None),
            RequestProof::Renewal { serial, proof } => {
                let current = self.check_holder(serial, &*proof, now)?;
                if current.subject_id != subject_id {
                    return Err(Refused::UnknownCertificate);
                }
                renews = Some(serial);
                (Possession::X25519Dh, None)
            }
            RequestProof::Key(proof) if proof.proves(self.signers.keys(), None) => {
                (Possession::X25519Dh, None)
            }
            RequestProof::Key(proof) => {
                let tokens = self.ledger.tokens(subject_id.as_id(), subject_key.as_bytes(), now);
                let tokens = tokens.map_err(|error| self.report(&error.into(), 1, now))?;
                let proven =
                    tokens.into_iter().filter(|token| proof.proves(self.signers.keys(), Some(token))).last();
                (Possession::X25519Dh, Some(proven.ok_or(Refused::ProofFailed)?))
            }
        };
        Ok(IssueRequest { subject_id, subject_key, possession, token, renews, source })
    }

    /// States the status of the certificates that `requests` name. New statements are signed together.
    ///
    /// # Errors
    /// Each request has its own [`Refused`]: [`Refused::RateLimited`], [`Refused::KeyGone`], or the errors of
    /// [`Authority::issue_many`].
    pub fn statuses(
        &mut self,
        requests: &[StatusRequest],
        now: UnixTime,
    ) -> Vec<Result<StatusAnswer, Refused>> {
        let lifetime = self.policy.status_lifetime.as_secs();
        if let Err(error) = self.statuses.refresh(&mut *self.ledger) {
            return vec![Err(self.report(&error, requests.len(), now)); requests.len()];
        }
        let mut answers: Vec<_> = requests
            .iter()
            .map(|request| match self.statuses.kept(request, lifetime, now) {
                Some(kept) => Some(Ok(kept)),
                None if self.rates.take_status(request.source, now) => None,
                None => Some(Err(Refused::RateLimited)),
            })
            .collect();
        let missing = requests.iter().enumerate().zip(&answers).filter(|(_, answer)| answer.is_none());
        let missing: Vec<_> = missing.map(|(asked, _)| asked).collect();
        let parts = if missing.is_empty() {
            Vec::new()
        } else {
            let (issuer_id, signers) = (self.issuer_id.as_id(), &mut self.signers);
            let mut issuer = StatusIssuer { issuer_id, signers, lifetime };
            self.statuses.answer(&mut issuer, &mut *self.ledger, &missing, now)
        };
        for Part { indexes, answers: signed } in parts {
            let signed = signed.map_err(|error| self.report(&error, indexes.len(), now));
            let mut signed = signed.map(Vec::into_iter);
            for index in indexes {
                let next = signed.as_mut().map_err(|refused| *refused);
                let next = next.and_then(|signed| signed.next().ok_or(Refused::Internal));
                answers.get_mut(index).map(|answer| answer.replace(next));
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or(Err(Refused::Internal))).collect()
    }

    /// Decides on `requests`, and signs and records the allowed certificates together. The answers are in the order of
    /// the requests.
    ///
    /// This takes the time of the signatures and of a durable commit: call it off the async threads.
    ///
    /// # Errors
    /// Each request has its own [`Refused`]. If the signer or the ledger fails, nothing is recorded, and all new
    /// certificates get [`Refused::Internal`]. They get [`Refused::Busy`] if a later try can succeed: a token was spent
    /// meanwhile, another process locks the ledger, the disk is full or the clock is wrong. The log has the reason.
    pub fn issue_many(&mut self, requests: &[IssueRequest], now: UnixTime) -> Vec<Result<Issued, Refused>> {
        let Decisions { answers, approved, .. } = match self.decide_all(requests, now) {
            Ok(decisions) => decisions,
            Err(error) => return vec![Err(self.report(&error, requests.len(), now)); requests.len()],
        };
        let signed = self.certify(&approved, now).map_err(|error| {
            approved.iter().for_each(|one| self.rates.give_back(one.request()));
            self.report(&error, approved.len(), now)
        });
        let certificate = |answer| match answer {
            Answer::Recorded(recorded) => Ok(Issued::again(*recorded)),
            Answer::Signed { index, repeated } => {
                let signed =
                    signed.as_ref().map_err(|refused| *refused)?.get(index).ok_or(Refused::Internal)?;
                Ok(Issued { repeated, ..signed.clone() })
            }
        };
        answers.into_iter().map(|answer| answer.and_then(certificate)).collect()
    }

    fn decide_all<'r>(
        &mut self,
        requests: &'r [IssueRequest],
        now: UnixTime,
    ) -> Result<Decisions<'r>, IssueError> {
        let (served, beyond) = requests.split_at(requests.len().min(self.policy.max_waiting));
        let inquiries: Vec<_> = served.iter().map(IssueRequest::inquiry).collect();
        let facts = self.ledger.facts(&inquiries, now)?;
        expect_count("facts", served.len(), facts.len())?;
        let mut decisions = Decisions::default();
        for (request, facts) in served.iter().zip(facts) {
            match facts {
                Ok(facts) => decisions.decide(&self.policy, &mut self.rates, request, facts, now),
                Err(error) => decisions.answers.push(Err(self.report(&error.into(), 1, now))),
            }
        }
        decisions.answers.extend(beyond.iter().map(|_| Err(Refused::Busy)));
        Ok(decisions)
    }

    /// Issues all certificates of `approved`, or none of them.
    fn certify(&mut self, approved: &[Approved<'_>], now: UnixTime) -> Result<Vec<Issued>, IssueError> {
        if approved.is_empty() {
            return Ok(Vec::new());
        }
        self.check_space()?;
        let templates = approved.iter().map(|one| one.template(&self.policy, now));
        let templates = templates.collect::<Result<Vec<_>, ProfileError>>()?;
        let issued =
            certify(self.issuer_id.as_id(), self.signers.present(), self.ledger.as_mut(), &templates, now)?;
        self.outage.end();
        Ok(issued)
    }

    fn check_space(&mut self) -> Result<(), IssueError> {
        let kept = self.policy.min_free;
        if kept == 0 {
            return Ok(());
        }
        let free = self.ledger.free_space();
        if free < kept { Err(IssueError::Space { free, kept }) } else { Ok(()) }
    }

    /// Logs the reason for the operator. Returns the refusal for the clients.
    fn report(&mut self, error: &IssueError, requests: usize, now: UnixTime) -> Refused {
        match error {
            // The other requests of the batch will succeed at the next try.
            IssueError::Ledger(
                LedgerError::TokenSpent(_)
                | LedgerError::Revoked(_)
                | LedgerError::NameHeld(_)
                | LedgerError::KeyCompromised(_)
                | LedgerError::AnsweredMeanwhile(_),
            ) => {
                tracing::warn!(%error, "a batch of certificates was refused as busy");
                Refused::Busy
            }
            // No other request needs that row.
            IssueError::Ledger(LedgerError::Damaged(_)) => {
                self.damage.refuse(error, "a request is refused: its row of the ledger is damaged", now);
                Refused::Damaged
            }
            // Only the certificates of that key are affected.
            IssueError::NoSigner(_) => {
                self.no_signer.refuse(error, "a status or a list cannot be signed", now);
                Refused::KeyGone
            }
            _ if error.is_temporary() => {
                self.outage.refuse(error, requests, now);
                Refused::Busy
            }
            _ => {
                let next = error.help().map(tracing::field::display);
                tracing::error!(%error, next, "a batch of certificates could not be issued");
                Refused::Internal
            }
        }
    }
}
