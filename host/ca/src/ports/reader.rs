//! The port that reads a ledger, also while a CA issues.

use std::fmt;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::encoding::pem;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, Serial, Validity};

use super::KeyChain;
use super::{
    AuditRecord, Found, IssuerKeyUse, LedgerError, RequestHash, RevocationRecord, RevokedPage, Search,
    TokenRecord,
};
use crate::Publication;

/// The format of the bytes of a certificate and of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateFormat {
    /// Canonical JSON (protocol §3). The key is an X25519 public key of 32 bytes.
    #[default]
    Json,
    /// X.509 in DER (RFC 5280 §4.1). The key is its SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).
    X509,
}

impl CertificateFormat {
    /// The name of the format in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::X509 => "x509",
        }
    }

    /// A certificate as text: unchanged JSON, or X.509 as PEM (RFC 7468 §5).
    pub fn text(self, certificate: &[u8]) -> String {
        match self {
            Self::Json => String::from_utf8_lossy(certificate).into_owned(),
            Self::X509 => {
                // Base64 and the PEM lines take less than twice the bytes plus 100.
                let mut room = vec![0; 2 * certificate.len() + 100];
                pem::encode("CERTIFICATE", certificate, &mut room).unwrap_or_default().to_owned()
            }
        }
    }
}

/// One recorded certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRecord {
    /// The number in the order of issue, from 1.
    pub id: u64,
    /// The serial number.
    pub serial: Serial,
    /// The subject.
    pub subject_id: IdBuf,
    /// The public key, in the form that [`CertificateFormat`] defines.
    pub subject_key: Vec<u8>,
    /// The validity.
    pub validity: Validity,
    /// The format of its bytes.
    pub format: CertificateFormat,
    /// The encoded certificate.
    pub certificate: Vec<u8>,
    /// The time of issue; `None` if a version of minipki recorded it that stored no time of issue.
    pub issued: Option<UnixTime>,
    /// The certificate that it renews.
    pub renews: Option<Serial>,
    /// The lifetime that a renewal inherits, in seconds. The token has set it for the first certificate. `None` if the
    /// policy decides.
    pub lifetime: Option<u64>,
    /// The present revocation. A certificate on hold has one.
    pub revocation: Option<Revocation>,
}

/// A page of a listing, in the order of issue.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Only the records of this subject.
    pub subject: Option<Id<'a>>,
    /// Only the records after this [`CertificateRecord::id`]; 0 starts at the first.
    pub after: u64,
    /// The maximum number of records.
    pub limit: usize,
}

/// A row with content that minipki did not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The number in the order of issue; 0 if unreadable.
    pub id: u64,
    /// The serial number, if readable.
    pub serial: Option<Serial>,
    /// The error, as a noun phrase.
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

impl miette::Diagnostic for BadRow {}

/// The numbers of certificates and tokens in a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// All certificates.
    pub certificates: u64,
    /// Certificates that have not expired and are neither revoked nor on hold.
    pub live_certificates: u64,
    /// The part of `live_certificates` that ends in less than 7 days.
    pub ending_in_a_week: u64,
    /// The part of `live_certificates` that ends in less than 30 days.
    pub ending_in_a_month: u64,
    /// Certificates that are revoked and not on hold, also if they have expired.
    pub revoked: u64,
    /// Certificates on hold, also if they have expired.
    pub held: u64,
    /// Tokens that can be used.
    pub live_tokens: u64,
}

/// Reads a ledger. Each call sees the state that was committed at its start, and delays no writer.
///
/// Each method may fail with [`LedgerError::Unavailable`] or [`LedgerError::Failed`]. A method that returns records may
/// fail with [`LedgerError::Damaged`] for a row that another program changed.
pub trait LedgerReader: Send {
    /// Adds one page of the records to `rows`, in the order of issue. It continues after a bad row, and keeps the rows
    /// read before an error.
    ///
    /// # Errors
    /// [`LedgerError`] for a ledger that cannot be read.
    fn list_each(
        &mut self,
        page: Page<'_>,
        rows: &mut Vec<Result<CertificateRecord, BadRow>>,
    ) -> Result<(), LedgerError>;

