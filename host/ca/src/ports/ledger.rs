//! The ports for issuing certificates.

use minipki_core::cert::Id;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};

use super::{
    CertificateFormat, CertificateRecord, IssuerKey, LedgerError, RevocationBook, StatedStatus, TokenHash,
};

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
    /// The certificate that it renews.
    pub renews: Option<Serial>,
    /// Whether the certificate that it renews is revoked for [`RevocationReason::Superseded`] in the same transaction.
    /// The actor of this change is [`RENEWAL`].
    ///
    /// [`RevocationReason::Superseded`]: minipki_core::trust::RevocationReason::Superseded
    pub supersede: bool,
    /// The lifetime to inherit at a renewal, in seconds. See [`CertificateRecord::lifetime`].
    pub lifetime: Option<u64>,
    /// The request that it answers, if a repeated request shall get it again. Those of one call are different.
    pub request: Option<AnsweredRequest>,
}

/// A request for an X.509 certificate, and its earlier answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The request.
    pub hash: RequestHash,
    /// The newest certificate for the same request at the decision, in any state: [`RequestFacts::earlier`].
    pub earlier: Option<Serial>,
}

/// SHA-256 of all that a requester of an X.509 certificate has asked for. Equal requests have equal hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestHash([u8; 32]);

impl RequestHash {
    /// The hash of a request with these parts.
    pub fn of(parts: &[&[u8]]) -> Self {
        // The lengths keep `ab, c` and `a, bc` apart.
        let lengths: Vec<_> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        let pieces: Vec<&[u8]> =
            lengths.iter().zip(parts).flat_map(|(length, part)| [&length[..], *part]).collect();
        Self(Portable::new().sha256(&pieces))
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The facts in a ledger that matter for one request for an X.509 certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The newest certificate for the same request, in any state.
    pub earlier: Option<CertificateRecord>,
    /// Whether a certificate of this key was ever revoked for a compromise of the key.
    pub key_compromised: bool,
}

/// The certification of a key of the CA for X.509.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChain {
    /// The CA certifies the key itself.
    Own,
    /// Another CA certifies the key, and has not done so yet.
    Awaited,
    /// The bytes of a [`CaChain`](crate::CaChain), whose first certificate is for the key.
    Installed(Vec<u8>),
}

/// The facts in a ledger about the twin of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinFacts {
    /// The certificate, in any state and of any format.
    pub record: CertificateRecord,
    /// The key that has signed it.
    pub issuer_key: Fingerprint,
    /// Its X.509 twin in DER, if it was made.
    pub twin: Option<Vec<u8>>,
}

/// The actor of a revocation that a renewal causes. See [`NewCertificate::supersede`].
pub const RENEWAL: &str = "renewal";

/// A query for the facts about one request.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The subject of the requested certificate.
    pub subject_id: Id<'a>,
    /// The public key to certify, in the form that [`CertificateFormat`] defines.
    pub subject_key: &'a [u8],
    /// The proven token, if there is one.
    pub token: Option<TokenHash>,
    /// The certificate to renew.
    pub renews: Option<Serial>,
}

/// The facts in a ledger that matter for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFacts {
    /// The key that the name belongs to: the key of the newest JSON certificate that has not expired and is not revoked.
    /// A certificate on hold counts, so nobody else gets its name. X.509 certificates do not count. After a token has
    /// moved a name, certificates of both keys may be valid.
    pub holder: Option<Vec<u8>>,
    /// Whether the token can be spent on this request.
    pub token_live: bool,
    /// The newest JSON certificate that has not expired, is neither revoked nor on hold, and is for the same subject,
    /// key, token and certificate to renew. A request without a token matches a certificate without a token, and the
    /// same holds for the certificate to renew. A token counts until it expires or is revoked.
    pub earlier: Option<CertificateRecord>,
    /// Whether the holder of the name has a JSON certificate for it that is on hold and has not expired. A certificate of
    /// an earlier holder does not count: with its key, nobody can keep the name from the present holder.
    pub held: bool,
    /// Whether a certificate of this key, or of the key of the certificate to renew, was ever revoked for a compromise of
    /// the key: for any subject, and also if it has expired.
    pub key_compromised: bool,
    /// The lifetime of certificates for the token, in seconds, also if the token cannot be spent. `None` without a
    /// token or if the policy decides.
    pub token_lifetime: Option<u64>,
    /// The certificate with the serial number [`Inquiry::renews`], in any state and of any subject.
    pub current: Option<CertificateRecord>,
}

