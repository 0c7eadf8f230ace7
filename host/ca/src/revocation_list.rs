//! The signed list of the revoked JSON certificates of one key of the CA (protocol §8).

use minipki_core::cert::{self, Anchor, Id};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial};
use serde::{Deserialize, Serialize};

use super::certify::IssueError;
use super::list::{ListDraft, SignedList};
use super::ports::{CertificateFormat, LedgerReader, RevokedCertificate};
use super::profile::ProfileError;
use super::signers::fingerprint;
use super::{Signature, SignatureAlgorithm, Signer};

/// The number of rows that are read from the ledger at a time.
const PAGE: usize = 10_000;

/// The value of `type`.
const TYPE: &str = "revocation_list";

/// A list of revoked certificates. Its members are in canonical order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationList {
    /// The signature of the CA; empty before the list is signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ca_signature_b64: String,
    /// The name of the CA.
    pub issuer_id: String,
    /// The fingerprint of the CA's key, in lower-case hexadecimal digits.
    pub issuer_key_sha256: String,
    /// The time until which the list can be used.
    pub next_update: String,
    /// The revocation number of the CA.
    pub number: u64,
    /// The certificates, in ascending order of their serial numbers.
    pub revoked: Vec<RevokedEntry>,
    /// The time of the list.
    pub this_update: String,
    /// The type of the object.
    r#type: String,
}

/// A certificate in a [`RevocationList`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedEntry {
    /// The name of the reason.
    pub reason: String,
    /// The time of the revocation.
    pub revoked_at: String,
    /// The serial number.
    pub serial_number: u64,
}

impl RevokedEntry {
    /// The revocation; `None` if the entry is malformed.
    pub fn revocation(&self) -> Option<Revocation> {
        let reason = RevocationReason::from_name(&self.reason)?;
        Some(Revocation { reason, revoked_at: self.revoked_at.parse().ok()? })
    }
}

/// The reason why a list is refused.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RevocationListError {
    /// The text is not a list.
    #[error("not a revocation list: {0}")]
    #[diagnostic(help("check the path: `minipki ca revocations` writes such a list"))]
    Json(#[from] serde_json::Error),
    /// The text is not canonical, or its signature is not by the key of the anchor.
    #[error("the revocation list is refused: {0}")]
    #[diagnostic(help("do not use this list; get it from the CA's operator again"))]
    Signature(cert::Error),
    /// The entries are not in ascending order, or one of them is malformed.
    #[error("an entry of the revocation list is malformed or out of order")]
    #[diagnostic(help("do not use this list; get it from the CA's operator again"))]
    Entries,
    /// The list is by another key of the CA.
    #[error("the revocation list is of the key {list}, and the certificate is of the key {certificate}")]
    #[diagnostic(help(
        "get the list of that key from the CA's operator: minipki ca revocations --key {certificate}"
    ))]
    OtherKey {
        /// The fingerprint of the key of the list.
        list: String,
        /// The fingerprint of the key that has signed the certificate.
        certificate: Fingerprint,
    },
    /// The list is by another CA, or is another kind of signed object.
    #[error("the revocation list is not by the CA of this anchor")]
    #[diagnostic(help("get the list from the CA that issued the certificate"))]
    Issuer,
}

