//! The ledger of the CA that issues, open to write.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use getrandom::SysRng;
use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rand_core::TryCryptoRng;
use rusqlite::{Connection, TransactionBehavior};

use super::files::Lock;
use super::guard::Guard;
use super::open::{self, Accept};
use super::record::record_all;
use super::rows::row_error;
use super::serials::{self, Stock};
use super::{FILE, Owner, StoreError, chains, facts, issuer_keys, publication, revocations, revoke, twins};
use minipki_ca::Publication;
use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, Inquiry, IssuerKey, KeyChain, Ledger, LedgerError, LedgerFacts,
    NewCertificate, Recorder, RequestFacts, RequestHash, RevocationBook, RevocationChange, RevocationError,
    RevocationOutcome, StatedStatus, TokenHash, TwinFacts,
};
use minipki_os::files;

/// The time limit for another process's transaction. A batch can wait twice, to reserve and to record, after a batch
/// that has waited twice too. All this takes less than the ten seconds that a client waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A CA's ledger, open to issue. Meanwhile no other process can open it to issue.
///
/// A drop closes the ledger in order, and writes the write-ahead log back.
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
    /// [`StoreError`], for example [`StoreError::Locked`] while another process serves the folder,
    /// [`StoreError::Missing`] without a ledger, and [`StoreError::Foreign`] for the ledger of another CA.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        Self::open_with(folder, owner, Accept::default(), SysRng)
    }
}

impl<R: TryCryptoRng> SqliteLedger<R> {
    /// [`SqliteLedger::open`] with the operator's exceptions and a source of random numbers.
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

    /// Checks the machine's clock against the ledger's newest time, and records it. Must precede the first certificate.
    ///
    /// # Errors
    /// [`StoreError::ClockBehind`] unless `accept` allows it, [`StoreError::ClockUnset`].
    pub fn start_at(&mut self, now: UnixTime, accept: Accept) -> Result<(), StoreError> {
        self.guard.start_at(&self.connection, now, accept.clock).map_err(|e| e.at(&self.path))
    }

    /// Draws serial numbers, and reserves them on the disk.
    fn draw(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.check_before(&transaction, None)?;
        let serials = serials::reserve(&transaction, &mut self.rng, count, format)?;
        transaction.commit()?;
        self.guard.check_after(&self.connection)?;
        Ok(serials)
    }

    /// Records `certificates`. The inner error is the ledger's refusal of one of them.
    fn record_all(
        &mut self,
        certificates: &[NewCertificate<'_>],
        now: UnixTime,
    ) -> Result<Result<(), LedgerError>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.check_before(&transaction, Some(now))?;
        let newest = match record_all(&transaction, certificates, now, self.guard.newest_time(now))? {
            Ok(newest) => newest,
            Err(refused) => return Ok(Err(refused)),
        };
        let revocations = revocations::number(&transaction)?;
        let low = self.stock.refill_count(certificates.len());
        let serials = serials::reserve(&transaction, &mut self.rng, low, CertificateFormat::Json)?;
        transaction.commit()?;
        self.guard.check_after(&self.connection)?;
        if let Some(newest) = newest {
            self.guard.record_newest(newest.unsigned_abs(), revocations);
        }
        self.stock.add(serials);
        Ok(Ok(()))
    }

