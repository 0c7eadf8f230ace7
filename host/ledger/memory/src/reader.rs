//! The port that reads: each call filters and sorts all records.

use minipki_ca::Publication;
use minipki_ca::ports::{
    AuditRecord, BadRow, CertificateRecord, Cursor, Found, IssuerKeyUse, KeyChain, LedgerCounts, LedgerError,
    LedgerReader, Page, PagePlace, RequestHash, RevocationRecord, RevokedPage, Search, TokenRecord,
    TokenState,
};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::{MemoryStorage, State, Token, is_held};

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
        Ok(self.state().find(serial).cloned())
    }

    fn find_by_key(&mut self, subject_key: &[u8]) -> Result<Vec<CertificateRecord>, LedgerError> {
        let state = self.state();
        Ok(state.certificates.iter().filter(|record| record.subject_key == subject_key).cloned().collect())
    }

    fn find_by_request(&mut self, hash: RequestHash) -> Result<Option<CertificateRecord>, LedgerError> {
        Ok(self.state().answer(hash).cloned())
    }

    fn twin(&mut self, serial: Serial) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.state().twins.get(&serial).cloned())
    }

    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError> {
        Ok(self.state().chain(key))
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
        let unrevoked = state.certificates.iter().filter(|record| record.revocation.is_none());
        let live = unrevoked.filter(|record| record.validity.not_after() >= now);
        let ending = |days: u64| {
            let soon = now.get() + days * 86_400;
            live.clone().filter(|record| record.validity.not_after().get() < soon).count() as u64
        };
        let revoked = state.certificates.iter().filter(|record| record.revocation.is_some());
        let held = revoked.clone().filter(|record| is_held(record)).count() as u64;
        let usable = |token: &&Token| token.is_live(token.subject_id.as_id(), now);
        Ok(LedgerCounts {
            certificates: state.certificates.len() as u64,
            live_certificates: live.clone().count() as u64,
            ending_in_a_week: ending(7),
            ending_in_a_month: ending(30),
            revoked: revoked.count() as u64 - held,
            held,
            live_tokens: state.tokens.iter().filter(usable).count() as u64,
        })
    }

    fn issued_before(&mut self, times: &[UnixTime]) -> Result<Vec<u64>, LedgerError> {
        let state = self.state();
        let before = |time: &UnixTime| {
            let earlier = |record: &&CertificateRecord| record.issued.is_none_or(|issued| issued < *time);
            state.certificates.iter().filter(earlier).count() as u64
        };
        Ok(times.iter().map(before).collect())
    }

    fn backed_up(&mut self) -> Result<Option<UnixTime>, LedgerError> {
        Ok(None)
    }

    fn token_of(&mut self, certificate: &CertificateRecord) -> Result<Option<u64>, LedgerError> {
        let state = self.state();
        let spent = state.tokens.iter().find(|token| token.spent_on == Some(certificate.id));
        Ok(spent.map(|token| token.id))
    }

    fn list_tokens(
        &mut self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError> {
        let mut tokens = self.state().token_records();
        tokens.retain(|token| after.is_none_or(|after| (token.expires, token.id) < after));
        tokens.truncate(limit);
        Ok(tokens)
    }

    fn list_tokens_before(
        &mut self,
        before: (UnixTime, u64),
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError> {
        let mut tokens = self.state().token_records();
        tokens.retain(|token| (token.expires, token.id) > before);
        Ok(tokens.split_off(tokens.len().saturating_sub(limit)))
    }

    fn revocation_history(&mut self, serial: Serial) -> Result<Vec<RevocationRecord>, LedgerError> {
        let state = self.state();
        Ok(state.revocations.iter().filter(|record| record.serial == serial).cloned().collect())
    }

    fn revocation_number(&mut self) -> Result<u64, LedgerError> {
        Ok(self.state().revocations.len() as u64)
    }

    fn publication(&mut self) -> Result<Publication, LedgerError> {
        Ok(self.state().publication.clone())
    }

    fn issuer_keys(&mut self) -> Result<Vec<IssuerKeyUse>, LedgerError> {
        Ok(self.state().key_uses())
    }

    fn list_revoked(
        &mut self,
        issuer_key: Option<Fingerprint>,
        after: Option<Serial>,
        limit: usize,
    ) -> Result<RevokedPage, LedgerError> {
        self.state().list_revoked(issuer_key, after, limit)
    }

    fn list_audit(&mut self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        let state = self.state();
        let entries = state.audit.range(..before.unwrap_or(u64::MAX)).rev().take(limit);
        Ok(entries.map(|(id, entry)| AuditRecord { id: *id, entry: entry.clone() }).collect())
    }
}

impl State {
    /// All tokens, in the order of the list.
    fn token_records(&self) -> Vec<TokenRecord> {
        let serial = |id: u64| self.certificates.get(id as usize - 1).map(|record| record.serial);
        let record = |token: &Token| TokenRecord {
            id: token.id,
            subject_id: token.subject_id.clone(),
            expires: token.expires,
            lifetime: token.lifetime,
            state: match (token.spent_on.and_then(serial), token.revoked) {
                (Some(serial), _) => TokenState::Spent(serial),
                (None, Some(at)) => TokenState::Revoked(at),
                (None, None) => TokenState::Unused,
            },
        };
        let mut tokens: Vec<_> = self.tokens.iter().map(record).collect();
        tokens.sort_by_key(|token| std::cmp::Reverse((token.expires, token.id)));
        tokens
    }
}

/// Whether `record` passes all filters of `search`.
fn passes(record: &CertificateRecord, search: &Search) -> bool {
    let (begin, end) = (record.validity.not_before(), record.validity.not_after());
    record.subject_id.as_id().as_str().starts_with(&search.subject)
        && search.serial.is_none_or(|serial| record.serial == serial)
        && search.key.as_ref().is_none_or(|keys| keys.contains(&record.subject_key))
        && search.numbers.as_ref().is_none_or(|numbers| numbers.contains(&record.id))
        && search.begins_from.is_none_or(|from| begin >= from)
        && search.begins_before.is_none_or(|before| begin < before)
        && search.ends_from.is_none_or(|from| end >= from)
        && search.ends_before.is_none_or(|before| end < before)
        && search.state.is_none_or(|filter| filter.passes(record))
}
