//! The storage ports of the CA in memory, for tests and for a CA that shall leave nothing behind. The conformance suite (`host/ledger/tests/conformance`) checks the
//! same contracts on this engine and on SQLite.
//!
//! Each call reads all records. A drop of all handles loses them.

mod audit;
mod chains;
mod issuer_keys;
mod meanwhile;
mod reader;
mod revocations;
mod tokens;
mod twins;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minipki_ca::ports::{
    AuditEntry, AuditLog, CertificateFormat, CertificateRecord, Inquiry, IssuerKey, KeyChain, Ledger,
    LedgerError, LedgerFacts, LedgerReader, NewCertificate, RENEWAL, Recorder, RequestFacts, RequestHash,
    RevocationBook, RevocationChange, RevocationRecord, StatedStatus, Storage, TokenBook, TokenHash,
    TwinFacts,
};
use minipki_ca::{NeedsUrl, PublicUrl, Publication};
use minipki_core::cert::{Id, IdBuf};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use issuer_keys::KeyRow;

/// The time that the clock can be behind the newest time, in seconds.
const TOLERANCE: u64 = 5 * 60;

/// The storage of one CA. A copy is another handle on the same storage.
#[derive(Clone)]
pub struct MemoryStorage(Arc<Mutex<State>>);

#[derive(Clone)]
struct State {
    /// The keys of the CA, the oldest first.
    keys: Vec<KeyRow>,
    serials: ChaCha20Rng,
    token_numbers: ChaCha20Rng,
    reserved: HashSet<Serial>,
    /// In the order of issue. The number of a row is its index plus 1.
    certificates: Vec<CertificateRecord>,
    tokens: Vec<Token>,
    /// All changes, in the order of their numbers. The revocation number is their count.
    revocations: Vec<RevocationRecord>,
    /// The requests and the row numbers of their certificates, in the order of issue.
    requests: Vec<(RequestHash, u64)>,
    /// The chains of the keys that others certify.
    chains: HashMap<[u8; 32], Option<Vec<u8>>>,
    /// The X.509 twins by serial number.
    twins: HashMap<Serial, Vec<u8>>,
    audit: BTreeMap<u64, AuditEntry>,
    publication: Publication,
    /// The newest time of the clock.
    latest: UnixTime,
}

#[derive(Clone)]
struct Token {
    hash: TokenHash,
    id: u64,
    subject_id: IdBuf,
    expires: UnixTime,
    lifetime: Option<u64>,
    /// The row number of the certificate that the token was spent on.
    spent_on: Option<u64>,
    revoked: Option<UnixTime>,
}

impl Token {
    /// Whether the token can be spent on a certificate of `subject`.
    fn is_live(&self, subject: Id<'_>, now: UnixTime) -> bool {
        self.is_valid(subject, now) && self.spent_on.is_none()
    }

    /// Whether the token is for `subject`, and neither expired nor revoked.
    fn is_valid(&self, subject: Id<'_>, now: UnixTime) -> bool {
        self.subject_id.as_id() == subject && self.expires >= now && self.revoked.is_none()
    }
}