    fn revoke_all(
        &mut self,
        changes: &[RevocationChange],
        now: UnixTime,
    ) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.check_before(&transaction, Some(now))?;
        let outcomes = revoke::revoke_all(&transaction, changes, now)?;
        let revocations = revocations::number(&transaction)?;
        transaction.commit()?;
        self.guard.check_after(&self.connection)?;
        self.guard.record_revocations(revocations);
        Ok(outcomes)
    }

    /// Records the former keys of the CA and its present one, the oldest first, with the updates that lead from one to the
    /// next. The ledger must have the present key alone, as one that was made in the place of a lost ledger has.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger has other keys; the errors of a commit.
    pub fn restore_keys(&mut self, keys: &[IssuerKey]) -> Result<(), LedgerError> {
        self.change(None, |connection| issuer_keys::restore(connection, keys))
            .map_err(|e| e.at(&self.path))?
    }

    /// Changes the ledger with `change`, in one transaction. The inner error is the ledger's refusal.
    fn change(
        &mut self,
        now: Option<UnixTime>,
        change: impl FnOnce(&Connection) -> Result<Result<(), LedgerError>, StoreError>,
    ) -> Result<Result<(), LedgerError>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.guard.check_before(&transaction, now)?;
        if let Err(refused) = change(&transaction)? {
            return Ok(Err(refused));
        }
        transaction.commit()?;
        self.guard.check_after(&self.connection)?;
        Ok(Ok(()))
    }

    /// Reads from the ledger with `read`, after a check of its files.
    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, LedgerError> {
        self.guard.check_files(&self.connection)?;
        read(&mut self.connection).map_err(|error| row_error(&self.connection, error))
    }
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
        let latest = self.guard.newest_time(now);
        let at_path = |error: StoreError| LedgerError::from(error.at(&self.path));
        let all = facts::all_facts(&mut self.connection, inquiries, now, latest).map_err(at_path)?;
        Ok(all.into_iter().map(|facts| facts.map_err(at_path)).collect())
    }

    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        let now = self.guard.newest_time(now);
        Ok(facts::usable(&self.connection, subject, subject_key, now).map_err(|e| e.at(&self.path))?)
    }

    fn find(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError> {
        self.read(|connection| facts::by_serial(connection, serial))
    }

    fn statuses(
        &mut self,
        serials: &[Serial],
    ) -> Result<(u64, Vec<Result<StatedStatus, LedgerError>>), LedgerError> {
        let (number, stated) = self.read(|connection| revocations::statuses(connection, serials))?;
        let each = stated.into_iter().map(|one| one.map_err(|error| row_error(&self.connection, error)));
        Ok((number, each.collect()))
    }

    fn twin_facts(
        &mut self,
        serials: &[Serial],
    ) -> Result<Vec<Result<Option<TwinFacts>, LedgerError>>, LedgerError> {
        let facts = self.read(|connection| twins::facts(connection, serials))?;
        let each = facts.into_iter().map(|one| one.map_err(|error| row_error(&self.connection, error)));
        Ok(each.collect())
    }

    fn record_twins(&mut self, twins: &[(Serial, Vec<u8>)], now: UnixTime) -> Result<(), LedgerError> {
        self.change(Some(now), |connection| twins::record(connection, twins).map(Ok))
            .map_err(|e| e.at(&self.path))?
    }

    fn issuer_keys(&mut self) -> Result<Vec<IssuerKey>, LedgerError> {
        self.read(|connection| issuer_keys::all(connection))
    }

    fn change_key(&mut self, key: &IssuerKey, now: UnixTime) -> Result<(), LedgerError> {
        let change = |connection: &Connection| issuer_keys::change(connection, key);
        self.change(Some(now), change).map_err(|e| e.at(&self.path))?
    }

    fn free_space(&mut self) -> u64 {
        self.space.free()
    }
}

impl<R: TryCryptoRng + Send> RevocationBook for SqliteLedger<R> {
    fn revoke(
        &mut self,
        changes: &[RevocationChange],
        now: UnixTime,
    ) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, LedgerError> {
        Ok(self.revoke_all(changes, now).map_err(|e| e.at(&self.path))?)
    }
}

impl<R: TryCryptoRng + Send> Recorder for SqliteLedger<R> {
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError> {
        // Only JSON certificates are issued often enough for a stock.
        if format != CertificateFormat::Json {
            return Ok(self.draw(count, format).map_err(|e| e.at(&self.path))?);
        }
        let missing = self.stock.missing(count);
        if missing > 0 {
            let serials = self.draw(missing, format).map_err(|e| e.at(&self.path))?;
            self.stock.add(serials);
        }
        Ok(self.stock.take(count))
    }

    fn request_facts(&mut self, hash: RequestHash, subject_key: &[u8]) -> Result<RequestFacts, LedgerError> {
        self.read(|connection| facts::of_request(connection, hash, subject_key))
    }

    fn publication(&mut self) -> Result<Publication, LedgerError> {
        self.read(|connection| publication::read(connection))
    }

    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError> {
        self.read(|connection| chains::of(connection, key))
    }

    fn set_chain(&mut self, key: Fingerprint, chain: Option<&[u8]>) -> Result<(), LedgerError> {
        self.change(None, |connection| chains::set(connection, key, chain).map(Ok))
            .map_err(|e| e.at(&self.path))?
    }

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        self.record_all(certificates, now).map_err(|e| e.at(&self.path))?
    }
}

/// The lifetime of a cached value of the free space, so that not every batch asks the operating system.
const CACHED: Duration = Duration::from_secs(1);

/// The free space on the disk of a folder, cached for a second.
struct Space {
    folder: PathBuf,
    known: Option<(Instant, u64)>,
}

impl Space {
    const fn new(folder: PathBuf) -> Self {
        Self { folder, known: None }
    }

    /// The bytes that an unprivileged process can still write. [`u64::MAX`] if this is unknown: then the next write can
    /// fail.
    fn free(&mut self) -> u64 {
        match self.known {
            Some((since, free)) if since.elapsed() < CACHED => free,
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
        let owner = Owner { issuer_id: issuer_id.clone(), fingerprint: Fingerprint([1; 32]) };
        open::create(folder.path(), &owner).expect("made");
        let mut ledger = SqliteLedger::open(folder.path(), &owner).expect("opened");
        let time = |seconds| UnixTime::new(seconds).expect("a time");
        let serials = ledger.reserve(2, CertificateFormat::Json).expect("reserved");
        let certificate = NewCertificate {
            serial: serials[0],
            subject_id: issuer_id.as_id(),
            subject_key: &[1; 32],
            validity: Validity::new(time(1), time(2)).expect("in order"),
            // More than the free space in the existing pages.
            format: CertificateFormat::Json,
            certificate: &[b'x'; 32 * 1024],
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
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
