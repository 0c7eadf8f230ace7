//! The write half: what a CA issues through.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use getrandom::SysRng;
use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rand_core::TryCryptoRng;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::files::Lock;
use super::guard::Guard;
use super::open::{self, Accept};
use super::serials::{self, Stock};
use super::{FILE, Owner, StoreError, facts};
use minipki_ca::ports::{
    CertificateFormat, Inquiry, Ledger, LedgerError, LedgerFacts, NewCertificate, TokenHash,
};
use minipki_os::files;

/// How long a batch waits for another process's transaction. It may wait twice, to reserve and to record, and after a
/// batch that did so too: all of that takes less than the ten seconds that a client waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A CA's ledger, open to issue. While it lives no other process can open the same one.
///
/// Dropping it ends that in order: the write-ahead log is folded in.
pub struct SqliteLedger<R = SysRng> {
    path: PathBuf,
    connection: Connection,
    guard: Guard,
    stock: Stock,
    space: Space,
    rng: R,
    _lock: Lock,
}

impl SqliteLedger {
    /// Opens the ledger of `owner` in `folder`, and locks the folder.
    ///
    /// # Errors
    /// [`StoreError`], above all [`StoreError::Locked`] while another process serves the folder,
    /// [`StoreError::Missing`] if there is no ledger, and [`StoreError::Foreign`] for another CA's.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        Self::open_with(folder, owner, Accept::default(), SysRng)
    }
}

impl<R: TryCryptoRng> SqliteLedger<R> {
    /// [`SqliteLedger::open`] that takes what somebody has accepted, with another source of serial numbers than the
    /// operating system.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_with(folder: &Path, owner: &Owner, accept: Accept, rng: R) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let lock = Lock::acquire(folder)?;
        let mut connection = open::open_to_issue(folder, owner, accept)?;
        let mut begin = || {
            open::quick_check(&mut connection, &path)?;
            Guard::begin(folder, &mut connection)
        };
        let guard = begin().map_err(|e| e.at(&path))?;
        connection.busy_timeout(TIMEOUT)?;
        let space = Space::new(folder.to_owned());
        Ok(Self { path, connection, guard, stock: Stock::default(), space, rng, _lock: lock })
    }

    /// Checks the machine's clock against the ledger's newest time, and records it, before anything is issued.
    ///
    /// # Errors
    /// [`StoreError::ClockBehind`] unless that is accepted, [`StoreError::ClockUnset`].
    pub fn start_at(&mut self, now: UnixTime, accept: Accept) -> Result<(), StoreError> {
        self.guard.start_at(&self.connection, now, accept.clock).map_err(|e| e.at(&self.path))
    }

    fn refill(&mut self, count: usize) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.enter(&transaction, None)?;
        let serials = serials::reserve(&transaction, &mut self.rng, count)?;
        transaction.commit()?;
        self.guard.committed(&self.connection)?;
        self.stock.add(serials);
        Ok(())
    }

    /// Records `certificates`, or says which of them the ledger refuses.
    fn record_all(
        &mut self,
        certificates: &[NewCertificate<'_>],
        now: UnixTime,
    ) -> Result<Result<(), LedgerError>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.enter(&transaction, Some(now))?;
        let mut newest = None;
        for certificate in certificates {
            let Some(id) = insert(&transaction, certificate)? else {
                return Ok(Err(LedgerError::NotReserved(certificate.serial)));
            };
            if !spend(&transaction, certificate, id, self.guard.not_before(now))? {
                return Ok(Err(LedgerError::TokenSpent(certificate.subject_id.into())));
            }
            newest = Some(id.unsigned_abs());
        }
        let serials = serials::reserve(&transaction, &mut self.rng, self.stock.low(certificates.len()))?;
        transaction.commit()?;
        self.guard.committed(&self.connection)?;
        if let Some(newest) = newest {
            self.guard.remember(newest);
        }
        self.stock.add(serials);
        Ok(Ok(()))
    }
}

