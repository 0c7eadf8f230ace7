//! The X.509 side of a CA in its folder, also while the CA server runs.

use minipki_ca::ports::{Signer, Storage};
use minipki_ca::{
    CaCertificate, CaCertificateOptions, CaCertificates, Crl, IssueError, Issued, SignRequest,
    ca_certificates, certificate_of, sign_crl, sign_requests,
};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

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

/// Makes and signs the list of the revoked X.509 certificates of all keys, for `lifetime` seconds, with this key of the CA;
/// without one, with the present key. The CA certificate is made if there is none.
///
/// # Errors
/// [`StateError::NoX509`] for a former key without a certificate; the errors of [`x509_certificates`].
pub fn crl(folder: &CaFolder, key: Option<Fingerprint>, lifetime: u64) -> Result<Crl, StateError> {
    let mut open = Open::new(folder)?;
    let present = folder.fingerprint();
    let key = key.unwrap_or(present);
    if key == present {
        open.certificates(None)?;
    }
    // An unknown key is refused first.
    let mut signer = folder.signer_of(key, SignerKind::Portable)?;
    let certificate = certificate_of(&mut open.recorder, key)?.ok_or(StateError::NoX509(key))?;
    let mut reader = storage(folder).reader()?;
    Ok(sign_crl(&certificate, signer.as_mut(), reader.as_mut(), lifetime, open.now)?)
}

/// What a certificate needs: a signer, a ledger and the time.
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

    fn certificates(&mut self, options: Option<&CaCertificateOptions>) -> Result<CaCertificates, StateError> {
        let former: Vec<_> = self.folder.anchor().former_keys().iter().map(|key| key.fingerprint).collect();
        let (issuer_id, signer) = (self.folder.issuer_id(), self.signer.as_mut());
        Ok(ca_certificates(issuer_id, signer, &former, &mut self.recorder, options, self.now)?)
    }
}
