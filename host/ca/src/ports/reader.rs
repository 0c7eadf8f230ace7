//! The port that reads what was issued, also while a CA issues.

use std::fmt;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

use super::{AuditRecord, Found, LedgerError, Search, TokenRecord};

/// The format of the bytes of a certificate and of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateFormat {
    /// Canonical JSON (protocol §3). The key is an X25519 public key of 32 bytes.
    #[default]
    Json,
    /// X.509 in DER (RFC 5280 §4.1). The key is its SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).
    X509,
}

/// One recorded certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Its place in the order of issue, from 1: where a listing goes on.
    pub id: u64,
    /// Its serial number.
    pub serial: Serial,
    /// Whom it names.
    pub subject_id: IdBuf,
    /// The public key it certifies, as [`CertificateFormat`] says.
    pub subject_key: Vec<u8>,
    /// When it is valid.
    pub validity: Validity,
    /// The format of its bytes.
    pub format: CertificateFormat,
    /// The certificate, byte for byte as it was answered.
    pub certificate: Vec<u8>,
}

/// Which records a listing gives, in the order of issue.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Only those of this subject.
    pub subject: Option<Id<'a>>,
    /// Only those after this [`CertificateRecord::id`]; 0 starts at the first.
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
    pub serial: Option<Serial>,
    /// The fault, as a noun phrase.
    pub what: &'static str,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} with serial number ", self.id)?;
        match self.serial {
            Some(serial) => serial.fmt(f)?,
            None => f.write_str("unknown")?,
        }
        write!(f, " has a wrong {}", self.what)
    }
}

impl std::error::Error for BadRow {}

/// How much a ledger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Certificates ever issued.
    pub certificates: u64,
    /// Those that have not run out.
    pub live_certificates: u64,
    /// Tokens that can still be used.
    pub live_tokens: u64,
}

/// Reads a ledger. It sees what was committed when each call began, and never delays a writer.
///
/// Each method may fail with [`LedgerError::Unavailable`] or [`LedgerError::Failed`], and, where it returns records, with
/// [`LedgerError::Damaged`] for a row that was changed from outside.
pub trait LedgerReader: Send {
    /// Adds one page of the records to `rows`, in the order of issue, and goes on after a bad row. It adds what it reads
    /// before an error.
    ///
    /// # Errors
    /// [`LedgerError`], for a ledger that cannot be read.
    fn list_each(
        &mut self,
        page: Page<'_>,
        rows: &mut Vec<Result<CertificateRecord, BadRow>>,
    ) -> Result<(), LedgerError>;

    /// One page of the records, in the order of issue.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with the first [`BadRow`]; otherwise as [`LedgerReader::list_each`].
    fn list(&mut self, page: Page<'_>) -> Result<Vec<CertificateRecord>, LedgerError> {
        let mut rows = Vec::new();
        self.list_each(page, &mut rows)?;
        rows.into_iter().collect::<Result<_, _>>().map_err(|bad| LedgerError::Damaged(bad.into()))
    }

    /// The certificate with this serial number.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn find_by_serial(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError>;

    /// The records of one public key, in the order of issue.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn find_by_key(&mut self, subject_key: &[u8]) -> Result<Vec<CertificateRecord>, LedgerError>;

    /// One page of what `search` asks for.
    ///
    /// # Errors
    /// [`LedgerError::TooSlow`] where the engine gives the search up after some seconds.
    fn search(&mut self, search: &Search) -> Result<Found, LedgerError>;

    /// How many certificates were ever issued: the number of the newest, without counting.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn issued(&mut self) -> Result<u64, LedgerError>;

    /// How much the ledger holds at `now`.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn counts(&mut self, now: UnixTime) -> Result<LedgerCounts, LedgerError>;

    /// At most `limit` tokens, those that expire last first, and of the same end those with the greatest number; after
    /// the one with this end and number, if one is given.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn list_tokens(
        &mut self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError>;

    /// At most `limit` entries of the audit log, the newest first; only those before the number `before`, if one is given.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn list_audit(&mut self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, LedgerError>;
}
