//! Lists of revoked certificates in two steps: a draft with all its fields, and the signature. Reading a large ledger takes
//! time, so a draft is made beside the authority. The authority signs it.

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

use super::certify::{IssueError, expect_count};
use super::profile::ProfileError;
use super::{Signature, SignatureAlgorithm, Signer};

/// A list to sign. Only [`draft_crl`](super::draft_crl) and [`draft_revocation_list`](super::draft_revocation_list) make one,
/// so the authority signs nothing else as a list.
#[derive(Clone, Debug)]
pub struct ListDraft {
    /// The key that signs.
    pub(super) key: Fingerprint,
    pub(super) algorithm: SignatureAlgorithm,
    /// Joins the encoded fields and the signature.
    pub(super) attach: fn(&[u8], &Signature) -> Result<Vec<u8>, ProfileError>,
    /// The encoded fields.
    pub(super) tbs: Vec<u8>,
    pub(super) entries: usize,
    pub(super) number: u64,
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
}

/// A signed list, and its contents in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedList {
    /// The list: a CertificateList in DER (RFC 5280 §5.1), or canonical JSON (protocol §8).
    pub content: Vec<u8>,
    /// The number of its entries.
    pub entries: usize,
    /// The revocation number of the CA.
    pub number: u64,
    /// The time of the list.
    pub this_update: UnixTime,
    /// The time until which the list can be used.
    pub next_update: UnixTime,
}

impl ListDraft {
    /// The fingerprint of the key that signs the list.
    pub const fn key(&self) -> Fingerprint {
        self.key
    }

    /// Signs the list with the key that it names.
    ///
    /// # Errors
    /// [`IssueError::NoSigner`] if `signer` has another key; [`IssueError`] if it fails.
    pub(super) fn sign(&self, signer: &mut dyn Signer) -> Result<SignedList, IssueError> {
        let Self { key, algorithm, attach, tbs, entries, number, this_update, next_update } = self;
        if super::signers::fingerprint(signer) != *key {
            return Err(IssueError::NoSigner(*key));
        }
        let signatures = signer.sign_many(*algorithm, &[tbs])?;
        expect_count("signatures", 1, signatures.len())?;
        let missing = IssueError::Count { what: "signatures", asked: 1, got: 0 };
        let content = attach(tbs, signatures.first().ok_or(missing)?)?;
        let (entries, number, this_update, next_update) = (*entries, *number, *this_update, *next_update);
        Ok(SignedList { content, entries, number, this_update, next_update })
    }
}
