//! The write half: what a CA issues through.

use std::path::{Path, PathBuf};
use std::time::Duration;

use getrandom::SysRng;
use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use rand_core::TryCryptoRng;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior};

use super::guard::Guard;
use super::lock::Lock;
use super::open::{self, Accept};
use super::reader::BadRow;
use super::schema::Owner;
use super::serials::{self, Stock};
use super::space::Space;
use super::{FILE, StoreError, tokens};
use minipki_ca::ports::{Entry, Inquiry, Ledger, LedgerError, LedgerFacts, Recorded, TokenHash};

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
        let mut connection = open::open_to_write(folder, owner, accept)?;
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

    fn record_all(&mut self, entries: &[Entry<'_>], now: UnixTime) -> Result<(), LedgerError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        self.guard.enter(&transaction, Some(now))?;
        let mut newest = None;
        for entry in entries {
            let id = insert(&transaction, entry)?;
            tokens::spend(&transaction, entry, id, self.guard.not_before(now))?;
            newest = Some(id.unsigned_abs());
        }
        let serials = serials::reserve(&transaction, &mut self.rng, self.stock.low(entries.len()))?;
        transaction.commit().map_err(StoreError::from)?;
        self.guard.committed(&self.connection)?;
        if let Some(newest) = newest {
            self.guard.remember(newest);
        }
        self.stock.add(serials);
        Ok(())
    }
}

/// Moves a serial from the reserved ones to its certificate; returns the certificate's row.
fn insert(transaction: &Transaction<'_>, entry: &Entry<'_>) -> Result<i64, LedgerError> {
    let Some(serial) = serials::column(entry.serial) else {
        return Err(LedgerError::NotReserved(entry.serial));
    };
    let moved = transaction
        .prepare_cached("DELETE FROM reserved WHERE serial = ?1")
        .and_then(|mut delete| delete.execute([serial]))
        .map_err(StoreError::from)?;
    if moved != 1 {
        return Err(LedgerError::NotReserved(entry.serial));
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

/// The facts for each of `inquiries` at `now`, all read in one transaction: each one locks the file anew. Unspent
/// tokens are judged at `latest`, which is later where the clock was set back. A bad row is the answer to an inquiry;
/// any other error ends them all.
fn all_facts(
    connection: &mut Connection,
    inquiries: &[Inquiry<'_>],
    now: UnixTime,
    latest: UnixTime,
) -> Result<Vec<Result<LedgerFacts, StoreError>>, StoreError> {
    let transaction = connection.transaction()?;
    let answer = |inquiry| match facts(&transaction, inquiry, now, latest) {
        Err(error @ StoreError::BadRow(_)) => Ok(Err(error)),
        other => other.map(Ok),
    };
    inquiries.iter().map(answer).collect()
}

fn facts(
    connection: &Connection,
    inquiry: &Inquiry<'_>,
    now: UnixTime,
    latest: UnixTime,
) -> Result<LedgerFacts, StoreError> {
    let holder = holder(connection, inquiry.subject_id, now)?;
    Ok(LedgerFacts {
        holder,
        token_live: match inquiry.token {
            Some(token) => tokens::is_live(connection, inquiry.subject_id, token, latest)?,
            None => false,
        },
        // Nothing else has a certificate that has not expired.
        earlier: if holder.is_some() { earlier(connection, inquiry, now)? } else { None },
    })
}

/// The key of the newest certificate of `subject` that has not expired.
fn holder(connection: &Connection, subject: Id<'_>, now: UnixTime) -> Result<Option<[u8; 32]>, StoreError> {
    let mut newest = connection.prepare_cached(
        "SELECT id, serial, subject_key FROM certificates
         WHERE subject_id = ?1 AND not_after >= ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let key = |row: &Row<'_>| row.get(2).map_err(|_| StoreError::Damaged("public key"));
    newest.query_row((subject.as_str(), now.get() as i64), |row| Ok(sound(row, key))).optional()?.transpose()
}

/// What [`LedgerFacts::earlier`] says. Rows are found by subject or token: a key may have any number of certificates.
fn earlier(
    connection: &Connection,
    inquiry: &Inquiry<'_>,
    now: UnixTime,
) -> Result<Option<Recorded>, StoreError> {
    let Inquiry { subject_id, subject_key, token } = inquiry;
    let (subject, now) = (subject_id.as_str(), now.get() as i64);
    match token {
        None => connection
            .prepare_cached(
                "SELECT id, serial, not_before, not_after, certificate FROM certificates
                 WHERE subject_id = ?1 AND +subject_key = ?2 AND not_after >= ?3 AND NOT EXISTS
                     (SELECT 1 FROM tokens WHERE tokens.subject_id = ?1 AND spent_on = certificates.id)
                 ORDER BY id DESC LIMIT 1",
            )?
            .query_row((subject, subject_key, now), |row| Ok(sound(row, recorded)))
            .optional()?
            .transpose(),
        Some(token) => connection
            .prepare_cached(
                "SELECT certificates.id, serial, not_before, not_after, certificate
                 FROM tokens JOIN certificates ON certificates.id = spent_on
                 WHERE hash = ?4 AND expires >= ?3 AND revoked IS NULL AND certificates.subject_id = ?1
                     AND +subject_key = ?2 AND not_after >= ?3",
            )?
            .query_row((subject, subject_key, now, token.as_bytes()), |row| Ok(sound(row, recorded)))
            .optional()?
            .transpose(),
    }
}

/// What `read` reads from `row`, whose first two columns are its number and the serial number.
fn sound<T>(row: &Row<'_>, read: impl Fn(&Row<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    read(row).map_err(|error| {
        let BadRow { id, serial, what } = BadRow::new(row, &error);
        let serial = serial.map_or_else(|| "?".to_owned(), |serial| serial.to_string());
        StoreError::BadRow(format!("in row {id} with serial number {serial} a {what}"))
    })
}

fn recorded(row: &Row<'_>) -> Result<Recorded, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("certificate");
    let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let time = |column| UnixTime::new(number(column)?).map_err(|_| DAMAGED);
    Ok(Recorded {
        serial: Serial::new(number(1)?).map_err(|_| DAMAGED)?,
        validity: Validity::new(time(2)?, time(3)?).map_err(|_| DAMAGED)?,
        certificate: row.get::<_, String>(4)?.into_bytes(),
    })
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
        let all = all_facts(&mut self.connection, inquiries, now, latest).map_err(here)?;
        Ok(all.into_iter().map(|facts| facts.map_err(here)).collect())
    }

    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8; 32],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError> {
        self.guard.check_files(&self.connection)?;
        let now = self.guard.not_before(now);
        Ok(tokens::usable(&self.connection, subject, subject_key, now).map_err(|e| e.at(&self.path))?)
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

#[cfg(test)]
mod tests {
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
        let entry = Entry {
            serial: serials[0],
            subject_id: issuer_id.as_id(),
            subject_key: [1; 32],
            validity: Validity::new(time(1), time(2)).expect("in order"),
            // More than what is free in the pages that there are.
            certificate: &[b'x'; 32 * 1024],
            token: None,
        };
        let pages: i64 =
            ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("read");
        ledger.connection.pragma_update(None, "max_page_count", pages).expect("set");
        let full = ledger.record(&[entry], time(1));
        assert!(matches!(full, Err(LedgerError::Unavailable(_))), "{full:?}");
        ledger.connection.pragma_update(None, "max_page_count", 2 * pages + 100).expect("set");
        ledger.record(&[entry], time(1)).expect("there is room again, and the serial is still reserved");
    }
}
