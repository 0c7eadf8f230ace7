//! The check of a ledger: its structure, and each certificate in it.

use std::fs;
use std::path::Path;

use minipki_core::cert::Anchor;

use super::files::companion;
use super::rows::bad_row;
use super::verifiers::Verifiers;
use super::{FILE, SqliteReader, StoreError, chains, twins};
use minipki_ca::ports::{BadRow, CertificateFormat, CertificateRecord, Page};
use minipki_ca::{CaCertificate, CaChain, check_record, check_twin};

/// The maximum number of structural errors in a report.
const MAX_ERRORS: u32 = 20;

/// The number of certificates in one read.
const PORTION: usize = 500;

/// The sizes of a ledger's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The size of the ledger itself in bytes.
    pub ledger: u64,
    /// The size of the write-ahead log in bytes; 0 without one.
    pub log: u64,
    /// The time of the last checkpoint, in seconds since 1970. Only a checkpoint changes the ledger's own file.
    pub checkpoint: u64,
}

impl Sizes {
    /// The size in bytes of a write-ahead log whose checkpoints fail: four times the usual maximum.
    pub const LOG_TOO_LONG: u64 = 64 * 1024 * 1024;

    /// The sizes of the files in `folder`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn of(folder: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::MetadataExt;
        let path = folder.join(FILE);
        let about = fs::metadata(&path).map_err(|e| StoreError::io(&path, e))?;
        Ok(Self {
            ledger: about.len(),
            log: fs::metadata(companion(&path, "-wal")).map_or(0, |about| about.len()),
            checkpoint: u64::try_from(about.mtime()).unwrap_or(0),
        })
    }
}

impl SqliteReader {
    /// SQLite's texts for the first 20 structural errors: in pages and tables, and indexes that do not match their
    /// tables. Reads the whole file.
    ///
    /// # Errors
    /// [`StoreError::At`] for a ledger that cannot be read.
    pub fn structure_errors(&self) -> Result<Vec<String>, StoreError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut query = self.connection().prepare(&format!("PRAGMA integrity_check({MAX_ERRORS})"))?;
            query.query_map([], |row| row.get(0))?.collect()
        };
        let lines = read().map_err(|e| StoreError::from(e).in_ledger(self.connection()))?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Verifies each certificate at the start of its validity, under the key that was the CA's key at its record. `anchor`
    /// has this key as the present or a former one. Compares the text with the other columns and with the X.509 twin, and
    /// then the revocations with their history. Calls `bad` for each wrong row. Returns the number of rows. A signature takes about 50
    /// microseconds.
    ///
    /// # Errors
    /// [`StoreError::At`] at the first row that cannot be read.
    pub fn verify_all(&self, anchor: &Anchor, mut bad: impl FnMut(BadRow)) -> Result<u64, StoreError> {
        let installed = self.installed_certificates()?;
        let verifiers = Verifiers::new(self.connection(), anchor, &installed);
        let mut verifiers = verifiers.map_err(|e| e.in_ledger(self.connection()))?;
        let mut count = 0;
        let mut after = 0;
        loop {
            let mut rows = Vec::new();
            let read = self.read_page(Page { subject: None, after, limit: PORTION }, &mut rows);
            count += rows.len() as u64;
            for row in &rows {
                match row {
                    Ok(record) => {
                        let checked = verifiers.of(record).and_then(|anchor| {
                            check_record(anchor, record, &installed)?;
                            self.check_twin(anchor, record, &installed)
                        });
                        if let Err(what) = checked {
                            bad(BadRow { id: record.id, serial: Some(record.serial), what });
                        }
                        after = record.id;
                    }
                    Err(row) => {
                        bad(row.clone());
                        after = row.id.max(after + 1);
                    }
                }
            }
            read?;
            if rows.len() < PORTION {
                break;
            }
        }
        self.check_revocations(bad)?;
        Ok(count)
    }

    /// The certificates that others have made for the CA's keys. A malformed one is left out, and no record has its name.
    fn installed_certificates(&self) -> Result<Vec<CaCertificate>, StoreError> {
        let chains = chains::all(self.connection()).map_err(|e| e.in_ledger(self.connection()))?;
        let own = |chain: &Vec<u8>| CaChain::from_bytes(chain).and_then(|chain| chain.own()).ok();
        Ok(chains.iter().filter_map(own).collect())
    }

    /// Checks the X.509 twin of a certificate, if it has one.
    fn check_twin(
        &self,
        anchor: &Anchor,
        record: &CertificateRecord,
        installed: &[CaCertificate],
    ) -> Result<(), &'static str> {
        let id = i64::try_from(record.id).map_err(|_| "row number")?;
        let twin = twins::of_row(self.connection(), id).map_err(|_| "X.509 twin")?;
        match twin {
            None => Ok(()),
            Some(_) if record.format != CertificateFormat::Json => Err("X.509 twin"),
            Some(twin) => check_twin(anchor, record, &twin, installed).map_err(|_| "X.509 twin"),
        }
    }

    /// Compares the state of each revoked certificate with its newest change, and with its certificate. Calls `bad` for
    /// each wrong row, with the row number and the serial number of the certificate.
    fn check_revocations(&self, mut bad: impl FnMut(BadRow)) -> Result<(), StoreError> {
        let mut read = || -> Result<(), StoreError> {
            let mut query = self.connection().prepare(WRONG_REVOCATIONS)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                bad(bad_row(row, &StoreError::Damaged("revocation")));
            }
            Ok(())
        };
        read().map_err(|e| e.in_ledger(self.connection()))
    }
}

/// The rows of certificates whose revocations are wrong: of a certificate that is not recorded, with other data than the
/// certificate, with another state than the newest change (8 removes a hold), or with a number that was not used yet.
const WRONG_REVOCATIONS: &str = "
    SELECT newest.id, c.serial FROM (
        SELECT certificate AS id, max(number) AS number FROM revocations GROUP BY certificate
        UNION SELECT id, number FROM revoked
    ) AS newest
    LEFT JOIN certificates AS c ON c.id = newest.id
    LEFT JOIN revocations AS r ON r.number = newest.number
    LEFT JOIN revoked AS s ON s.id = newest.id
    WHERE c.id IS NULL OR r.certificate IS NOT newest.id
        OR newest.number > (SELECT revocation_number FROM instance)
        OR CASE r.reason WHEN 8 THEN s.id IS NOT NULL ELSE
            (s.number, s.reason, s.revoked_at, s.serial, s.subject_key, s.format, s.not_after)
                IS NOT (r.number, r.reason, r.time, c.serial, c.subject_key, c.format, c.not_after) END
    GROUP BY newest.id";