/// Moves a serial from the reserved ones to its certificate; returns the certificate's row, or `None` if the serial is
/// not reserved.
fn insert(
    transaction: &Transaction<'_>,
    certificate: &NewCertificate<'_>,
) -> Result<Option<i64>, StoreError> {
    let serial = certificate.serial.to_be_bytes();
    let mut delete = transaction.prepare_cached("DELETE FROM reserved WHERE serial = ?1")?;
    if delete.execute([serial])? != 1 {
        return Ok(None);
    }
    let (format, content) = match certificate.format {
        CertificateFormat::Json => (0, ValueRef::Text(certificate.certificate)),
        CertificateFormat::X509 => (1, ValueRef::Blob(certificate.certificate)),
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO certificates
             (serial, subject_id, subject_key, not_before, not_after, format, certificate)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let id = insert.insert((
        serial,
        certificate.subject_id.as_str(),
        certificate.subject_key,
        certificate.validity.not_before().get() as i64,
        certificate.validity.not_after().get() as i64,
        format,
        ToSqlOutput::Borrowed(content),
    ))?;
    Ok(Some(id))
}

/// Spends the token of `certificate`, if it has one, on the certificate in row `id`; returns whether it could be spent.
fn spend(
    transaction: &Transaction<'_>,
    certificate: &NewCertificate<'_>,
    id: i64,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let Some(token) = certificate.token else { return Ok(true) };
    let mut update = transaction.prepare_cached(
        "UPDATE tokens SET spent_on = ?1
         WHERE hash = ?2 AND subject_id = ?3 AND expires >= ?4 AND spent_on IS NULL AND revoked IS NULL",
    )?;
    let subject = certificate.subject_id.as_str();
    Ok(update.execute((id, token.as_bytes(), subject, now.get() as i64))? == 1)
}

impl<R> Drop for SqliteLedger<R> {
    fn drop(&mut self) {
        self.guard.end(&mut self.connection);
    }
}

impl<R: TryCryptoRng + Send> Ledger for SqliteLedger<R> {
    fn facts(
        &mut self,
        inquiries: &[Inquiry<'_>],
        now: UnixTime,
    ) -> Result<Vec<Result<LedgerFacts, LedgerError>>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        let latest = self.guard.not_before(now);
        let here = |error: StoreError| LedgerError::from(error.at(&self.path));
        let all = facts::all_facts(&mut self.connection, inquiries, now, latest).map_err(here)?;
        Ok(all.into_iter().map(|facts| facts.map_err(here)).collect())
    }

    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        let now = self.guard.not_before(now);
        Ok(facts::usable(&self.connection, subject, subject_key, now).map_err(|e| e.at(&self.path))?)
    }

    fn free_space(&mut self) -> u64 {
        self.space.free()
    }

    fn reserve(&mut self, count: usize) -> Result<Vec<Serial>, LedgerError> {
        let missing = self.stock.missing(count);
        if missing > 0 {
            self.refill(missing).map_err(|e| e.at(&self.path))?;
        }
        Ok(self.stock.take(count))
    }

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        self.record_all(certificates, now).map_err(|e| e.at(&self.path))?
    }
}

/// How long the free space that was asked for is good: a batch must not ask the disk each time.
const FRESH: Duration = Duration::from_secs(1);

/// Asks for the free space where a folder is, at most once a second.
struct Space {
    folder: PathBuf,
    known: Option<(Instant, u64)>,
}

impl Space {
    const fn new(folder: PathBuf) -> Self {
        Self { folder, known: None }
    }

    /// The bytes that an unprivileged process can still write; [`u64::MAX`] if the system does not say: then the next
    /// write tells.
    fn free(&mut self) -> u64 {
        match self.known {
            Some((asked, free)) if asked.elapsed() < FRESH => free,
            _ => {
                let free = files::free_space(&self.folder).unwrap_or(u64::MAX);
                self.known = Some((Instant::now(), free));
                free
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use minipki_core::trust::Validity;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one_and_heals() {
        let folder = tempfile::tempdir().expect("a folder");
        let issuer_id: minipki_core::cert::IdBuf = "ca".parse().expect("a name");
        let owner =
            Owner { issuer_id: issuer_id.clone(), fingerprint: minipki_core::keys::Fingerprint([1; 32]) };
        open::create(folder.path(), &owner).expect("made");
        let mut ledger = SqliteLedger::open(folder.path(), &owner).expect("opened");
        let time = |seconds| UnixTime::new(seconds).expect("a time");
        let serials = ledger.reserve(2).expect("reserved");
        let certificate = NewCertificate {
            serial: serials[0],
            subject_id: issuer_id.as_id(),
            subject_key: &[1; 32],
            validity: Validity::new(time(1), time(2)).expect("in order"),
            // More than what is free in the pages that there are.
            format: CertificateFormat::Json,
            certificate: &[b'x'; 32 * 1024],
            token: None,
        };
        let pages: i64 =
            ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("read");
        ledger.connection.pragma_update(None, "max_page_count", pages).expect("set");
        let full = ledger.record(&[certificate], time(1));
        assert!(matches!(full, Err(LedgerError::Unavailable(_))), "{full:?}");
        ledger.connection.pragma_update(None, "max_page_count", 2 * pages + 100).expect("set");
        ledger
            .record(&[certificate], time(1))
            .expect("there is room again, and the serial is still reserved");
    }
}
