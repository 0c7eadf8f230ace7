//! The X.509 certificates that the keys of the CA have: those by the CA itself, and those by its parent.

use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

use super::certify::IssueError;
use super::chain::CaChain;
use super::ports::{CertificateRecord, KeyChain, LedgerError, LedgerReader, Recorder, RequestHash};
use super::profile::{CaCertificate, ProfileError};

/// The request for the certificate of the key `subject` by the key `issuer`.
pub(super) fn hash(issuer: Fingerprint, subject: Fingerprint) -> RequestHash {
    RequestHash::of(&[b"CA certificate", &issuer.0, &subject.0])
}

/// The certificate of this key of the CA, by itself or by its parent, if it was made.
///
/// # Errors
/// [`IssueError`] if it cannot be read; [`ProfileError::ChainAwaited`] if its parent has not made it.
pub fn certificate_of(
    reader: &mut dyn LedgerReader,
    key: Fingerprint,
) -> Result<Option<CaCertificate>, IssueError> {
    let chain = reader.chain(key)?;
    by_chain(&chain, || reader.find_by_request(hash(key, key)))
}

/// [`certificate_of`] for a process that issues.
pub(super) fn recorded_certificate(
    ledger: &mut dyn Recorder,
    key: Fingerprint,
) -> Result<Option<CaCertificate>, IssueError> {
    let chain = ledger.chain(key)?;
    by_chain(&chain, || Ok(ledger.request_facts(hash(key, key), &[])?.earlier))
}

/// The certificate of a key with this chain. `own` finds the certificate that the CA itself has made.
fn by_chain(
    chain: &KeyChain,
    own: impl FnOnce() -> Result<Option<CertificateRecord>, LedgerError>,
) -> Result<Option<CaCertificate>, IssueError> {
    match chain {
        KeyChain::Awaited => Err(ProfileError::ChainAwaited.into()),
        KeyChain::Installed(bytes) => Ok(Some(CaChain::from_bytes(bytes)?.own()?)),
        KeyChain::Own => Ok(own()?.map(|record| CaCertificate::parse(&record.certificate)).transpose()?),
    }
}

/// `found`, or `None` if the parent of the CA has not made the certificate.
///
/// # Errors
/// Each other error in `found`.
pub fn if_made(
    found: Result<Option<CaCertificate>, IssueError>,
) -> Result<Option<CaCertificate>, IssueError> {
    match found {
        Err(IssueError::Profile(ProfileError::ChainAwaited)) => Ok(None),
        found => found,
    }
}

/// The first certificate that one of `keys` has, by itself or by its parent: its subject is the X.509 name of the CA.
///
/// # Errors
/// [`IssueError`] if it cannot be read.
pub fn name_certificate(
    ledger: &mut dyn Recorder,
    keys: &[Fingerprint],
) -> Result<Option<CaCertificate>, IssueError> {
    for key in keys {
        if let Some(found) = if_made(recorded_certificate(ledger, *key))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The certificates of one key of the CA.
#[derive(Clone, Debug)]
pub struct KeyCertificates {
    /// The self-signed certificate, or the one by the parent.
    pub own: CaCertificate,
    /// The certificates of the issuers of an installed one, in DER, the direct issuer first. The last one may be a root.
    pub issuers: Vec<Vec<u8>>,
    /// The certificates of this key by other keys of the CA.
    pub cross: Vec<CaCertificate>,
}

/// The certificates of these keys of the CA that were made, in the order of the keys. A key without a certificate by itself
/// or by its parent is left out.
///
/// # Errors
/// [`IssueError`] if they cannot be read.
pub fn certificates_of(
    reader: &mut dyn LedgerReader,
    keys: &[Fingerprint],
) -> Result<Vec<KeyCertificates>, IssueError> {
    let mut found = Vec::new();
    for key in keys {
        let chain = reader.chain(*key)?;
        let own = by_chain(&chain, || reader.find_by_request(hash(*key, *key)));
        let Some(own) = if_made(own)? else { continue };
        let issuers = match &chain {
            KeyChain::Installed(bytes) => CaChain::from_bytes(bytes)?.issuers().to_vec(),
            KeyChain::Own | KeyChain::Awaited => Vec::new(),
        };
        let mut cross = Vec::new();
        for issuer in keys.iter().filter(|issuer| *issuer != key) {
            let record = reader.find_by_request(hash(*issuer, *key))?;
            cross.extend(record.map(|record| CaCertificate::parse(&record.certificate)).transpose()?);
        }
        found.push(KeyCertificates { own, issuers, cross });
    }
    Ok(found)
}

/// The certificates that lead from the CA's present key to its former ones: that of the present key by the key before it,
/// that of this key by the one before, and so on, as far as they exist and have not ended. A server sends them to readers
/// that have imported the certificate of a former key. `former` are the fingerprints of the former keys, the latest one last.
///
/// # Errors
/// The error of the ledger.
pub fn cross_chain(
    ledger: &mut dyn Recorder,
    key: Fingerprint,
    former: &[Fingerprint],
    now: UnixTime,
) -> Result<Vec<CertificateRecord>, LedgerError> {
    let (mut chain, mut subject) = (Vec::new(), key);
    for former in former.iter().rev() {
        match ledger.request_facts(hash(*former, subject), &[])?.earlier {
            Some(record) if record.validity.not_after() > now => chain.push(record),
            _ => break,
        }
        subject = *former;
    }
    Ok(chain)
}
