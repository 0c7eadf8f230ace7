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
//! - A request that is repeated is answered with the certificate that it was answered with before,
//!   byte for byte, and nothing is recorded (protocol §7): a lost answer costs neither name nor token.

use std::collections::{HashMap, HashSet};

use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::{rsa, x25519};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::limits::Rates;
use super::outage::{Damage, Outage};
use super::policy::{self, Allowed, Approved, NameState};
use super::ports::{
    CertificateFormat, CertificateRecord, Ledger, LedgerError, LedgerFacts, NewCertificate, SignError, Signer,
};
use super::profile::{self, Profile, ProfileError};
use super::{CertificationRequest, IssueRequest, Policy, Possession, Refused, TokenHash};

/// A certificate that is signed and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number.
    pub serial: Serial,
    /// Its text, to be answered byte for byte.
    pub certificate: Vec<u8>,
    /// Whether the same request was answered with it before.
    pub repeated: bool,
}

impl Issued {
    fn again(recorded: CertificateRecord) -> Self {
        Self { serial: recorded.serial, certificate: recorded.certificate, repeated: true }
    }
}

/// A certificate authority: a name, a policy, a key and a memory.
pub struct Authority {
    profile: Profile,
    policy: Policy,
    signer: Box<dyn Signer>,
    ledger: Box<dyn Ledger>,
    rates: Rates,
    outage: Outage,
    damage: Damage,
}

/// Why a whole batch failed, or one request whose row is damaged: for the log.
#[derive(Debug, thiserror::Error)]
enum IssueError {
    #[error("{}", in_log(.0))]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("{free} bytes are free on the ledger's disk, and the policy keeps {kept}; free some space")]
    Space { free: u64, kept: u64 },
    #[error("asked for {asked} {what}, got {got}: this is a bug of the ledger or the signer")]
    Count { what: &'static str, asked: usize, got: usize },
}

impl IssueError {
    /// Whether the error passes by itself: then clients may try again, and the CA goes on.
    const fn heals(&self) -> bool {
        matches!(
            self,
            Self::Ledger(LedgerError::Unavailable(_))
                | Self::Profile(ProfileError::Validity)
                | Self::Space { .. }
        )
    }
}

/// Where the answer to a request comes from.
enum Answer {
    /// From the ledger.
    Recorded(CertificateRecord),
    /// From this batch: the place among those that are signed, and whether another request has it already.
    Signed { place: usize, repeated: bool },
}

/// A batch that was judged.
#[derive(Default)]
struct Judged<'r> {
    answers: Vec<Result<Answer, Refused>>,
    /// The requests to sign for.
    approved: Vec<Approved<'r>>,
    /// Their places by subject, key and token.
    places: HashMap<(&'r IdBuf, x25519::PublicKey, Option<TokenHash>), usize>,
    /// The keys that their names belong to.
    holders: HashMap<&'r IdBuf, [u8; 32]>,
    /// The tokens that they spend.
    spent: HashSet<TokenHash>,
}

impl<'r> Judged<'r> {
    /// Judges the next request of the batch. Those before it count as issued already.
    fn judge(
        &mut self,
        policy: &Policy,
        rates: &mut Rates,
        request: &'r IssueRequest,
        facts: LedgerFacts,
        now: UnixTime,
    ) {
        let token = request.token;
        let key = (&request.subject_id, request.subject_key, token);
        let answered = match self.places.get(&key) {
            Some(place) => Some(Answer::Signed { place: *place, repeated: true }),
            None => facts
                .earlier
                .filter(|earlier| policy::is_repeatable(earlier, request.token, now))
                .map(Answer::Recorded),
        };
        let name = NameState {
            holder: match self.holders.get(&request.subject_id) {
                Some(holder) => Some(holder.as_slice()),
                None => facts.holder.as_deref(),
            },
            token_live: facts.token_live && token.is_some_and(|token| !self.spent.contains(&token)),
        };
        let answer = policy.judge(request, name, answered).and_then(|allowed| match allowed {
            Allowed::Repeat(answer) => Ok(answer),
            Allowed::New(_) if !rates.take(request, now) => Err(Refused::RateLimited),
            Allowed::New(approved) => {
                let place = self.approved.len();
                self.approved.push(approved);
                self.places.insert(key, place);
                self.holders.insert(&request.subject_id, *request.subject_key.as_bytes());
                self.spent.extend(token);
                Ok(Answer::Signed { place, repeated: false })
            }
        });
        self.answers.push(answer);
    }
}

impl Authority {
    /// An authority named `issuer_id` that signs and remembers through its two ports.
    pub fn new(issuer_id: IdBuf, policy: Policy, signer: Box<dyn Signer>, ledger: Box<dyn Ledger>) -> Self {
        let issuer_key = signer.public_key().clone();
        let (profile, rates) = (Profile { issuer_id, issuer_key }, Rates::new(policy.rates));
        let (outage, damage) = Default::default();
        Self { profile, policy, signer, ledger, rates, outage, damage }
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

    /// Checks the proof of possession in `request`, and finds the token that it was made with: none, as most are, or one
    /// of those that the subject may use. All of these are tried, so that the time does not tell which one it was.
    ///
    /// # Errors
    /// [`Refused::ProofFailed`]; as [`Authority::issue_many`] for a ledger that cannot be read.
    pub fn check_possession(
        &mut self,
        request: CertificationRequest,
        now: UnixTime,
    ) -> Result<IssueRequest, Refused> {
        let CertificationRequest { subject_id, subject_key, proof, source } = request;
        let (possession, token) = match proof {
            None => (Possession::None, None),
            Some(proof) if proof.proves(None) => (Possession::X25519Dh, None),
            Some(proof) => {
                let tokens = self.ledger.tokens(subject_id.as_id(), subject_key.as_bytes(), now);
                let tokens = tokens.map_err(|error| self.report(&error.into(), 1, now))?;
                let proven = tokens.into_iter().filter(|token| proof.proves(Some(token))).last();
                (Possession::X25519Dh, Some(proven.ok_or(Refused::ProofFailed)?))
            }
        };
        Ok(IssueRequest { subject_id, subject_key, possession, token, source })
    }

    /// Judges `requests` and issues the certificates of those allowed, signed and recorded
    /// together. The answers are in the order of the requests.
    ///
    /// Takes as long as signing and one durable commit do: call it off the async threads.
    ///
    /// # Errors
    /// Each request its own [`Refused`], [`Refused::Damaged`] if the ledger's row for it is damaged. If the signer or the ledger fails, nothing is recorded, and
    /// all that were to be signed get [`Refused::Internal`], or [`Refused::Busy`] if trying again
    /// will help: a token went away meanwhile, the ledger is locked by another process, the disk is
    /// full, the clock is wrong. The log says why.
    pub fn issue_many(&mut self, requests: &[IssueRequest], now: UnixTime) -> Vec<Result<Issued, Refused>> {
        let Judged { answers, approved, .. } = match self.judge_all(requests, now) {
            Ok(judged) => judged,
            Err(error) => return vec![Err(self.report(&error, requests.len(), now)); requests.len()],
        };
        let signed = self.certify(&approved, now).map_err(|error| {
            approved.iter().for_each(|one| self.rates.give_back(one.request()));
            self.report(&error, approved.len(), now)
        });
        let give = |answer| match answer {
            Answer::Recorded(recorded) => Ok(Issued::again(recorded)),
            Answer::Signed { place, repeated } => {
                let signed =
                    signed.as_ref().map_err(|refused| *refused)?.get(place).ok_or(Refused::Internal)?;
                Ok(Issued { repeated, ..signed.clone() })
            }
        };
        answers.into_iter().map(|answer| answer.and_then(give)).collect()
    }

    fn judge_all<'r>(
        &mut self,
        requests: &'r [IssueRequest],
        now: UnixTime,
    ) -> Result<Judged<'r>, IssueError> {
        let (served, beyond) = requests.split_at(requests.len().min(self.policy.max_waiting));
        let inquiries: Vec<_> = served.iter().map(IssueRequest::inquiry).collect();
        let facts = self.ledger.facts(&inquiries, now)?;
        expect_count("facts", served.len(), facts.len())?;
        let mut judged = Judged::default();
        for (request, facts) in served.iter().zip(facts) {
            match facts {
                Ok(facts) => judged.judge(&self.policy, &mut self.rates, request, facts, now),
                Err(error) => judged.answers.push(Err(self.report(&error.into(), 1, now))),
            }
        }
        judged.answers.extend(beyond.iter().map(|_| Err(Refused::Busy)));
        Ok(judged)
    }

