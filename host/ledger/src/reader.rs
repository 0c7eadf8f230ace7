//! Look-ups and lists, also beside a CA that issues.

use std::path::Path;

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rusqlite::{Connection, OptionalExtension, Row};

use super::identity::{Instance, Owner};
use super::rows::{each, parse, records, row_error, select};
use super::{
    StoreError, audit, chains, facts, issuer_keys, open, publication, revocations, search, times_of_issue,
    tokens, twins,
};
use minipki_ca::Publication;
use minipki_ca::ports::{
    AuditRecord, BadRow, CertificateRecord, Found, IssuerKeyUse, KeyChain, LedgerCounts, LedgerError,
    LedgerReader, Page, RequestHash, RevocationRecord, RevokedPage, Search, TokenRecord,
};

/// A reader of a ledger. Each call sees all commits before it, and never delays a writer.
pub struct SqliteReader(Connection);

impl SqliteReader {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a missing ledger, another CA, another schema, or permissions for other users.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        open::open_to_read(folder, owner).map(Self)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.0
    }

    /// The identity of this copy of the ledger.
    ///
    /// # Errors
    /// [`StoreError::At`].
    pub fn instance(&self) -> Result<Instance, StoreError> {
        Instance::read(&self.0).map_err(|e| e.in_ledger(&self.0))
    }

    /// See [`LedgerReader::list_each`].
    ///
    /// # Errors
    /// [`StoreError::At`] for a ledger that cannot be read.
    pub(super) fn read_page(
        &self,
        page: Page<'_>,
        rows: &mut Vec<Result<CertificateRecord, BadRow>>,
    ) -> Result<(), StoreError> {
        let after = i64::try_from(page.after).unwrap_or(i64::MAX);
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        match page.subject {
            None => each(&self.0, select!("WHERE id > ?1 ORDER BY id LIMIT ?2"), (after, limit), rows),
            Some(subject) => each(
                &self.0,
                select!("WHERE subject_id = ?3 AND id > ?1 ORDER BY id LIMIT ?2"),
                (after, limit, subject.as_str()),
                rows,
            ),
        }
        .map_err(|e| e.in_ledger(&self.0))
    }

    /// Reads from the ledger with `read`.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, LedgerError> {
        read(&self.0).map_err(|error| row_error(&self.0, error))
    }
}

impl LedgerReader for SqliteReader {
    fn list_each(
        &mut self,
        page: Page<'_>,
        rows: &mut Vec<Result<CertificateRecord, BadRow>>,
    ) -> Result<(), LedgerError> {
        Ok(self.read_page(page, rows)?)
    }

    fn find_by_serial(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(select!("WHERE serial = ?1"))?;
            query.query_row([serial.to_be_bytes()], |row| Ok(parse(row))).optional()?.transpose()
        })
    }

    fn find_by_key(&mut self, subject_key: &[u8]) -> Result<Vec<CertificateRecord>, LedgerError> {
        let sql = select!("WHERE subject_key = ?1 ORDER BY id");
        self.read(|connection| records(connection, sql, [subject_key]))
    }

    fn find_by_request(&mut self, hash: RequestHash) -> Result<Option<CertificateRecord>, LedgerError> {
        let found = self.read(|connection| facts::newest_answer(connection, hash))?;
        Ok(found.map(|serial| self.find_by_serial(serial)).transpose()?.flatten())
    }

    fn twin(&mut self, serial: Serial) -> Result<Option<Vec<u8>>, LedgerError> {
        self.read(|connection| twins::of(connection, serial))
    }

    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError> {
        self.read(|connection| chains::of(connection, key))
    }

    fn search(&mut self, search: &Search) -> Result<Found, LedgerError> {
        search::search(&mut self.0, search)
    }

    fn issued(&mut self) -> Result<u64, LedgerError> {
        let sql = "SELECT coalesce(max(id), 0) FROM certificates";
        self.read(|connection| Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs()))
    }

    fn counts(&mut self, now: UnixTime) -> Result<LedgerCounts, LedgerError> {
        self.read(|connection| count(connection, now))
    }

    fn issued_before(&mut self, times: &[UnixTime]) -> Result<Vec<u64>, LedgerError> {
        self.read(|connection| times_of_issue::issued_before(connection, times))
    }

    fn backed_up(&mut self) -> Result<Option<UnixTime>, LedgerError> {
        self.read(|connection| Ok(Instance::read(connection)?.backed_up.map(open::time)))
    }

    fn token_of(&mut self, certificate: &CertificateRecord) -> Result<Option<u64>, LedgerError> {
        self.read(|connection| tokens::spent_on(connection, certificate))
    }

    fn list_tokens(
        &mut self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError> {
        self.read(|connection| tokens::list(connection, after, limit))
    }

    fn list_tokens_before(
        &mut self,
        before: (UnixTime, u64),
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError> {
        self.read(|connection| tokens::list_before(connection, before, limit))
    }

    fn revocation_history(&mut self, serial: Serial) -> Result<Vec<RevocationRecord>, LedgerError> {
        self.read(|connection| revocations::history(connection, serial))
    }

    fn revocation_number(&mut self) -> Result<u64, LedgerError> {
        self.read(revocations::number)
    }

    fn publication(&mut self) -> Result<Publication, LedgerError> {
        self.read(publication::read)
    }

    fn issuer_keys(&mut self) -> Result<Vec<IssuerKeyUse>, LedgerError> {
        issuer_keys::uses(&mut self.0).map_err(|error| row_error(&self.0, error))
    }

    fn list_revoked(
        &mut self,
        issuer_key: Option<Fingerprint>,
        after: Option<Serial>,
        limit: usize,
    ) -> Result<RevokedPage, LedgerError> {
        let listed = revocations::list(&mut self.0, issuer_key, after, limit);
        listed.map_err(|error| row_error(&self.0, error))?
    }

    fn list_audit(&mut self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.read(|connection| audit::list(connection, before, limit))
    }
}

fn count(connection: &Connection, now: UnixTime) -> Result<LedgerCounts, StoreError> {
    // The certificates that end in a span of time, without those that are revoked or on hold.
    const ENDING: &str =
        "(SELECT count(*) FROM certificates WHERE not_after >= ?1 AND not_after < ?1 + {span})
                        - (SELECT count(*) FROM revoked WHERE not_after >= ?1 AND not_after < ?1 + {span})";
    let [week, month] = ["604800", "2592000"].map(|span| ENDING.replace("{span}", span));
    let mut query = connection.prepare_cached(&format!(
        "SELECT (SELECT count(*) FROM certificates),
                (SELECT count(*) FROM certificates WHERE not_after >= ?1)
                    - (SELECT count(*) FROM revoked WHERE not_after >= ?1),
                {week},
                {month},
                (SELECT count(*) FROM revoked WHERE reason <> 6),
                (SELECT count(*) FROM revoked WHERE reason = 6),
                (SELECT count(*) FROM tokens WHERE expires >= ?1 AND spent_on IS NULL AND revoked IS NULL)"
    ))?;
    let count = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(query.query_row([now.get() as i64], |row| {
        Ok(LedgerCounts {
            certificates: count(row, 0)?,
            live_certificates: count(row, 1)?,
            ending_in_a_week: count(row, 2)?,
            ending_in_a_month: count(row, 3)?,
            revoked: count(row, 4)?,
            held: count(row, 5)?,
            live_tokens: count(row, 6)?,
        })
    })?)
}
