//! The storage ports of the CA in memory, for tests. The conformance suite (`host/ledger/tests/conformance`) checks the
//! same contracts on this engine and on SQLite.
//!
//! Each call reads all records. A drop of all handles loses them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minipki_ca::ports::{
    AUDIT_KEPT, AuditEntry, AuditLog, AuditRecord, BadRow, CertificateFormat, CertificateRecord, Cursor,
    Found, Inquiry, Ledger, LedgerCounts, LedgerError, LedgerFacts, LedgerReader, NewCertificate, Page,
    PagePlace, Recorder, Search, Storage, TokenBook, TokenHash, TokenRecord, TokenState,
};
use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// The time that the clock can be behind the newest time, in seconds.
const TOLERANCE: u64 = 5 * 60;

/// The storage of one CA. A copy is another handle on the same storage.
#[derive(Clone)]
pub struct MemoryStorage(Arc<Mutex<State>>);

#[derive(Clone)]
struct State {
    serials: ChaCha20Rng,
    token_numbers: ChaCha20Rng,
    reserved: HashSet<Serial>,
    /// In the order of issue. The number of a row is its index plus 1.
    certificates: Vec<CertificateRecord>,
    tokens: Vec<Token>,
    audit: BTreeMap<u64, AuditEntry>,
    /// The newest time of the clock.
    latest: UnixTime,
}

#[derive(Clone)]
struct Token {
    hash: TokenHash,
    id: u64,
    subject_id: IdBuf,
    expires: UnixTime,
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

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new(1)
    }
}