    /// One page of the records, in the order of issue.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with the first [`BadRow`]; otherwise the errors of [`LedgerReader::list_each`].
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

    /// The newest certificate for the request `hash`, in any state.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn find_by_request(&mut self, hash: RequestHash) -> Result<Option<CertificateRecord>, LedgerError>;

    /// The X.509 twin of a JSON certificate, in DER, if it was made.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn twin(&mut self, serial: Serial) -> Result<Option<Vec<u8>>, LedgerError>;

    /// The certification of this key of the CA for X.509.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError>;

    /// One page of the results of `search`.
    ///
    /// # Errors
    /// [`LedgerError::TooSlow`] if the engine stops the search after some seconds.
    fn search(&mut self, search: &Search) -> Result<Found, LedgerError>;

    /// The number of all certificates. It is the number of the newest one, so nothing is counted.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn issued(&mut self) -> Result<u64, LedgerError>;

    /// The counts at `now`.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn counts(&mut self, now: UnixTime) -> Result<LedgerCounts, LedgerError>;

    /// For each of `times`, the number of certificates that were issued before it. Fast, also for a million of them: each
    /// time is searched in the order of issue. The numbers are not exact if the clock was ever set back. Certificates
    /// without a recorded time of issue count as the earliest.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn issued_before(&mut self, times: &[UnixTime]) -> Result<Vec<u64>, LedgerError>;

    /// The time of the last backup with the present key of the CA.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn backed_up(&mut self) -> Result<Option<UnixTime>, LedgerError>;

    /// The number of the token that was spent on this certificate, [`TokenRecord::id`].
    ///
    /// # Errors
    /// [`LedgerError`].
    fn token_of(&mut self, certificate: &CertificateRecord) -> Result<Option<u64>, LedgerError>;

    /// At most `limit` tokens, by the end of their validity and their number, both descending. With `after`, only the
    /// tokens after this end and number.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn list_tokens(
        &mut self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError>;

    /// The last `limit` tokens before this end and number, in the order of [`LedgerReader::list_tokens`].
    ///
    /// # Errors
    /// [`LedgerError`].
    fn list_tokens_before(
        &mut self,
        before: (UnixTime, u64),
        limit: usize,
    ) -> Result<Vec<TokenRecord>, LedgerError>;

    /// All changes of the revocation of one certificate, the first one first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn revocation_history(&mut self, serial: Serial) -> Result<Vec<RevocationRecord>, LedgerError>;

    /// The number of the newest change of a revocation. It only grows. 0 before the first change.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn revocation_number(&mut self) -> Result<u64, LedgerError>;

    /// The publication of the CA.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn publication(&mut self) -> Result<Publication, LedgerError>;

    /// The keys of the CA, the oldest first, with the certificates that each has signed. Fast, also for a million of them.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn issuer_keys(&mut self) -> Result<Vec<IssuerKeyUse>, LedgerError>;

    /// At most `limit` certificates that are revoked or on hold, of all formats, in ascending order of their serial
    /// numbers. With `issuer_key`, only the certificates that this key of the CA has signed. With `after`, only the
    /// certificates after this serial number.
    ///
    /// # Errors
    /// [`LedgerError::UnknownKey`] if the CA never had `issuer_key`; [`LedgerError`].
    fn list_revoked(
        &mut self,
        issuer_key: Option<Fingerprint>,
        after: Option<Serial>,
        limit: usize,
    ) -> Result<RevokedPage, LedgerError>;

    /// At most `limit` entries of the audit log, the newest first. With `before`, only the entries before this number.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn list_audit(&mut self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>, LedgerError>;
}
