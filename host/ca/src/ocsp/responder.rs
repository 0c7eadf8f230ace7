//! The responder of a CA that is served: its keys, and the answers that are kept for later requests.
//!
//! The present key of the CA certifies a key of the responder, so that it does not sign what strangers ask for. That key is
//! made at the first request, is in memory only, and is replaced in the middle of its certificate's life. Former keys of the CA
//! sign their answers themselves: the ledger records new certificates by the present key alone.

use std::collections::HashMap;
use std::sync::Arc;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Validity};
use minipki_core::x509::ocsp::OcspStatus;

use super::sign::ResponseSigner;
use super::{OcspAnswer, OcspQuery, OcspTimes};
use crate::certify::{IssueError, Issued, certify, expect_count};
use crate::chain::CaChain;
use crate::key_certificates::{if_made, recorded_certificate};
use crate::ports::{KeyChain, Ledger, SignError, Signer, StatedStatus};
use crate::profile::{CaCertificate, CertTemplate, ProfileError, X509Profile, spki, validity};
use crate::signers::Signers;

/// The maximum number of kept answers, about 30 MB.
const KEPT: usize = 1 << 14;

/// The lifetime of a responder's certificate, in seconds: 14 days, twice the longest lifetime of an answer. It is replaced
/// after half of it, so that each answer ends before it.
const LIFETIME: u64 = 14 * 24 * 60 * 60;

/// The seconds until a responder's certificate is tried again, after it could not be recorded.
const RETRY: u64 = 60;

/// Makes a signer with a new key, for a responder. The key is in memory only.
pub type NewSigner = Box<dyn FnMut() -> Result<Box<dyn Signer>, SignError> + Send>;

/// The responder of a CA.
#[derive(Default)]
pub(crate) struct OcspResponder {
    /// The revocation number of the kept answers.
    number: u64,
    /// The answers without a nonce, by their CertID.
    kept: HashMap<Vec<u8>, Kept>,
    /// The keys of the CA that have an X.509 certificate.
    keys: Vec<(Fingerprint, CaCertificate)>,
    new_signer: Option<NewSigner>,
    delegate: Option<Delegate>,
    /// The time until which no new key is made, after a failure.
    retry_at: Option<UnixTime>,
}

struct Kept {
    der: Arc<[u8]>,
    times: OcspTimes,
}

/// A key that the present key of the CA has certified.
struct Delegate {
    signer: Box<dyn Signer>,
    certificate: Vec<u8>,
    validity: Validity,
    /// The time at which it is replaced.
    replaced_at: u64,
}

/// The CA, for its responder.
pub(crate) struct OcspCa<'a> {
    pub(crate) issuer_id: Id<'a>,
    pub(crate) signers: &'a mut Signers,
    pub(crate) ledger: &'a mut dyn Ledger,
    /// The lifetime of an answer in seconds.
    pub(crate) lifetime: u64,
    /// Whether the disk has space for a certificate.
    pub(crate) has_space: bool,
}

/// A key of the CA: its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyIndex(usize);

impl OcspResponder {
    /// Lets the responder have keys of its own.
    pub(crate) fn set_new_signer(&mut self, new_signer: NewSigner) {
        self.new_signer = Some(new_signer);
    }

    /// Forgets the kept answers if a revocation has changed, and finds CA certificates that were made meanwhile.
    pub(crate) fn refresh(&mut self, ca: &mut OcspCa<'_>) -> Result<(), IssueError> {
        let (number, _) = ca.ledger.statuses(&[])?;
        if number != self.number {
            self.kept.clear();
            self.number = number;
        }
        for (key, known) in &mut self.keys {
            // Another process can install a later chain at any time.
            if let KeyChain::Installed(chain) = ca.ledger.chain(*key)?
                && !chain.starts_with(known.der())
            {
                *known = CaChain::from_bytes(&chain)?.own()?;
                self.kept.clear();
            }
        }
        if self.keys.len() < ca.signers.keys().len() {
            for key in ca.signers.keys() {
                if self.keys.iter().all(|(known, _)| known != key) {
                    let found = if_made(recorded_certificate(ca.ledger, *key))?;
                    self.keys.extend(found.map(|found| (*key, found)));
                }
            }
        }
        Ok(())
    }

