//! The port that the authority issues through.

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

use super::{CertificateFormat, CertificateRecord, LedgerError, TokenHash};

/// A certificate to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewCertificate<'a> {
    /// Its serial number, one that [`Ledger::reserve`] handed out.
    pub serial: Serial,
    /// Whom it names.
    pub subject_id: Id<'a>,
    /// The public key it certifies, as [`CertificateFormat`] says.
    pub subject_key: &'a [u8],
    /// When it is valid.
    pub validity: Validity,
    /// The format of its bytes.
    pub format: CertificateFormat,
    /// The certificate, byte for byte as it is answered.
    pub certificate: &'a [u8],
    /// The token that was proven for it, to be spent with it.
    pub token: Option<TokenHash>,
}

/// One request, as the ledger is asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The subject of the certificate that is asked for.
    pub subject_id: Id<'a>,
    /// The public key that it is to certify, as [`CertificateFormat`] says.
    pub subject_key: &'a [u8],
    /// The token that was proven, if any.
    pub token: Option<TokenHash>,
}

/// The facts in a ledger that matter for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFacts {
    /// The key that the subject's name belongs to: that of its newest certificate of any format that has not expired.
    /// After a token has moved a name to another key, certificates of both keys may be valid.
    pub holder: Option<Vec<u8>>,
    /// Whether the token can be spent on this request.
    pub token_live: bool,
    /// The newest certificate, not expired, for the same subject, key and authorization: the token was spent on it,
    /// or, where the request has no token, none was. A token counts until it expires or is revoked.
    pub earlier: Option<CertificateRecord>,
}

/// Remembers serial numbers, certificates and tokens, across crashes.
///
/// When a method returns `Ok`, its work is on the disk. The newest time that the ledger was used at is remembered too:
/// tokens expire by the later of this time and `now`.
pub trait Ledger: Send {
    /// Answers each of `inquiries` at `now`, in their order; [`LedgerError::Damaged`] stands in the place of one that
    /// cannot be answered.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`]: none of them can be answered.
    fn facts(
        &mut self,
        inquiries: &[Inquiry<'_>],
        now: UnixTime,
    ) -> Result<Vec<Result<LedgerFacts, LedgerError>>, LedgerError>;

    /// The tokens that a proof of `subject` with this key may have been made with at `now`: those that can still be
    /// spent, and those that were spent on a certificate for this key, as long as the name belongs to the key.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError>;

    /// How many bytes are free where the ledger is stored, as of a second ago at the latest; [`u64::MAX`] if nobody
    /// can tell.
    fn free_space(&mut self) -> u64;

    /// Hands out `count` random serial numbers that were never handed out before, and never will
    /// be again, whatever happens next: they may be signed at once. They are from 1 to 2^53-1, which every format can
    /// hold.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn reserve(&mut self, count: usize) -> Result<Vec<Serial>, LedgerError>;

    /// Records all `certificates` and spends their tokens, in one transaction at the time `now`.
    ///
    /// # Errors
    /// [`LedgerError::NotReserved`], [`LedgerError::TokenSpent`], [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`]. Whatever the error, nothing was recorded and no token was spent.
    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError>;
}
