//! The X.509 side of a CA in its folder, also while the CA server runs.

use minipki_ca::ports::{Signer, Storage};
use minipki_ca::{
    CaCertificate, CaCertificateOptions, CaCertificates, IssueError, Issued, OcspAnswer, OcspQuery,
    SignRequest, SignedList, TlsCertificates, TlsServerRequest, answer_ocsp, ca_certificates, certificate_of,
    if_made, issue_tls_server, sign_crl, sign_requests,
};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::x509::ocsp::OcspStatus;

use super::{StateError, owner, storage};
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{SqliteLedger, SqliteRecorder, StoreError};
use minipki_os::clock;

/// The X.509 certificates of the present key of the CA. What is missing is made, with the choices of the operator in
/// `options`. A ledger of an earlier version is migrated first.
///
/// # Errors
/// [`StateError::Issue`]; the errors of the clock, the key and the ledger.
pub fn x509_certificates(
    folder: &CaFolder,
    options: Option<&CaCertificateOptions>,
) -> Result<CaCertificates, StateError> {
    Open::new(folder)?.certificates(options)
}

/// The X.509 certificate of this key of the CA, if it was made, by the CA itself or by its parent. Nothing is changed.
///
/// # Errors
/// [`StateError::Issue`]; the errors of the ledger.
pub fn x509_certificate_of(folder: &CaFolder, key: Fingerprint) -> Result<Option<CaCertificate>, StateError> {
    Ok(if_made(certificate_of(storage(folder).reader()?.as_mut(), key))?)
}

/// Issues and records the certificate of a TLS server of the CA itself. The CA certificate is made if there is none.
///
/// # Errors
/// As [`x509_certificates`].
pub(crate) fn tls_certificates(
    folder: &CaFolder,
    request: &TlsServerRequest,
) -> Result<TlsCertificates, StateError> {
    let mut open = Open::new(folder)?;
    let (former, issuer_id, now) = (open.former(), folder.issuer_id(), open.now);
    Ok(issue_tls_server(issuer_id, open.signer.as_mut(), &former, &mut open.recorder, request, now)?)
}

/// Issues and records the certificate that `request` asks for. The CA certificate is made if there is none.
///
/// # Errors
/// [`StateError::Refused`]; the errors of [`x509_certificates`].
pub fn sign_request(folder: &CaFolder, request: SignRequest) -> Result<Issued, StateError> {
    let mut open = Open::new(folder)?;
    let certificate = open.certificates(None)?.own.certificate;
    let certificate = CaCertificate::parse(&certificate).map_err(IssueError::from)?;
    let (signer, ledger) = (open.signer.as_mut(), &mut open.recorder);
    let mut answers = sign_requests(folder.issuer_id(), signer, ledger, &certificate, &[request], open.now)?;
    let missing = IssueError::Count { what: "answers", asked: 1, got: 0 };
    Ok(answers.pop().ok_or(missing)??)
}

/// Makes and signs the list of the revoked certificates of all keys, for `lifetime` seconds, with this key of the CA;
/// without one, with the present key. `shard` is the number of the list; a CA with one list needs none. The CA certificate is
/// made if there is none.
///
/// # Errors
/// [`StateError::NoX509`] for a former key without a certificate; [`StateError::Shard`] if there is no such list; the errors of [`x509_certificates`].
pub fn crl(
    folder: &CaFolder,
    key: Option<Fingerprint>,
    shard: Option<u32>,
    lifetime: u64,
) -> Result<SignedList, StateError> {
    let mut open = Open::new(folder)?;
    let present = folder.fingerprint();
    let key = key.unwrap_or(present);
    if key == present {
        open.certificates(None)?;
    }
    // An unknown key is refused first.
    let mut signer = folder.signer_of(key, SignerKind::Portable)?;
    let mut reader = storage(folder).reader()?;
    let certificate = certificate_of(reader.as_mut(), key)?.ok_or(StateError::NoX509(key))?;
    let count = reader.publication()?.shards.count();
    let shard = shard.or((count == 1).then_some(0)).filter(|shard| *shard < count);
    let shard = shard.ok_or(StateError::Shard(count))?;
    Ok(sign_crl(&certificate, shard, signer.as_mut(), reader.as_mut(), lifetime, open.now)?)
}

/// Answers an OCSP request with the key of the CA that has signed the certificates in it. The answer can be used for
/// `lifetime` seconds. Nothing is recorded.
///
/// # Errors
/// The errors of the clock, the key and the ledger. What is wrong with the request is in the answer.
pub fn ocsp(folder: &CaFolder, request: &[u8], lifetime: u64) -> Result<OcspAnswer, StateError> {
    let query = match OcspQuery::parse(request, None) {
        Ok(query) => query,
        Err(status) => return Ok(OcspAnswer::error(status)),
    };
    let open = Open::new(folder)?;
    let mut reader = storage(folder).reader()?;
    for key in std::iter::once(folder.fingerprint()).chain(open.former()) {
        let certificate = if_made(certificate_of(reader.as_mut(), key))?;
        let Some(certificate) = certificate.filter(|found| query.is_about(found)) else { continue };
        let mut signer = folder.signer_of(key, SignerKind::Portable)?;
        let (signer, reader) = (signer.as_mut(), reader.as_mut());
        return Ok(answer_ocsp(&query, signer, &certificate, reader, lifetime, open.now)?);
    }
    Ok(OcspAnswer::error(OcspStatus::Unauthorized))
}

/// The means to issue a certificate: a signer, a ledger and the time.
pub(super) struct Open<'f> {
    folder: &'f CaFolder,
    pub(super) signer: Box<dyn Signer>,
    pub(super) recorder: SqliteRecorder,
    pub(super) now: UnixTime,
}

impl<'f> Open<'f> {
    pub(super) fn new(folder: &'f CaFolder) -> Result<Self, StateError> {
        let now = clock::now()?;
        let open = || SqliteRecorder::open(folder.path(), &owner(folder), now);
        let recorder = match open() {
            Err(StoreError::Older { .. }) => {
                drop(SqliteLedger::open(folder.path(), &owner(folder))?);
                open()?
            }
            opened => opened?,
        };
        // A few signatures are not worth the threads of the other signers.
        let signer = folder.signer(SignerKind::Portable)?;
        Ok(Self { folder, signer, recorder, now })
    }

    /// The former keys of the CA, the latest one last.
    fn former(&self) -> Vec<Fingerprint> {
        self.folder.anchor().former_keys().iter().map(|key| key.fingerprint).collect()
    }

    fn certificates(&mut self, options: Option<&CaCertificateOptions>) -> Result<CaCertificates, StateError> {
        let (former, issuer_id, signer) = (self.former(), self.folder.issuer_id(), self.signer.as_mut());
        Ok(ca_certificates(issuer_id, signer, &former, &mut self.recorder, options, self.now)?)
    }
}