    /// The kept answer to `query`, if there is one that can be sent `now`.
    pub(crate) fn kept(&self, query: &OcspQuery, now: UnixTime) -> Option<OcspAnswer> {
        let Kept { der, times } = self.kept.get(query.only()?)?;
        (times.produced_at <= now && now < times.replaced_at).then(|| OcspAnswer {
            der: der.clone(),
            status: OcspStatus::Successful,
            shared: Some(*times),
            repeated: true,
        })
    }

    /// The key that has signed the certificates of `query`, if the CA can answer for it `now`.
    pub(crate) fn key_of(&self, query: &OcspQuery, now: UnixTime) -> Option<KeyIndex> {
        let is_asked =
            |(_, issuer): &(_, CaCertificate)| issuer.validity().not_after() >= now && query.is_about(issuer);
        self.keys.iter().position(is_asked).map(KeyIndex)
    }

    /// Answers requests about certificates of one key of the CA. The answers are in the order of the requests. A request
    /// about a damaged row has an error of its own.
    pub(crate) fn answer(
        &mut self,
        ca: &mut OcspCa<'_>,
        KeyIndex(index): KeyIndex,
        queries: &[&OcspQuery],
        now: UnixTime,
    ) -> Result<Vec<Result<OcspAnswer, IssueError>>, IssueError> {
        let missing = IssueError::Count { what: "keys", asked: 1, got: 0 };
        let (key, issuer) = self.keys.get(index).ok_or(missing)?.clone();
        let serials: Vec<_> = queries.iter().flat_map(|query| query.serials()).flatten().collect();
        let (number, stated) = ca.ledger.statuses(&serials)?;
        expect_count("statuses", serials.len(), stated.len())?;
        let mut stated = stated.into_iter();
        let mut statuses_of = |query: &OcspQuery| {
            let found = query.serials().map(|serial| match serial.and_then(|_| stated.next()) {
                None => Ok(CertStatus::Unknown),
                Some(Ok(StatedStatus { status, issuer_key })) if issuer_key == key => Ok(status),
                Some(Ok(_)) => Ok(CertStatus::Unknown),
                Some(Err(error)) => Err(error.into()),
            });
            // All of them, so that the next request gets its own.
            let found: Vec<Result<CertStatus, IssueError>> = found.collect();
            found.into_iter().collect::<Result<Vec<_>, _>>()
        };
        let (mut asked, mut answers) = (Vec::new(), Vec::new());
        for query in queries {
            let statuses = statuses_of(query);
            answers.push(statuses.map(|statuses| asked.push((*query, statuses))));
        }
        let lifetime = ca.lifetime;
        let signed = self.signer(ca, key, &issuer, now)?.sign(&asked, lifetime, now)?;
        for ((query, _), answer) in asked.iter().zip(&signed) {
            self.keep(query, answer, number);
        }
        let mut signed = signed.into_iter();
        let missing = || IssueError::Count { what: "answers", asked: 1, got: 0 };
        Ok(answers
            .into_iter()
            .map(|answer| answer.and_then(|()| signed.next().ok_or_else(missing)))
            .collect())
    }

    /// Keeps an answer that other requests can get.
    fn keep(&mut self, query: &OcspQuery, answer: &OcspAnswer, number: u64) {
        let (Some(id), Some(times), true) = (query.only(), answer.shared, number == self.number) else {
            return;
        };
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        self.kept.insert(id.to_vec(), Kept { der: answer.der.clone(), times });
    }