impl MemoryStorage {
    /// An empty storage of a CA with this key. It draws serial numbers from this seed.
    pub fn new(seed: u64, fingerprint: Fingerprint) -> Self {
        let first = IssuerKey { fingerprint, not_before: UnixTime::MIN, update: None };
        Self(Arc::new(Mutex::new(State {
            keys: vec![KeyRow { key: first, first: 1 }],
            serials: ChaCha20Rng::seed_from_u64(seed),
            token_numbers: ChaCha20Rng::seed_from_u64(!seed),
            reserved: HashSet::new(),
            certificates: Vec::new(),
            tokens: Vec::new(),
            revocations: Vec::new(),
            requests: Vec::new(),
            chains: HashMap::new(),
            twins: HashMap::new(),
            audit: BTreeMap::new(),
            publication: Publication::default(),
            latest: UnixTime::MIN,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The certificate with this serial number.
    fn find(&self, serial: Serial) -> Option<&CertificateRecord> {
        self.certificates.iter().find(|record| record.serial == serial)
    }

    /// The JSON certificate that owns the name `subject`: the newest that has not expired, and is on hold or not revoked.
    fn owner<'s>(&'s self, subject: Id<'s>, now: UnixTime) -> Option<&'s CertificateRecord> {
        self.live(subject, now).find(|record| record.revocation.is_none() || is_held(record))
    }

    /// The JSON certificates of `subject` that have not expired, the newest first. They may be revoked.
    fn live<'s>(&'s self, subject: Id<'s>, now: UnixTime) -> impl Iterator<Item = &'s CertificateRecord> {
        let of = move |record: &&CertificateRecord| {
            record.format == CertificateFormat::Json
                && record.subject_id.as_id() == subject
                && record.validity.not_after() >= now
        };
        self.certificates.iter().rev().filter(of)
    }

    /// Refuses a clock that is behind the newest time.
    fn check_clock(&self, now: UnixTime) -> Result<(), LedgerError> {
        if now.get() + TOLERANCE >= self.latest.get() {
            return Ok(());
        }
        let text = format!("the clock shows {now}, and the ledger has entries of {}", self.latest);
        Err(LedgerError::Clock(text.into()))
    }

    fn facts(&self, inquiry: &Inquiry<'_>, now: UnixTime) -> LedgerFacts {
        let Inquiry { subject_id, subject_key, token, renews } = *inquiry;
        let latest = self.latest.max(now);
        let token = token.map(|hash| self.tokens.iter().find(|token| token.hash == hash));
        let earlier = |record: &&CertificateRecord| {
            record.subject_key == subject_key
                && record.renews == renews
                && record.revocation.is_none()
                && match token {
                    None => self.tokens.iter().all(|token| token.spent_on != Some(record.id)),
                    Some(token) => token.is_some_and(|token| {
                        token.spent_on == Some(record.id) && token.is_valid(subject_id, now)
                    }),
                }
        };
        let current = renews.and_then(|serial| self.find(serial)).cloned();
        let holder = self.owner(subject_id, now).map(|record| record.subject_key.clone());
        LedgerFacts {
            token_live: token.flatten().is_some_and(|token| token.is_live(subject_id, latest)),
            earlier: self.live(subject_id, now).find(earlier).cloned(),
            held: self.keeps_name(subject_id, now),
            key_compromised: self.is_compromised(subject_key, renews),
            token_lifetime: token.flatten().and_then(|token| token.lifetime),
            current,
            holder,
        }
    }

    /// Whether the present holder of a name has a certificate for it that is on hold.
    fn keeps_name(&self, subject: Id<'_>, now: UnixTime) -> bool {
        let holder = self.owner(subject, now).map(|record| &record.subject_key);
        self.live(subject, now).any(|record| is_held(record) && Some(&record.subject_key) == holder)
    }

    /// Whether this key, or the key of the certificate `renews`, was ever compromised.
    fn is_compromised(&self, subject_key: &[u8], renews: Option<Serial>) -> bool {
        let renewed = renews.and_then(|serial| self.find(serial)).map(|record| &*record.subject_key);
        self.certificates.iter().any(|record| {
            [Some(subject_key), renewed].contains(&Some(&*record.subject_key))
                && record.revocation.is_some_and(|it| it.reason == RevocationReason::KeyCompromise)
        })
    }

    /// Records one certificate, unless its serial number is not reserved or its token is not live.
    fn record(&mut self, new: &NewCertificate<'_>, now: UnixTime) -> Result<(), LedgerError> {
        if !self.reserved.remove(&new.serial) {
            return Err(LedgerError::NotReserved(new.serial));
        }
        let (id, latest) = (self.certificates.len() as u64 + 1, self.latest);
        if let Some(hash) = new.token {
            let live = |token: &&mut Token| token.hash == hash && token.is_live(new.subject_id, latest);
            let token = self.tokens.iter_mut().find(live);
            token.ok_or_else(|| LedgerError::TokenSpent(new.subject_id.into()))?.spent_on = Some(id);
        }
        self.requests.extend(new.request.map(|request| (request.hash, id)));
        self.certificates.push(CertificateRecord {
            id,
            serial: new.serial,
            subject_id: new.subject_id.into(),
            subject_key: new.subject_key.to_vec(),
            validity: new.validity,
            format: new.format,
            certificate: new.certificate.to_vec(),
            issued: Some(now),
            renews: new.renews,
            lifetime: new.lifetime,
            revocation: None,
        });
        if let (true, Some(renewed)) = (new.supersede, new.renews) {
            let change = RevocationChange::new(renewed, RevocationReason::Superseded, RENEWAL);
            // Another certificate of the call may have superseded it.
            let _ = self.revoke(&change, now);
        }
        Ok(())
    }
}

/// Whether `record` is on hold.
fn is_held(record: &CertificateRecord) -> bool {
    record.revocation.is_some_and(|revocation| revocation.reason == RevocationReason::CertificateHold)
}

impl Storage for MemoryStorage {
    fn reader(&self) -> Result<Box<dyn LedgerReader>, LedgerError> {
        Ok(Box::new(self.clone()))
    }

    fn tokens(&self) -> Result<Box<dyn TokenBook>, LedgerError> {
        Ok(Box::new(self.clone()))
    }

    fn recorder(&self, now: UnixTime) -> Result<Box<dyn Recorder>, LedgerError> {
        self.state().check_clock(now)?;
        Ok(Box::new(self.clone()))
    }

    fn revocations(&self, now: UnixTime) -> Result<Box<dyn RevocationBook>, LedgerError> {
        self.state().check_clock(now)?;
        Ok(Box::new(self.clone()))
    }

    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError> {
        Ok(Box::new(self.clone()))
    }

    fn set_public_url(&self, url: Option<&PublicUrl>) -> Result<(), LedgerError> {
        let publication = &mut self.state().publication;
        if url.is_none() && publication.shards.are_several() {
            return Err(NeedsUrl.into());
        }
        let former = std::mem::replace(&mut publication.url, url.cloned());
        let all = former.into_iter().chain(std::mem::take(&mut publication.former));
        publication.former = all.filter(|one| Some(one) != url).collect();
        Ok(())
    }
}

impl Ledger for MemoryStorage {
    fn facts(
        &mut self,
        inquiries: &[Inquiry<'_>],
        now: UnixTime,
    ) -> Result<Vec<Result<LedgerFacts, LedgerError>>, LedgerError> {
        let state = self.state();
        Ok(inquiries.iter().map(|inquiry| Ok(state.facts(inquiry, now))).collect())
    }

    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError> {
        let state = self.state();
        let now = state.latest.max(now);
        let holds = state.owner(subject, now).is_some_and(|record| record.subject_key == subject_key);
        let repeats = |id| {
            let of = |record: &CertificateRecord| record.id == id && record.subject_key == subject_key;
            holds && state.live(subject, now).any(|record| of(record) && record.revocation.is_none())
        };
        let usable = |token: &&Token| token.is_valid(subject, now) && token.spent_on.is_none_or(repeats);
        Ok(state.tokens.iter().filter(usable).map(|token| token.hash).collect())
    }

    fn find(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError> {
        Ok(self.state().find(serial).cloned())
    }

    fn statuses(
        &mut self,
        serials: &[Serial],
    ) -> Result<(u64, Vec<Result<StatedStatus, LedgerError>>), LedgerError> {
        let state = self.state();
        let stated = serials.iter().map(|serial| Ok(state.status(*serial)));
        Ok((state.revocations.len() as u64, stated.collect()))
    }

    fn twin_facts(
        &mut self,
        serials: &[Serial],
    ) -> Result<Vec<Result<Option<TwinFacts>, LedgerError>>, LedgerError> {
        let state = self.state();
        Ok(serials.iter().map(|serial| Ok(state.twin_facts(*serial))).collect())
    }

    fn record_twins(&mut self, twins: &[(Serial, Vec<u8>)], now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        state.twins.extend(twins.iter().cloned());
        Ok(())
    }

    fn issuer_keys(&mut self) -> Result<Vec<IssuerKey>, LedgerError> {
        Ok(self.state().keys.iter().map(|row| row.key.clone()).collect())
    }

    fn change_key(&mut self, key: &IssuerKey, now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        state.change_key(key)
    }

    fn free_space(&mut self) -> u64 {
        u64::MAX
    }
}

impl Recorder for MemoryStorage {
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError> {
        let State { serials: rng, reserved, certificates, .. } = &mut *self.state();
        let mut serials = Vec::new();
        while serials.len() < count {
            let mut octets = [0; 16];
            let drawn = match format {
                // 53 bits. 0 is not a serial number.
                CertificateFormat::Json => Serial::new(rng.next_u64() >> 11),
                CertificateFormat::X509 => {
                    rng.fill_bytes(&mut octets);
                    // The sign bit is clear, and the next one is set.
                    octets[0] = octets[0] & 0x7f | 0x40;
                    Serial::from_be_bytes(&octets)
                }
            };
            let Ok(serial) = drawn else { continue };
            if certificates.iter().all(|record| record.serial != serial) && reserved.insert(serial) {
                serials.push(serial);
            }
        }
        Ok(serials)
    }

    fn request_facts(&mut self, hash: RequestHash, subject_key: &[u8]) -> Result<RequestFacts, LedgerError> {
        let state = self.state();
        let key_compromised = state.is_compromised(subject_key, None);
        Ok(RequestFacts { earlier: state.answer(hash).cloned(), key_compromised })
    }

    fn publication(&mut self) -> Result<Publication, LedgerError> {
        Ok(self.state().publication.clone())
    }

    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError> {
        Ok(self.state().chain(key))
    }

    fn set_chain(&mut self, key: Fingerprint, chain: Option<&[u8]>) -> Result<(), LedgerError> {
        self.state().set_chain(key, chain);
        Ok(())
    }

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        // All or nothing: a refused batch is dropped with this copy.
        let mut next = state.clone();
        certificates.iter().try_for_each(|new| state.check_meanwhile(new, now))?;
        certificates.iter().try_for_each(|new| next.record(new, now))?;
        *state = next;
        Ok(())
    }
}
