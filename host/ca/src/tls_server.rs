//! X.509 certificates for a TLS server of the CA itself.
//!
//! The operator runs the server with the CA's folder, so no proof of possession and no policy apply. The certificates
//! are recorded as all others.

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;

use super::Signer;
use super::certify::{IssueError, Issued, certify};
use super::ports::Recorder;
use super::profile::{CertTemplate, ProfileError, TlsName, X509Profile, spki, validity};

/// The validity of every root: from 2026-01-01 to 2049-12-31, in seconds since 1970.
const ROOT_VALIDITY: [u64; 2] = [1_767_225_600, 2_524_521_600];

/// The validity of a server's certificate, in seconds: 365 days.
const SERVER_VALIDITY: u64 = 365 * 24 * 60 * 60;

/// A request for the certificate of a TLS server.
#[derive(Clone, Debug)]
pub struct TlsServerRequest {
    /// The server's name in the ledger, and the common name in its certificate.
    pub subject_id: IdBuf,
    /// The server's public key: SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// The DNS names and IP addresses of the server.
    pub names: Vec<TlsName>,
}

/// The certificates of a TLS server, in DER.
#[derive(Clone, Debug)]
pub struct TlsCertificates {
    /// The server's certificate.
    pub server: Issued,
    /// The root of the server's certificate. It has the CA's key and permits the server's names only.
    pub root: Issued,
}

/// Issues and records the certificates of a TLS server. Each call makes another root. All roots of a CA have the same
/// subject and key, so an earlier root verifies the server too, if it permits the server's names.
///
/// # Errors
/// [`IssueError`]. Nothing was recorded.
pub fn issue_tls_server(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    ledger: &mut dyn Recorder,
    request: &TlsServerRequest,
    now: UnixTime,
) -> Result<TlsCertificates, IssueError> {
    let TlsServerRequest { subject_id, public_key, names } = request;
    let [begin, end] = ROOT_VALIDITY.map(UnixTime::new);
    let root_validity = begin
        .ok()
        .zip(end.ok())
        .and_then(|(begin, end)| Validity::new(begin, end).ok())
        .ok_or(ProfileError::Validity)?;
    let issuer_key = spki(signer.public_key())?;
    let server_validity = validity(SERVER_VALIDITY, now)?;
    if names.is_empty() {
        return Err(ProfileError::NoName.into());
    }
    if server_validity.not_after() > root_validity.not_after() {
        return Err(ProfileError::Validity.into());
    }
    let (root, server) = (X509Profile::TlsRoot(names.clone()), X509Profile::TlsServer(names.clone()));
    let templates = [
        CertTemplate {
            profile: &root,
            subject_id: issuer_id,
            subject_key: &issuer_key,
            validity: root_validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        },
        CertTemplate {
            profile: &server,
            subject_id: subject_id.as_id(),
            subject_key: public_key,
            validity: server_validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        },
    ];
    let issued = certify(issuer_id, signer, ledger, &templates, now)?;
    match <[Issued; 2]>::try_from(issued) {
        Ok([root, server]) => Ok(TlsCertificates { server, root }),
        Err(other) => Err(IssueError::Count { what: "certificates", asked: 2, got: other.len() }),
    }
}
