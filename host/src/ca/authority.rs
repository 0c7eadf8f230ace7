//! The authority: judges requests, and issues what it allows in one order that survives crashes.
//!
//! `policy -> serials reserved -> signed together -> recorded together -> answered`
//!
//! - A serial number is on the disk as reserved before it is signed, so one that was ever signed is
//!   never signed again, even if the process dies between the two.
//! - A certificate is on the disk before it is answered, and its token is spent in the same
//!   transaction: what a client holds is in the ledger, and a token works once.
//! - The requests of a batch are judged one after another, each as if those before it had been
//!   issued already: a batch gives what the same requests give singly.

use std::collections::{HashMap, HashSet};

use minipki_core::cert::{Id, IdBuf, Serial};
use minipki_core::crypto::rsa;
use minipki_core::text::UnixTime;

use super::policy::{Approved, Standing};
use super::ports::{Entry, Ledger, LedgerError, SignError, Signer};
use super::profile::{self, Profile, ProfileError};
use super::{IssueRequest, Policy, Refused, TokenHash};

/// A certificate that is signed and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number.
    pub serial: Serial,
    /// Its text, to be answered byte for byte.
    pub certificate: Vec<u8>,
}

/// A certificate authority: a name, a policy, a key and a memory.
pub struct Authority {
    profile: Profile,
    policy: Policy,
    signer: Box<dyn Signer>,
    ledger: Box<dyn Ledger>,
}

/// Why a whole batch failed: for the log.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("asked for {asked} {what}, got {got}: this is a bug of the ledger or the signer")]
    Count { what: &'static str, asked: usize, got: usize },
}

impl Fault {
    /// Logs it for the operator; returns what its clients are told.
    fn report(&self) -> Refused {
        if let Self::Ledger(LedgerError::TokenSpent(_)) = self {
            // Nothing is broken: all but one of them will succeed when they ask again.
            tracing::warn!(fault = %self, "a batch of certificates has to be asked for again");
            return Refused::Busy;
        }
        tracing::error!(fault = %self, "a batch of certificates could not be issued");
        Refused::Internal
    }
}

/// What the requests before this one in the batch have changed.
#[derive(Default)]
struct Pending<'r> {
    holders: HashMap<&'r IdBuf, [u8; 32]>,
    spent: HashSet<TokenHash>,
}

impl Authority {
    /// An authority named `issuer_id` that signs and remembers through its two ports.
    pub fn new(issuer_id: IdBuf, policy: Policy, signer: Box<dyn Signer>, ledger: Box<dyn Ledger>) -> Self {
        let issuer_key = signer.public_key().clone();
        Self { profile: Profile { issuer_id, issuer_key }, policy, signer, ledger }
    }