impl MemoryStorage {
    /// An empty storage that draws serial numbers from this seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            serials: ChaCha20Rng::seed_from_u64(seed),
            token_numbers: ChaCha20Rng::seed_from_u64(!seed),
            reserved: HashSet::new(),
            certificates: Vec::new(),
            tokens: Vec::new(),
            audit: BTreeMap::new(),
            latest: UnixTime::MIN,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The JSON certificates of `subject` that have not expired, the newest first.
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
        let Inquiry { subject_id, subject_key, token } = *inquiry;
        let latest = self.latest.max(now);
        let token = token.map(|hash| self.tokens.iter().find(|token| token.hash == hash));
        let earlier = |record: &&CertificateRecord| {
            record.subject_key == subject_key
                && match token {
                    None => self.tokens.iter().all(|token| token.spent_on != Some(record.id)),
                    Some(token) => token.is_some_and(|token| {
                        token.spent_on == Some(record.id) && token.is_valid(subject_id, now)
                    }),
                }
        };
        LedgerFacts {
            holder: self.live(subject_id, now).next().map(|record| record.subject_key.clone()),
            token_live: token.flatten().is_some_and(|token| token.is_live(subject_id, latest)),
            earlier: self.live(subject_id, now).find(earlier).cloned(),
        }
    }

    /// Records one certificate, unless its serial number is not reserved or its token is not live.
    fn record(&mut self, new: &NewCertificate<'_>) -> Result<(), LedgerError> {
        if !self.reserved.remove(&new.serial) {
            return Err(LedgerError::NotReserved(new.serial));
        }
        let (id, latest) = (self.certificates.len() as u64 + 1, self.latest);
        if let Some(hash) = new.token {
            let live = |token: &&mut Token| token.hash == hash && token.is_live(new.subject_id, latest);
            let token = self.tokens.iter_mut().find(live);
            token.ok_or_else(|| LedgerError::TokenSpent(new.subject_id.into()))?.spent_on = Some(id);
        }
        self.certificates.push(CertificateRecord {
            id,
            serial: new.serial,
            subject_id: new.subject_id.into(),
            subject_key: new.subject_key.to_vec(),
            validity: new.validity,
            format: new.format,
            certificate: new.certificate.to_vec(),
        });
        Ok(())
    }
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

    fn audit(&self) -> Result<Box<dyn AuditLog>, LedgerError> {
        Ok(Box::new(self.clone()))
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
        let holds = state.live(subject, now).next().is_some_and(|record| record.subject_key == subject_key);
        let repeats = |id| {
            holds
                && state.live(subject, now).any(|record| record.id == id && record.subject_key == subject_key)
        };
        let usable = |token: &&Token| token.is_valid(subject, now) && token.spent_on.is_none_or(repeats);
        Ok(state.tokens.iter().filter(usable).map(|token| token.hash).collect())
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
            let mut octets = [0; Serial::OCTETS];
            let drawn = match format {
                // 53 bits. 0 is not a serial number.
                CertificateFormat::Json => Serial::new(rng.next_u64() >> 11),
                CertificateFormat::X509 => {
                    rng.fill_bytes(&mut octets);
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

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        // All or nothing: a refused batch is dropped with this copy.
        let mut next = state.clone();
        certificates.iter().try_for_each(|new| next.record(new))?;
        *state = next;
        Ok(())
    }
}

impl LedgerReader for MemoryStorage {
    fn list_each(
        &mut self,
        page: Page<'_>,
        rows: &mut Vec<Result<CertificateRecord, BadRow>>,
    ) -> Result<(), LedgerError> {
        let state = self.state();
        let wanted = |record: &&CertificateRecord| {
            record.id > page.after && page.subject.is_none_or(|subject| record.subject_id.as_id() == subject)
        };
        rows.extend(state.certificates.iter().filter(wanted).take(page.limit).cloned().map(Ok));
        Ok(())
    }

    fn find_by_serial(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError> {
        Ok(self.state().certificates.iter().find(|record| record.serial == serial).cloned())
    }

    fn find_by_key(&mut self, subject_key: &[u8]) -> Result<Vec<CertificateRecord>, LedgerError> {
        let state = self.state();
        Ok(state.certificates.iter().filter(|record| record.subject_key == subject_key).cloned().collect())
    }

    fn search(&mut self, search: &Search) -> Result<Found, LedgerError> {
        let place = |record: &CertificateRecord| (search.order.value(record), record.id);
        let at = |cursor: &Cursor| (search.order.value_at(cursor), cursor.id());
        let state = self.state();
        let mut rows: Vec<_> = state.certificates.iter().filter(|record| passes(record, search)).collect();
        rows.sort_by_cached_key(|record| place(record));
        if search.descending != matches!(search.place, PagePlace::Before(_)) {
            rows.reverse();
        }
        let is_beyond = |record: &&CertificateRecord| -> bool {
            match &search.place {
                PagePlace::First => true,
                PagePlace::After(cursor) if search.descending => place(record) < at(cursor),
                PagePlace::After(cursor) => place(record) > at(cursor),
                PagePlace::Before(cursor) if search.descending => place(record) > at(cursor),
                PagePlace::Before(cursor) => place(record) < at(cursor),
            }
        };
        Ok(search.page(rows.into_iter().filter(is_beyond).cloned().collect()))
    }

    fn issued(&mut self) -> Result<u64, LedgerError> {
        Ok(self.state().certificates.len() as u64)
    }

    fn counts(&mut self, now: UnixTime) -> Result<LedgerCounts, LedgerError> {
        let state = self.state();
        let live = |record: &&CertificateRecord| record.validity.not_after() >= now;
        let usable = |token: &&Token| token.is_live(token.subject_id.as_id(), now);
        Ok(LedgerCounts {
            certificates: state.certificates.len() as u64,
            live_certificates: state.certificates.iter().filter(live).count() as u64,
            live_tokens: state.tokens.iter().filter(usable).count() as u64,
        })
    }

    fn list_tokens(
        &mut self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError> {
        let state = self.state();
        let mut tokens: Vec<_> = state
            .tokens
            .iter()
            .filter(|token| after.is_none_or(|after| (token.expires, token.id) < after))
            .collect();
        tokens.sort_by_key(|token| std::cmp::Reverse((token.expires, token.id)));
        let serial = |id: u64| state.certificates.get(id as usize - 1).map(|record| record.serial);
        let record = |token: &Token| TokenRecord {
            id: token.id,
            subject_id: token.subject_id.clone(),
            expires: token.expires,
            state: match (token.spent_on.and_then(serial), token.revoked) {
                (Some(serial), _) => TokenState::Spent(serial),
                (None, Some(at)) => TokenState::Revoked(at),
                (None, None) => TokenState::Unused,
            },
        };
        Ok(tokens.into_iter().take(limit).map(record).collect())
    }

    fn list_audit(&mut self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        let state = self.state();
        let entries = state.audit.range(..before.unwrap_or(u64::MAX)).rev().take(limit);
        Ok(entries.map(|(id, entry)| AuditRecord { id: *id, entry: entry.clone() }).collect())
    }
}

/// Whether `record` passes all filters of `search`.
fn passes(record: &CertificateRecord, search: &Search) -> bool {
    let begin = record.validity.not_before();
    record.subject_id.as_id().as_str().starts_with(&search.subject)
        && search.serial.is_none_or(|serial| record.serial == serial)
        && search.key.as_ref().is_none_or(|keys| keys.contains(&record.subject_key))
        && search.begins_from.is_none_or(|from| begin >= from)
        && search.begins_before.is_none_or(|before| begin < before)
}

impl TokenBook for MemoryStorage {
    fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.check_clock(now)?;
        if state.tokens.iter().any(|known| known.hash == token) {
            return Err(LedgerError::TokenExists);
        }
        let id = 1 + (state.token_numbers.next_u64() >> 11);
        let subject_id = subject.into();
        state.tokens.push(Token { hash: token, id, subject_id, expires, spent_on: None, revoked: None });
        Ok(())
    }

    fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        let live = |token: &&mut Token| token.id == id && token.spent_on.is_none() && token.revoked.is_none();
        state.tokens.iter_mut().find(live).ok_or(LedgerError::TokenNotLive)?.revoked = Some(now);
        Ok(())
    }
}

impl AuditLog for MemoryStorage {
    fn append(&mut self, entry: &AuditEntry) -> Result<(), LedgerError> {
        let mut state = self.state();
        let id = state.audit.last_key_value().map_or(1, |(id, _)| id + 1);
        state.audit.insert(id, entry.clone());
        if id > AUDIT_KEPT {
            state.audit.remove(&(id - AUDIT_KEPT));
        }
        Ok(())
    }
}