/// Stores serial numbers and certificates durably. When a method returns `Ok`, its changes are on the disk.
pub trait Recorder: Send {
    /// Reserves `count` random serial numbers. No number is ever reserved twice, even after a crash, so they may be
    /// signed at once. Numbers for JSON are from 1 to 2^53-1. Numbers for X.509 have exactly 16 octets.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError>;

    /// The facts for the request `hash`, for a certificate of `subject_key`: SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn request_facts(&mut self, hash: RequestHash, subject_key: &[u8]) -> Result<RequestFacts, LedgerError>;

    /// The certification of this key of the CA for X.509.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError>;

    /// Records the chain of this key, in place of an earlier one; `None` to wait for one, unless there is one.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn set_chain(&mut self, key: Fingerprint, chain: Option<&[u8]>) -> Result<(), LedgerError>;

    /// Records all `certificates`, spends their tokens and revokes what they supersede, in one transaction at the time
    /// `now`, which is the time of their issue.
    ///
    /// # Errors
    /// [`LedgerError::NotReserved`], [`LedgerError::TokenSpent`], [`LedgerError::Revoked`], [`LedgerError::NameHeld`],
    /// [`LedgerError::KeyCompromised`], [`LedgerError::AnsweredMeanwhile`], [`LedgerError::Unavailable`] or
    /// [`LedgerError::Failed`]: nothing was recorded, no token was spent, and nothing was revoked. A certificate may
    /// supersede the one that another certificate of the same call renews. Names on hold are refused for JSON certificates
    /// only, as in [`LedgerFacts`], and compromised keys for these and for certificates with a request.
    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError>;
}

/// The ledger of the authority: a [`Recorder`] and a [`RevocationBook`] that also answers queries. One process has it
/// open at a time.
///
/// The ledger stores the newest time of its use. Tokens expire by the later of this time and `now`.
pub trait Ledger: Recorder + RevocationBook {
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
    /// spent on a certificate for this key, if it is neither revoked nor on hold, while the name belongs to the key.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn tokens(
        &mut self,
        subject: Id<'_>,
        subject_key: &[u8],
        now: UnixTime,
    ) -> Result<Vec<TokenHash>, LedgerError>;

    /// The certificate with this serial number.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn find(&mut self, serial: Serial) -> Result<Option<CertificateRecord>, LedgerError>;

    /// The statuses of `serials` in their order, each with the key that signed the certificate, and the revocation number
    /// at the same moment. A number that is only reserved is [`CertStatus::Unknown`]. A serial number with a damaged row
    /// has [`LedgerError::Damaged`].
    ///
    /// [`CertStatus::Unknown`]: minipki_core::trust::CertStatus::Unknown
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn statuses(
        &mut self,
        serials: &[Serial],
    ) -> Result<(u64, Vec<Result<StatedStatus, LedgerError>>), LedgerError>;

    /// The facts about the twins of the certificates `serials`, in their order. A serial number with a damaged row has
    /// [`LedgerError::Damaged`].
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn twin_facts(
        &mut self,
        serials: &[Serial],
    ) -> Result<Vec<Result<Option<TwinFacts>, LedgerError>>, LedgerError>;

    /// Records the twins of these certificates, in one transaction at the time `now`. No certificate has a twin before.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Failed`]: nothing was recorded.
    fn record_twins(&mut self, twins: &[(Serial, Vec<u8>)], now: UnixTime) -> Result<(), LedgerError>;

    /// The keys of the CA, the oldest first. The last one signs new certificates.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`].
    fn issuer_keys(&mut self) -> Result<Vec<IssuerKey>, LedgerError>;

    /// Makes `key` the CA's key at the time `now`. The certificates before this call are by the earlier keys, and those
    /// after it by this key. When it returns `Ok`, the change is on the disk. From then on the ledger opens only for an
    /// owner with this key.
    ///
    /// # Errors
    /// [`LedgerError::NoUpdate`], [`LedgerError::KeyKnown`], [`LedgerError::Unavailable`] or [`LedgerError::Failed`]:
    /// nothing was changed.
    fn change_key(&mut self, key: &IssuerKey, now: UnixTime) -> Result<(), LedgerError>;

    /// The free bytes on the ledger's disk, at most a second old; [`u64::MAX`] if unknown.
    fn free_space(&mut self) -> u64;
}