    /// The key that signs answers about certificates by `key`, whose certificate is `issuer`.
    fn signer<'a>(
        &'a mut self,
        ca: &'a mut OcspCa<'_>,
        key: Fingerprint,
        issuer: &'a CaCertificate,
        now: UnixTime,
    ) -> Result<ResponseSigner<'a>, IssueError> {
        if ca.signers.keys().first() == Some(&key) {
            self.renew(ca, issuer, now)?;
            if let Some(delegate) = self.delegate.as_mut().filter(|delegate| delegate.is_valid(now)) {
                return Ok(ResponseSigner {
                    signer: &mut *delegate.signer,
                    certificate: &delegate.certificate,
                    end: delegate.validity.not_after(),
                });
            }
        }
        let signer = ca.signers.of(key).ok_or(IssueError::NoSigner(key))?;
        let (certificate, end) = (issuer.der(), issuer.validity().not_after());
        Ok(ResponseSigner { signer: &mut **signer, certificate, end })
    }

    /// Makes a new key of the responder if there is none, or if the present one is in the second half of its life. If its
    /// certificate cannot be recorded now, the key before it continues, and after its end the key of the CA.
    fn renew(
        &mut self,
        ca: &mut OcspCa<'_>,
        issuer: &CaCertificate,
        now: UnixTime,
    ) -> Result<(), IssueError> {
        let is_new = |delegate: &Delegate| delegate.is_valid(now) && now.get() < delegate.replaced_at;
        let waits = self.retry_at.is_some_and(|retry_at| now < retry_at);
        if self.delegate.as_ref().is_some_and(is_new) || waits || !ca.has_space {
            return Ok(());
        }
        let Some(new_signer) = &mut self.new_signer else { return Ok(()) };
        match Delegate::new(new_signer()?, ca, issuer, now) {
            Ok(delegate) => {
                self.delegate = Some(delegate);
                self.retry_at = None;
                Ok(())
            }
            // No request of a stranger stops the CA.
            Err(error) if error.is_temporary() || matches!(error, IssueError::Profile(_)) => {
                tracing::warn!(%error, "the OCSP responder gets no new key for now");
                self.retry_at = now.checked_add_seconds(RETRY);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Delegate {
    /// Certifies the key of `signer`.
    fn new(
        signer: Box<dyn Signer>,
        ca: &mut OcspCa<'_>,
        issuer: &CaCertificate,
        now: UnixTime,
    ) -> Result<Self, IssueError> {
        let (own, issuer_end) = (validity(LIFETIME, now)?, issuer.validity().not_after());
        let begin = own.not_before().max(issuer.validity().not_before());
        let end = own.not_after().min(issuer_end);
        let validity = Validity::new(begin, end).map_err(|_| ProfileError::Validity)?;
        let subject_id = subject(ca.issuer_id);
        let (profile, subject_key) = (X509Profile::OcspResponder(issuer.clone()), spki(signer.public_key())?);
        let template = CertTemplate {
            profile: &profile,
            subject_id: subject_id.as_id(),
            subject_key: &subject_key,
            validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        };
        let mut issued = certify(ca.issuer_id, ca.signers.present(), ca.ledger, &[template], now)?;
        let missing = IssueError::Count { what: "certificates", asked: 1, got: 0 };
        let Issued { serial, certificate, .. } = issued.pop().ok_or(missing)?;
        tracing::info!(%serial, until = %end, "the OCSP responder has a new key");
        // With the end of the CA certificate, a new one would not live longer.
        let half = if end == issuer_end { end.get() } else { now.get().midpoint(end.get()) };
        Ok(Self { signer, certificate, validity, replaced_at: half })
    }

    fn is_valid(&self, now: UnixTime) -> bool {
        self.validity.not_before() <= now && now < self.validity.not_after()
    }
}

/// The name of the responder. It is not the name of the CA.
fn subject(issuer_id: Id<'_>) -> IdBuf {
    const OTHER: &str = "ocsp-responder";
    let name = format!("{issuer_id}-ocsp");
    // A name of more than 64 bytes is none.
    Id::new(&name).or(Id::new(OTHER)).unwrap_or(issuer_id).into()
}
