//! The write half: what a CA issues through.

use std::path::{Path, PathBuf};

use getrandom::SysRng;
use minipki_core::cert::{Id, Serial};
use minipki_core::text::UnixTime;
use rand_core::TryCryptoRng;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::guard::Guard;
use super::lock::Lock;
use super::open::{self, Accept};
use super::schema::Owner;
use super::serials::{self, Stock};
use super::{FILE, StoreError, tokens};
use crate::ca::ports::{Entry, Ledger, LedgerError, TokenHash};

/// A CA's ledger, open to issue. While it lives no other process can open the same one.
///
/// Dropping it ends that in order: the write-ahead log is folded in.
pub struct SqliteLedger<R = SysRng> {
    path: PathBuf,
    connection: Connection,
    guard: Guard,
    stock: Stock,
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
        let mut connection = open::open_to_write(folder, owner, accept)?;
        let mut begin = || {
            open::quick_check(&mut connection, &path)?;
            Guard::begin(folder, &mut connection)
        };
        let guard = begin().map_err(|e| e.at(&path))?;
        Ok(Self { path, connection, guard, stock: Stock::default(), rng, _lock: lock })
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

    fn record_all(&mut self, entries: &[Entry<'_>], now: UnixTime) -> Result<(), LedgerError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        self.guard.enter(&transaction, Some(now))?;
        for entry in entries {
            let id = insert(&transaction, entry)?;
            tokens::spend(&transaction, entry, id, self.guard.not_before(now))?;
        }
        let serials = serials::reserve(&transaction, &mut self.rng, self.stock.low(entries.len()))?;
        transaction.commit().map_err(StoreError::from)?;
        self.guard.committed(&self.connection)?;
        self.stock.add(serials);
        Ok(())
    }
}

/// Moves a serial from the reserved ones to its certificate; returns the certificate's row.
fn insert(transaction: &Transaction<'_>, entry: &Entry<'_>) -> Result<i64, LedgerError> {
    let serial = entry.serial.get() as i64;
    let moved = transaction
        .prepare_cached("DELETE FROM reserved WHERE serial = ?1")
        .and_then(|mut delete| delete.execute([serial]))
        .map_err(StoreError::from)?;
    if moved != 1 {
        return Err(LedgerError::NotReserved(entry.serial.get()));
    }
    transaction
        .prepare_cached(
            "INSERT INTO certificates (serial, subject_id, subject_key, not_before, not_after, certificate)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.insert((
                serial,
                entry.subject_id.as_str(),
                entry.subject_key,
                entry.validity.not_before().get() as i64,
                entry.validity.not_after().get() as i64,
                ToSqlOutput::Borrowed(ValueRef::Text(entry.certificate)),
            ))
        })
        .map_err(|e| StoreError::from(e).into())
}

/// The keys of the newest certificates alive, all read in one transaction: each one locks the file anew.
fn newest_keys(
    connection: &mut Connection,
    subjects: &[Id<'_>],
    now: UnixTime,
) -> Result<Vec<Option<[u8; 32]>>, StoreError> {
    let transaction = connection.transaction()?;
    let mut newest = transaction.prepare_cached(
        "SELECT subject_key FROM certificates
         WHERE subject_id = ?1 AND not_after >= ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let mut key = |subject: &Id<'_>| {
        newest.query_row((subject.as_str(), now.get() as i64), |row| row.get(0)).optional()
    };
    Ok(subjects.iter().map(&mut key).collect::<Result<_, _>>()?)
}

impl<R> Drop for SqliteLedger<R> {
    fn drop(&mut self) {
        self.guard.end(&mut self.connection);
    }
}

impl<R: TryCryptoRng + Send> Ledger for SqliteLedger<R> {
    fn holders(&mut self, subjects: &[Id<'_>], now: UnixTime) -> Result<Vec<Option<[u8; 32]>>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        Ok(newest_keys(&mut self.connection, subjects, now).map_err(|e| e.at(&self.path))?)
    }

    fn live_tokens(&mut self, subject: Id<'_>, now: UnixTime) -> Result<Vec<TokenHash>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        let now = self.guard.not_before(now);
        Ok(tokens::live(&self.connection, subject, now).map_err(|e| e.at(&self.path))?)
    }

    fn reserve(&mut self, count: usize) -> Result<Vec<Serial>, LedgerError> {
        let missing = self.stock.missing(count);
        if missing > 0 {
            self.refill(missing).map_err(|e| e.at(&self.path))?;
        }
        Ok(self.stock.take(count))
    }

    fn record(&mut self, entries: &[Entry<'_>], now: UnixTime) -> Result<(), LedgerError> {
        self.record_all(entries, now).map_err(|error| match error {
            LedgerError::Storage(source) => match source.downcast::<StoreError>() {
                Ok(error) => error.at(&self.path).into(),
                Err(other) => LedgerError::Storage(other),
            },
            other => other,
        })
    }
}