/// Makes the list of `issuer_key` at `now`, for `lifetime` seconds. It names the certificates that this key has signed: it may
/// be a former key of the CA. The same key signs the list.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read.
pub fn draft_revocation_list(
    issuer_id: Id<'_>,
    issuer_key: Fingerprint,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<ListDraft, IssueError> {
    let (number, revoked) = read_revoked(reader, Some(issuer_key))?;
    let json = revoked.iter().filter(|revoked| revoked.format == CertificateFormat::Json);
    let revoked = json.filter_map(|revoked| {
        Some(RevokedEntry {
            reason: revoked.revocation.reason.name().to_owned(),
            revoked_at: revoked.revocation.revoked_at.to_string(),
            serial_number: revoked.serial.to_u64()?,
        })
    });
    let next_update = now.checked_add_seconds(lifetime).ok_or(ProfileError::Validity)?;
    let list = RevocationList {
        ca_signature_b64: String::new(),
        issuer_id: issuer_id.to_string(),
        issuer_key_sha256: issuer_key.to_string(),
        next_update: next_update.to_string(),
        number,
        revoked: revoked.collect(),
        this_update: now.to_string(),
        r#type: TYPE.to_owned(),
    };
    let tbs =
        serde_json::to_vec(&list).map_err(|_| cert::Error::BufferTooSmall).map_err(ProfileError::from)?;
    Ok(ListDraft {
        key: issuer_key,
        algorithm: SignatureAlgorithm::RsaPss,
        attach,
        tbs,
        entries: list.revoked.len(),
        number,
        this_update: now,
        next_update,
    })
}

fn attach(text: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError> {
    let signature = signature.as_bytes();
    // The signature in base64, its key and the quotes.
    let mut room = vec![0; text.len() + 2 * signature.len() + 64];
    Ok(cert::attach_signature(text, signature, &mut room)?.to_vec())
}

/// Makes the list of the signer's key as [`draft_revocation_list`] does, and signs it.
///
/// # Errors
/// [`IssueError`] if the ledger cannot be read, or if the signer fails.
pub fn sign_revocation_list(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    reader: &mut dyn LedgerReader,
    lifetime: u64,
    now: UnixTime,
) -> Result<SignedList, IssueError> {
    draft_revocation_list(issuer_id, fingerprint(signer), reader, lifetime, now)?.sign(signer)
}

/// The revocation number, and all certificates that are revoked or on hold: those by `issuer_key`, or by all keys. The pages
/// are read again if a revocation changes between them.
pub(super) fn read_revoked(
    reader: &mut dyn LedgerReader,
    issuer_key: Option<Fingerprint>,
) -> Result<(u64, Vec<RevokedCertificate>), IssueError> {
    'again: loop {
        let (mut number, mut after, mut entries) = (None, None, Vec::new());
        loop {
            let page = reader.list_revoked(issuer_key, after, PAGE)?;
            if number.is_some_and(|number| number != page.number) {
                continue 'again;
            }
            number = Some(page.number);
            let last = page.revoked.last().map(|last| last.serial);
            let is_full = page.revoked.len() == PAGE;
            entries.extend(page.revoked);
            match last {
                Some(last) if is_full => after = Some(last),
                _ => return Ok((page.number, entries)),
            }
        }
    }
}

impl RevocationList {
    /// Reads a list, and verifies that the CA of `anchor` has signed it. The time is not checked.
    ///
    /// # Errors
    /// [`RevocationListError`].
    pub fn verify(anchor: &Anchor, text: &[u8]) -> Result<Self, RevocationListError> {
        let list: Self = serde_json::from_slice(text)?;
        let issuer = anchor.issuer_id().is_none_or(|id| id.as_str() == list.issuer_id);
        if list.r#type != TYPE || !issuer {
            return Err(RevocationListError::Issuer);
        }
        if list.issuer_key_sha256 != anchor.fingerprint().to_string() {
            let (list, certificate) = (list.issuer_key_sha256, anchor.fingerprint());
            return Err(RevocationListError::OtherKey { list, certificate });
        }
        cert::verify_object(Portable::new(), anchor, text).map_err(RevocationListError::Signature)?;
        let ascending = list.revoked.is_sorted_by(|a, b| a.serial_number < b.serial_number);
        if !ascending || list.revoked.iter().any(|entry| entry.revocation().is_none()) {
            return Err(RevocationListError::Entries);
        }
        Ok(list)
    }

    /// The entry of a certificate, if it is revoked.
    pub fn find(&self, serial: Serial) -> Option<&RevokedEntry> {
        let serial = serial.to_u64()?;
        let found = self.revoked.binary_search_by_key(&serial, |entry| entry.serial_number).ok()?;
        self.revoked.get(found)
    }
}
