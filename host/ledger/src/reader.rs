//! The read half: look-ups and listings, beside a running server.

use std::path::Path;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::StoreError;
use super::open;
use super::schema::{Instance, Owner};
use super::serials;

/// One recorded certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order of issue, from 1: where a listing goes on.
    pub id: u64,
    /// Its serial number.
    pub serial: Serial,
    /// Whom it names.
    pub subject_id: IdBuf,
    /// The X25519 public key it certifies.
    pub subject_key: [u8; 32],
    /// When it is valid.
    pub validity: Validity,
    /// Its text, as it was answered.
    pub certificate: String,
}

/// Which records a listing gives, in the order of issue.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Only those of this subject.
    pub subject: Option<Id<'a>>,
    /// Only those after this [`Record::id`]; 0 starts at the first.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A row that minipki cannot have written as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its place in the order of issue; 0 if that cannot be read.
    pub id: u64,
    /// Its serial number, if that can be read.
    pub serial: Option<u64>,
    /// What is wrong with it: a noun phrase.
    pub what: &'static str,
}

impl BadRow {
    /// `row`, whose first two columns are the row's number and the serial number, and what was wrong with it.
    pub(super) fn new(row: &Row<'_>, error: &StoreError) -> Self {
        let number = |column| row.get::<_, i64>(column).ok().map(i64::unsigned_abs);
        let what = if let StoreError::Damaged(what) = error { what } else { "row that cannot be read" };
        Self { id: number(0).unwrap_or(0), serial: number(1), what }
    }
}

/// How much a ledger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Certificates ever issued.
    pub certificates: u64,
    /// Those that have not run out.
    pub live_certificates: u64,
    /// Tokens that can still be used.
    pub live_tokens: u64,
}

/// Reads a ledger. It sees what was committed when each call began, and never delays a writer.
pub struct LedgerReader(Connection);

/// The columns of a [`Record`], in the order [`parse`] reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, serial, subject_id, subject_key, not_before, not_after, certificate FROM certificates ",
            $rest
        )
    };
}

pub(super) use select;

impl LedgerReader {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// As for the other halves.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        open::open_to_read(folder, owner).map(Self)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.0
    }

    pub(super) const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.0
    }

    /// One page of the records.
    ///
    /// # Errors
    /// [`StoreError::At`] for a ledger that cannot be read, or for a row changed from outside.
    pub fn list(&self, page: Page<'_>) -> Result<Vec<Record>, StoreError> {
        let mut rows = Vec::new();
        self.list_each(page, &mut rows)?;
        let good = |row: Result<_, BadRow>| row.map_err(|bad| StoreError::Damaged(bad.what));
        rows.into_iter().map(good).collect::<Result<_, _>>().map_err(|e| e.in_ledger(&self.0))
    }

    /// [`LedgerReader::list`] that goes on after a bad row. It adds to `rows` what it reads before any error.
    ///
    /// # Errors
    /// [`StoreError::At`] for a ledger that cannot be read.
    pub fn list_each(
        &self,
        page: Page<'_>,
        rows: &mut Vec<Result<Record, BadRow>>,
    ) -> Result<(), StoreError> {
        let after = i64::try_from(page.after).unwrap_or(i64::MAX);
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        match page.subject {
            None => self.read(select!("WHERE id > ?1 ORDER BY id LIMIT ?2"), (after, limit), rows),
            Some(subject) => self.read(
                select!("WHERE subject_id = ?3 AND id > ?1 ORDER BY id LIMIT ?2"),
                (after, limit, subject.as_str()),
                rows,
            ),
        }
        .map_err(|e| e.in_ledger(&self.0))
    }

    fn read(
        &self,
        sql: &str,
        parameters: impl Params,
        into: &mut Vec<Result<Record, BadRow>>,
    ) -> Result<(), StoreError> {
        let mut query = self.0.prepare_cached(sql)?;
        let mut rows = query.query(parameters)?;
        while let Some(row) = rows.next()? {
            into.push(parse(row).map_err(|error| BadRow::new(row, &error)));
        }
        Ok(())
    }

    /// Which copy of the ledger this is.
    ///
    /// # Errors
    /// [`StoreError::At`].
    pub fn instance(&self) -> Result<Instance, StoreError> {
        Instance::read(&self.0).map_err(|e| e.in_ledger(&self.0))
    }

    /// The records of one public key, in the order of issue.
    ///
    /// # Errors
    /// As [`LedgerReader::list`].
    pub fn find_by_key(&self, subject_key: &[u8; 32]) -> Result<Vec<Record>, StoreError> {
        self.records(select!("WHERE subject_key = ?1 ORDER BY id"), [subject_key])
            .map_err(|e| e.in_ledger(&self.0))
    }

    /// The certificate with this serial number.
    ///
    /// # Errors
    /// As [`LedgerReader::list`].
    pub fn find_by_serial(&self, serial: Serial) -> Result<Option<Record>, StoreError> {
        let find = || {
            let mut query = self.0.prepare_cached(select!("WHERE serial = ?1"))?;
            query.query_row([serials::column(serial)], |row| Ok(parse(row))).optional()?.transpose()
        };
        find().map_err(|e: StoreError| e.in_ledger(&self.0))
    }

    /// How much the ledger holds at `now`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn counts(&self, now: UnixTime) -> Result<Counts, StoreError> {
        count(&self.0, now).map_err(|e| e.in_ledger(&self.0))
    }

    pub(super) fn records(&self, sql: &str, parameters: impl Params) -> Result<Vec<Record>, StoreError> {
        let mut query = self.0.prepare_cached(sql)?;
        let mut rows = query.query(parameters)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(parse(row)?);
        }
        Ok(records)
    }
}

fn count(connection: &Connection, now: UnixTime) -> Result<Counts, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM certificates),
                (SELECT count(*) FROM certificates WHERE not_after >= ?1),
                (SELECT count(*) FROM tokens WHERE expires >= ?1 AND spent_on IS NULL AND revoked IS NULL)",
    )?;
    let count = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(query.query_row([now.get() as i64], |row| {
        Ok(Counts {
            certificates: count(row, 0)?,
            live_certificates: count(row, 1)?,
            live_tokens: count(row, 2)?,
        })
    })?)
}

fn parse(row: &Row<'_>) -> Result<Record, StoreError> {
    let number = |column, what| {
        row.get::<_, i64>(column).ok().and_then(|n| u64::try_from(n).ok()).ok_or(StoreError::Damaged(what))
    };
    let time = |column, what| UnixTime::new(number(column, what)?).map_err(|_| StoreError::Damaged(what));
    Ok(Record {
        id: number(0, "row number")?,
        serial: Serial::new(number(1, "serial number")?).map_err(|_| StoreError::Damaged("serial number"))?,
        subject_id: Id::new(row.get_ref(2)?.as_str().map_err(|_| StoreError::Damaged("subject"))?)
            .map(IdBuf::from)
            .map_err(|_| StoreError::Damaged("subject"))?,
        subject_key: row.get(3).map_err(|_| StoreError::Damaged("public key"))?,
        validity: Validity::new(time(4, "time")?, time(5, "time")?)
            .map_err(|_| StoreError::Damaged("validity"))?,
        certificate: row.get(6).map_err(|_| StoreError::Damaged("certificate"))?,
    })
}
