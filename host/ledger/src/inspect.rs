//! Whether a ledger is sound: its structure, and each certificate in it.

use std::fs;
use std::path::Path;

use minipki_core::cert::{Anchor, Certificate, verify};
use minipki_core::crypto::Portable;
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;

use super::files::companion;
use super::{FILE, SqliteReader, StoreError};
use minipki_ca::ports::{BadRow, CertificateFormat, CertificateRecord, Page};

/// How many faults of a ledger's structure are told: the first shows that there are some.
const FAULTS: u32 = 20;

/// How many certificates are read at a time.
const PORTION: usize = 500;

/// The files of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The ledger itself, in bytes.
    pub ledger: u64,
    /// Its write-ahead log, in bytes; 0 if there is none.
    pub log: u64,
    /// When the log was folded into the ledger last, in seconds since 1970: only that changes the ledger's file.
    pub folded: u64,
}

impl Sizes {
    /// At how many bytes a write-ahead log has grown for want of being folded in: four times what is usual.
    pub const LOG_TOO_LONG: u64 = 64 * 1024 * 1024;

    /// The files in `folder`.
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
            folded: u64::try_from(about.mtime()).unwrap_or(0),
        })
    }
}

impl SqliteReader {
    /// The faults of the ledger's structure, in SQLite's words, the first twenty of them: pages, tables, and
    /// indexes that do not agree with their tables. It reads the whole file.
    ///
    /// # Errors
    /// [`StoreError::At`] for a ledger that cannot be read at all.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut query = self.connection().prepare(&format!("PRAGMA integrity_check({FAULTS})"))?;
            query.query_map([], |row| row.get(0))?.collect()
        };
        let lines = read().map_err(|e| StoreError::from(e).in_ledger(self.connection()))?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Verifies each certificate under `anchor`, whatever the time, and compares its text with the columns beside it.
    /// Calls `bad` for each row that does not hold; returns how many rows there are. A signature takes some 50
    /// microseconds.
    ///
    /// # Errors
    /// [`StoreError::At`] from the first row on that cannot be read at all.
    pub fn verify_all(&self, anchor: &Anchor, mut bad: impl FnMut(BadRow)) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut after = 0;
        loop {
            let mut rows = Vec::new();
            let read = self.read_page(Page { subject: None, after, limit: PORTION }, &mut rows);
            count += rows.len() as u64;
            for row in &rows {
                match row {
                    Ok(record) => {
                        if let Err(what) = verify_row(record, anchor) {
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
                return Ok(count);
            }
        }
    }
}

fn verify_row(record: &CertificateRecord, anchor: &Anchor) -> Result<(), &'static str> {
    // No part of minipki issues another one.
    if record.format != CertificateFormat::Json {
        return Err("format");
    }
    let certificate = Certificate::parse(&record.certificate).map_err(|_| "certificate's text")?;
    if certificate.serial_number() != record.serial {
        return Err("serial number that is not the certificate's");
    }
    if certificate.subject_id() != record.subject_id.as_id() {
        return Err("subject that is not the certificate's");
    }
    if certificate.subject_key().as_bytes().as_slice() != record.subject_key {
        return Err("public key that is not the certificate's");
    }
    if certificate.validity() != record.validity {
        return Err("validity that is not the certificate's");
    }
    let begin = Now::Exact(record.validity.not_before());
    verify(Portable::new(), anchor, &certificate, begin, RevocationCheck::NotChecked)
        .map(drop)
        .map_err(|_| "signature that does not verify")
}
