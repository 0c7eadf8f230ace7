//! The ports for issuing certificates.

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

use super::{CertificateFormat, CertificateRecord, LedgerError, TokenHash};

/// A certificate to record.
#[derive(Clone, Copy, Debug)]
pub struct NewCertificate<'a> {
    /// The serial number, from [`Recorder::reserve`].
    pub serial: Serial,
    /// The subject.
    pub subject_id: Id<'a>,
    /// The public key, in the form that [`CertificateFormat`] defines.
    pub subject_key: &'a [u8],
    /// The validity.
    pub validity: Validity,
    /// The format of its bytes.
    pub format: CertificateFormat,
    /// The encoded certificate.
    pub certificate: &'a [u8],
    /// The token to spend on it.
    pub token: Option<TokenHash>,
}

/// A query for the facts about one request.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The subject of the requested certificate.
    pub subject_id: Id<'a>,
    /// The public key to certify, in the form that [`CertificateFormat`] defines.
    pub subject_key: &'a [u8],
    /// The proven token, if there is one.
    pub token: Option<TokenHash>,
}

/// The facts in a ledger that matter for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFacts {
    /// The key that the name belongs to: the key of the newest JSON certificate that has not expired. X.509
    /// certificates do not count. After a token has moved a name, certificates of both keys may be valid.
    pub holder: Option<Vec<u8>>,
    /// Whether the token can be spent on this request.
    pub token_live: bool,
    /// The newest JSON certificate that has not expired, for the same subject, key and token. A request without a token
    /// matches a certificate without a token. A token counts until it expires or is revoked.
    pub earlier: Option<CertificateRecord>,
}

/// Stores serial numbers and certificates durably. When a method returns `Ok`, its changes are on the disk.
pub trait Recorder: Send {
    /// Reserves `count` random serial numbers. No number is ever reserved twice, even after a crash, so they may be
    /// signed at once. Numbers for JSON are from 1 to 2^53-1. Numbers for X.509 have exactly 20 octets.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError>;

    /// Records all `certificates` and spends their tokens, in one transaction at the time `now`.
    ///
    /// # Errors
    /// [`LedgerError::NotReserved`], [`LedgerError::TokenSpent`], [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`]: nothing was recorded, and no token was spent.
    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError>;
}

/// The ledger of the authority: a [`Recorder`] that also answers queries. One process has it open at a time.
///
/// The ledger stores the newest time of its use. Tokens expire by the later of this time and `now`.
pub trait Ledger: Recorder {
    /// The facts for each of `inquiries` at `now`, in their order. An inquiry that needs a damaged row has
    /// [`LedgerError::Damaged`].
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn facts(
        &mut self,
        inquiries: &[Inquiry<'_>],
        now: UnixTime,
    ) -> Result<Vec<Result<LedgerFacts, LedgerError>>, LedgerError>;

    /// The possible tokens of a proof of `subject` with this key at `now`: the tokens that can be spent, and the tokens
    /// spent on a certificate for this key while the name belongs to the key.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError>;

    /// The free bytes on the ledger's disk, at most a second old; [`u64::MAX`] if unknown.
    fn free_space(&mut self) -> u64;
}
