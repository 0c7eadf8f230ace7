//! What the authority needs from outside: something that signs and something that remembers.

use std::error::Error;

use minipki_core::cert::Id;
use minipki_core::crypto::rsa;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

pub use super::token::TokenHash;

/// An RSA signature: as many bytes as the key's modulus, big-endian (RFC 8017 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes over what a signer made.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The signature's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Holds the CA's private key and signs with it.
///
/// Signing takes hundreds of microseconds a message: call it off the async threads.
pub trait Signer: Send {
    /// The key its signatures verify under.
    fn public_key(&self) -> &rsa::PublicKey;

    /// Signs each message: RSASSA-PSS, SHA-256, MGF1-SHA-256, with the largest salt the modulus
    /// allows (RFC 8017 §8.1.1; protocol §3). The signatures are in the order of the messages.
    ///
    /// # Errors
    /// [`SignError`] if any one could not be signed; then none is returned.
    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError>;
}

/// A signer failed; its reason is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
#[error("the signer failed, so nothing of this batch was issued: {0}")]
pub struct SignError(#[source] Box<dyn Error + Send + Sync>);

impl SignError {
    /// Wraps the signer's own reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// What is recorded of one certificate.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its serial number, one that [`Ledger::reserve`] handed out.
    pub serial: Serial,
    /// Whom it names.
    pub subject_id: Id<'a>,
    /// The X25519 public key it certifies.
    pub subject_key: [u8; 32],
    /// When it is valid.
    pub validity: Validity,
    /// Its text, byte for byte as it is answered.
    pub certificate: &'a [u8],
    /// The token that was proven for it, to be spent with it.
    pub token: Option<TokenHash>,
}

/// One request, as the ledger is asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The subject of the certificate that is asked for.
    pub subject_id: Id<'a>,
    /// The X25519 public key that it is to certify.
    pub subject_key: [u8; 32],
    /// The token that was proven, if any.
    pub token: Option<TokenHash>,
}

/// The facts in a ledger that matter for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFacts {
    /// The key that the subject's name belongs to: that of its newest certificate that has not expired. After a token
    /// has moved a name to another key, certificates of both keys may be valid.
    pub holder: Option<[u8; 32]>,
    /// Whether the token can be spent on this request.
    pub token_live: bool,
    /// The newest certificate, not expired, for the same subject, key and authorization: the token was spent on it,
    /// or, where the request has no token, none was. A token counts until it expires or is revoked.
    pub earlier: Option<Recorded>,
}

/// A certificate in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its serial number.
    pub serial: Serial,
    /// When it is valid.
    pub validity: Validity,
    /// Its text, byte for byte as it was answered.
    pub certificate: Vec<u8>,
}

/// Remembers serial numbers, certificates and tokens, across crashes.
///
/// What a method has returned `Ok` for is on the disk.
pub trait Ledger: Send {
    /// Answers each of `inquiries` at `now`, in their order; [`LedgerError::Damaged`] stands in the place of one that
    /// cannot be answered.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Storage`]: none of them can be answered.
    fn facts(
        &mut self,
        inquiries: &[Inquiry<'_>],
        now: UnixTime,
    ) -> Result<Vec<Result<LedgerFacts, LedgerError>>, LedgerError>;

    /// The tokens that a proof of `subject` with this key may have been made with at `now`: those that can still be
    /// spent, and those that were spent on a certificate for this key, as long as the name belongs to the key.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Storage`].
    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8; 32],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError>;

    /// How many bytes are free where the ledger is stored, as of a second ago at the latest; [`u64::MAX`] if nobody
    /// can tell.
    fn free_space(&mut self) -> u64;

    /// Hands out `count` random serial numbers that were never handed out before, and never will
    /// be again, whatever happens next: they may be signed at once.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Storage`].
    fn reserve(&mut self, count: usize) -> Result<Vec<Serial>, LedgerError>;

    /// Records all `entries` and spends their tokens, in one transaction at the time `now`.
    ///
    /// # Errors
    /// Whatever the error, nothing was recorded and no token was spent.
    fn record(&mut self, entries: &[Entry<'_>], now: UnixTime) -> Result<(), LedgerError>;
}

/// A ledger refused or failed; its reason is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A serial number that was not reserved, or is recorded already.
    #[error(
        "serial number {0} is not among the reserved ones: only serials from `reserve` can be recorded, once"
    )]
    NotReserved(Serial),
    /// A token that was live when the batch was judged and is not any more.
    #[error("a token of {0} was spent, withdrawn or expired while its certificate was being signed")]
    TokenSpent(String),
    /// A row was changed from outside. Only requests that need this row are concerned.
    #[error("{0}")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// The storage below cannot be used at the moment: it is locked by another process, or full. It heals by waiting.
    #[error("the ledger cannot be used at the moment: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The storage below failed.
    #[error("the ledger could not be read or written: {0}")]
    Storage(#[source] Box<dyn Error + Send + Sync>),
}
