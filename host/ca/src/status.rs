//! Signed statuses (protocol §7): the steps from requests to answers, and the answers that are kept for later requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use minipki_core::cert::{self, Id, TbsStatus};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::STATUS;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Serial};

use super::certify::{IssueError, expect_count};
use super::ports::Ledger;
use super::profile::ProfileError;
use super::signers::Signers;
use super::{SignatureAlgorithm, StatusRequest};

/// The maximum number of kept answers, about 20 MB.
const KEPT: usize = 1 << 14;

/// The seconds in which an answer is sent again. They are few, so that a peer with a strict policy about the age of a
/// status can be satisfied.
const SENT_AGAIN: u64 = 60;

/// A signed status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAnswer {
    /// The statement.
    pub status: CertStatus,
    /// The signed text.
    pub text: Arc<[u8]>,
    /// Whether the same text was an answer before.
    pub repeated: bool,
}

/// The answers without a nonce that can be sent again. All have the present revocation number: a verifier that has seen
/// a newer number refuses earlier ones.
#[derive(Default)]
pub(super) struct Statuses {
    number: u64,
    kept: HashMap<Serial, Kept>,
}

struct Kept {
    status: CertStatus,
    text: Arc<[u8]>,
    made: UnixTime,
}

/// The CA that signs, and the period of its statements in seconds.
pub(super) struct StatusIssuer<'a> {
    pub(super) issuer_id: Id<'a>,
    pub(super) signers: &'a mut Signers,
    pub(super) lifetime: u64,
}

/// The answers to a part of the requests: to those at `indexes`.
pub(super) struct Part {
    pub(super) indexes: Vec<usize>,
    pub(super) answers: Result<Vec<StatusAnswer>, IssueError>,
}

/// A request, and its index.
type Asked<'r> = (usize, &'r StatusRequest);

impl Statuses {
    /// Forgets the kept answers if another program has changed a revocation.
    pub(super) fn refresh(&mut self, ledger: &mut dyn Ledger) -> Result<(), IssueError> {
        let (number, _) = ledger.statuses(&[])?;
        if number != self.number {
            self.kept.clear();
            self.number = number;
        }
        Ok(())
    }

    /// The kept answer to `request`, if there is one that can be sent `now`.
    pub(super) fn kept(&self, request: &StatusRequest, lifetime: u64, now: UnixTime) -> Option<StatusAnswer> {
        let kept = self.kept.get(&request.serial).filter(|_| request.nonce.is_none())?;
        let age = now.get().checked_sub(kept.made.get())?;
        (age <= SENT_AGAIN.min(lifetime / 4)).then(|| StatusAnswer {
            status: kept.status,
            text: kept.text.clone(),
            repeated: true,
        })
    }

    /// Reads the statuses that `requests` ask for. Each key of the CA signs those of its certificates together. Each
    /// request is in one part of the result.
    pub(super) fn answer(
        &mut self,
        issuer: &mut StatusIssuer<'_>,
        ledger: &mut dyn Ledger,
        requests: &[Asked<'_>],
        now: UnixTime,
    ) -> Vec<Part> {
        let all = || requests.iter().map(|(index, _)| *index).collect();
        let serials: Vec<_> = requests.iter().map(|(_, request)| request.serial).collect();
        let read = ledger.statuses(&serials).map_err(IssueError::from);
        let read = read.and_then(|(number, stated)| {
            expect_count("statuses", serials.len(), stated.len()).map(|()| (number, stated))
        });
        let (number, stated) = match read {
            Ok(read) => read,
            Err(error) => return vec![Part { indexes: all(), answers: Err(error) }],
        };
        let mut parts = Vec::new();
        let mut by_key: BTreeMap<[u8; 32], Vec<(Asked<'_>, CertStatus)>> = BTreeMap::new();
        for (asked, stated) in requests.iter().zip(stated) {
            match stated {
                Ok(stated) => by_key.entry(stated.issuer_key.0).or_default().push((*asked, stated.status)),
                Err(error) => parts.push(Part { indexes: vec![asked.0], answers: Err(error.into()) }),
            }
        }
        for (key, asked) in by_key {
            let indexes = asked.iter().map(|((index, _), _)| *index).collect();
            let answers = self.sign(issuer, Fingerprint(key), &asked, number, now);
            parts.push(Part { indexes, answers });
        }
        parts
    }

    /// Signs statuses together, with one key of the CA.
    fn sign(
        &mut self,
        issuer: &mut StatusIssuer<'_>,
        issuer_key: Fingerprint,
        asked: &[(Asked<'_>, CertStatus)],
        number: u64,
        now: UnixTime,
    ) -> Result<Vec<StatusAnswer>, IssueError> {
        let signer = issuer.signers.of(issuer_key).ok_or(IssueError::NoSigner(issuer_key))?;
        let next_update = now.checked_add_seconds(issuer.lifetime).ok_or(ProfileError::Validity)?;
        let texts = asked
            .iter()
            .map(|((_, request), status)| {
                let tbs = TbsStatus {
                    issuer_id: issuer.issuer_id,
                    issuer_key,
                    serial_number: request.serial,
                    status: *status,
                    number,
                    this_update: now,
                    next_update,
                    nonce: request.nonce,
                };
                Ok(tbs.encode(&mut [0; STATUS])?.to_vec())
            })
            .collect::<Result<Vec<_>, ProfileError>>()?;
        let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let signatures = signer.sign_many(SignatureAlgorithm::RsaPss, &messages)?;
        expect_count("signatures", messages.len(), signatures.len())?;

        let mut answers = Vec::with_capacity(asked.len());
        for ((((_, request), status), text), signature) in asked.iter().zip(&texts).zip(&signatures) {
            let mut room = [0; STATUS];
            let text =
                cert::attach_signature(text, signature.as_bytes(), &mut room).map_err(ProfileError::from)?;
            let text: Arc<[u8]> = text.into();
            self.keep(request, *status, number, &text, now);
            answers.push(StatusAnswer { status: *status, text, repeated: false });
        }
        Ok(answers)
    }

    /// Keeps an answer that other requests can get. Unknown serial numbers are not kept: any client can invent them.
    fn keep(
        &mut self,
        request: &StatusRequest,
        status: CertStatus,
        number: u64,
        text: &Arc<[u8]>,
        now: UnixTime,
    ) {
        if request.nonce.is_some() || status == CertStatus::Unknown || number != self.number {
            return;
        }
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        self.kept.insert(request.serial, Kept { status, text: text.clone(), made: now });
    }
}