    /// The CA's name, as its certificates carry it.
    pub fn issuer_id(&self) -> Id<'_> {
        self.profile.issuer_id.as_id()
    }

    /// The key that its certificates verify under.
    pub const fn public_key(&self) -> &rsa::PublicKey {
        &self.profile.issuer_key
    }

    /// The rules it goes by.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The tokens that a proof of `subject` may have been made with at `now`. A token never
    /// travels, so whoever checks the proof tries these.
    ///
    /// # Errors
    /// [`LedgerError::Storage`].
    pub fn live_tokens(&mut self, subject: Id<'_>, now: UnixTime) -> Result<Vec<TokenHash>, LedgerError> {
        self.ledger.live_tokens(subject, now)
    }

    /// Judges `requests` and issues the certificates of those allowed, signed and recorded
    /// together. The answers are in the order of the requests.
    ///
    /// Takes as long as signing and one durable commit do: call it off the async threads.
    ///
    /// # Errors
    /// Each request its own [`Refused`]. If the signer or the ledger fails, nothing is recorded, and
    /// all that were not refused before get [`Refused::Internal`], or [`Refused::Busy`] if it was
    /// only that a token went away meanwhile; the log says why.
    pub fn issue_many(&mut self, requests: &[IssueRequest], now: UnixTime) -> Vec<Result<Issued, Refused>> {
        let verdicts = match self.judge_all(requests, now) {
            Ok(verdicts) => verdicts,
            Err(fault) => return vec![Err(fault.report()); requests.len()],
        };
        let approved: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok().copied()).collect();
        let mut issued = match self.certify(&approved, now) {
            Ok(issued) => issued.into_iter().map(Ok).collect(),
            Err(fault) => vec![Err(fault.report()); approved.len()],
        }
        .into_iter();
        let answer = |verdict: Result<_, _>| verdict.and_then(|_| issued.next().ok_or(Refused::Internal)?);
        verdicts.into_iter().map(answer).collect()
    }

    fn judge_all<'r>(
        &mut self,
        requests: &'r [IssueRequest],
        now: UnixTime,
    ) -> Result<Vec<Result<Approved<'r>, Refused>>, Fault> {
        let (judged, beyond) = requests.split_at(requests.len().min(self.policy.max_waiting));
        let subjects: Vec<_> = judged.iter().map(|request| request.subject_id.as_id()).collect();
        let holders = self.ledger.holders(&subjects, now)?;
        expect_count("holders", judged.len(), holders.len())?;
        let mut pending = Pending::default();
        let mut verdicts = Vec::with_capacity(requests.len());
        for (request, holder) in judged.iter().zip(holders) {
            let standing = self.standing(request, holder, &pending, now)?;
            let verdict = self.policy.judge(request, standing);
            if verdict.is_ok() {
                pending.holders.insert(&request.subject_id, request.subject_key);
                pending.spent.extend(request.proof.token());
            }
            verdicts.push(verdict);
        }
        verdicts.extend(beyond.iter().map(|_| Err(Refused::Busy)));
        Ok(verdicts)
    }

    fn standing(
        &mut self,
        request: &IssueRequest,
        recorded: Option<[u8; 32]>,
        pending: &Pending<'_>,
        now: UnixTime,
    ) -> Result<Standing, LedgerError> {
        let holder = pending.holders.get(&request.subject_id).copied().or(recorded);
        let token_live = match request.proof.token() {
            Some(token) if !pending.spent.contains(&token) => {
                self.ledger.live_tokens(request.subject_id.as_id(), now)?.contains(&token)
            }
            _ => false,
        };
        Ok(Standing { holder, token_live })
    }

    /// Reserve, sign, record. All of them or none.
    fn certify(&mut self, approved: &[Approved<'_>], now: UnixTime) -> Result<Vec<Issued>, Fault> {
        if approved.is_empty() {
            return Ok(Vec::new());
        }
        let validity = profile::validity(&self.policy, now)?;
        let serials = self.ledger.reserve(approved.len())?;
        expect_count("serial numbers", approved.len(), serials.len())?;
        let unsigned = approved
            .iter()
            .zip(&serials)
            .map(|(one, serial)| self.profile.unsigned(*one, *serial, validity))
            .collect::<Result<Vec<_>, _>>()?;

        let messages: Vec<&[u8]> = unsigned.iter().map(Vec::as_slice).collect();
        let signatures = self.signer.sign_many(&messages)?;
        expect_count("signatures", messages.len(), signatures.len())?;

        let issued = unsigned
            .iter()
            .zip(&signatures)
            .zip(&serials)
            .map(|((text, signature), serial)| {
                Ok(Issued { serial: *serial, certificate: profile::assemble(text, signature)? })
            })
            .collect::<Result<Vec<_>, ProfileError>>()?;

        let entries: Vec<_> = approved
            .iter()
            .zip(&issued)
            .map(|(one, issued)| Entry {
                serial: issued.serial,
                subject_id: one.request().subject_id.as_id(),
                subject_key: one.request().subject_key,
                validity,
                certificate: &issued.certificate,
                token: one.request().proof.token(),
            })
            .collect();
        self.ledger.record(&entries, now)?;
        Ok(issued)
    }
}

fn expect_count(what: &'static str, asked: usize, got: usize) -> Result<(), Fault> {
    if asked == got { Ok(()) } else { Err(Fault::Count { what, asked, got }) }
}