    /// Reserve, sign, record. All of them or none.
    fn certify(&mut self, approved: &[Approved<'_>], now: UnixTime) -> Result<Vec<Issued>, IssueError> {
        if approved.is_empty() {
            return Ok(Vec::new());
        }
        self.check_space()?;
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
                let certificate = profile::attach_signature(text, signature)?;
                Ok(Issued { serial: *serial, certificate, repeated: false })
            })
            .collect::<Result<Vec<_>, ProfileError>>()?;

        let entries: Vec<_> = approved
            .iter()
            .zip(&issued)
            .map(|(one, issued)| NewCertificate {
                serial: issued.serial,
                subject_id: one.request().subject_id.as_id(),
                subject_key: one.request().subject_key.as_bytes(),
                validity,
                format: CertificateFormat::Json,
                certificate: &issued.certificate,
                token: one.token(),
            })
            .collect();
        self.ledger.record(&entries, now)?;
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

    /// Logs for the operator why `requests` are refused; returns what their clients are told.
    fn report(&mut self, error: &IssueError, requests: usize, now: UnixTime) -> Refused {
        match error {
            // Nothing is broken: all but one of them will succeed when they ask again.
            IssueError::Ledger(LedgerError::TokenSpent(_)) => {
                tracing::warn!(%error, "a batch of certificates has to be asked for again");
                Refused::Busy
            }
            // Nobody else needs that row.
            IssueError::Ledger(LedgerError::Damaged(_)) => {
                self.damage.refuse(error, now);
                Refused::Damaged
            }
            _ if error.heals() => {
                self.outage.refuse(error, requests, now);
                Refused::Busy
            }
            _ => {
                tracing::error!(%error, "a batch of certificates could not be issued");
                Refused::Internal
            }
        }
    }
}

/// An error of the ledger, as the log tells it.
fn in_log(error: &LedgerError) -> String {
    match error {
        LedgerError::Unavailable(_) => format!("the ledger cannot be used at the moment: {error}"),
        LedgerError::Failed(_) => format!("the ledger could not be read or written: {error}"),
        _ => error.to_string(),
    }
}

fn expect_count(what: &'static str, asked: usize, got: usize) -> Result<(), IssueError> {
    if asked == got { Ok(()) } else { Err(IssueError::Count { what, asked, got }) }
}
