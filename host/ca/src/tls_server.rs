//! The certificate of a TLS server of the CA itself, by the CA certificate.
//!
//! The operator runs the server with the CA's folder, so no proof of possession and no policy apply. The certificate is
//! recorded as all others.

use minipki_core::cert::{Id, IdBuf};
use minipki_core::crypto::Portable;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use minipki_core::x509::{Certificate, Check};

use super::Signer;
use super::ca_certificate::{CaCertificates, ca_certificates};
use super::certify::{IssueError, Issued, certify, expect_count};
use super::key_certificates::cross_chain;
use super::ports::Recorder;
use super::profile::{
    self, CaCertificate, CaIdentity, CertTemplate, EndEntityProfile, Profile, ProfileError, SubjectName,
    TlsUsage, X509Profile,
};

/// The time from the issue of a server's certificate to its end, in seconds: 7 days. The server replaces it before.
const LIFETIME: u64 = 7 * 24 * 60 * 60;

/// A request for the certificate of a TLS server.
#[derive(Clone, Debug)]
pub struct TlsServerRequest {
    /// The server's name in the ledger, and the common name in its certificate.
    pub subject_id: IdBuf,
    /// The server's public key: SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// The names that the certificate must have: at least one.
    pub names: Vec<SubjectName>,
    /// More names. The certificate has those that the CA certificate permits.
    pub more_names: Vec<SubjectName>,
}

impl TlsServerRequest {
    fn template<'r>(&'r self, profile: &'r X509Profile, validity: Validity) -> CertTemplate<'r, X509Profile> {
        CertTemplate {
            profile,
            subject_id: self.subject_id.as_id(),
            subject_key: &self.public_key,
            validity,
            token: None,
            renews: None,
            supersede: false,
            lifetime: None,
            request: None,
        }
    }
}

/// The certificate of a TLS server, and those that lead to it.
#[derive(Clone, Debug)]
pub struct TlsCertificates {
    /// The server's certificate.
    pub server: Issued,
    /// Its validity.
    pub validity: Validity,
    /// The CA certificate, which readers import. Of an intermediate, they import the root instead.
    pub authority: Issued,
    /// The certificates between the root and that of the server, in DER, the direct issuer first: that of an intermediate, and
    /// those of its issuers.
    pub between: Vec<Vec<u8>>,
    /// The certificates for readers that have imported the certificate of a former key: see [`cross_chain`].
    pub cross: Vec<Issued>,
    /// Those of [`TlsServerRequest::more_names`] that the CA certificate does not permit.
    pub left_out: Vec<SubjectName>,
}

/// Issues and records the certificate of a TLS server. The CA certificate is made if there is none. `former` are the
/// fingerprints of the CA's former keys, the latest one last.
///
/// # Errors
/// [`IssueError`]: no certificate of a server was recorded. [`ProfileError::NotPermitted`] if the CA certificate does not
/// permit a name that the certificate must have.
pub fn issue_tls_server(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    former: &[Fingerprint],
    ledger: &mut dyn Recorder,
    request: &TlsServerRequest,
    now: UnixTime,
) -> Result<TlsCertificates, IssueError> {
    let CaCertificates { own: authority, issuers, .. } =
        ca_certificates(issuer_id, signer, former, ledger, None, now)?;
    let issuer = CaCertificate::parse(&authority.certificate)?;
    let [begin, end] = [issuer.validity().not_before(), issuer.validity().not_after()];
    if end <= now {
        return Err(ProfileError::CaCertificateEnded(end).into());
    }
    let asked = profile::validity(LIFETIME, now)?;
    let validity = Validity::new(asked.not_before().max(begin), asked.not_after().min(end))
        .map_err(|_| ProfileError::Validity)?;
    let publication = ledger.publication()?;
    let profile = |names| {
        let (issuer, usage, publication) = (issuer.clone(), TlsUsage::Server, publication.clone());
        X509Profile::EndEntity(EndEntityProfile { issuer, usage, names, publication })
    };
    // A certificate with one name passes the check before the signature if the CA certificate permits the name.
    let stand_in = Serial::from_be_bytes(&[0x40; 16]).map_err(|_| ProfileError::Validity)?;
    let ca = CaIdentity { issuer_id, issuer_key: signer.public_key() };
    let is_permitted = |name: &SubjectName| match X509Profile::encode_tbs(
        &ca,
        &request.template(&profile(vec![name.clone()]), validity),
        stand_in,
    ) {
        Err(ProfileError::Lint(error)) if error.check() == Some(Check::NameConstraints) => Ok(false),
        checked => checked.map(|_| true),
    };
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    for name in &request.names {
        if !is_permitted(name)? {
            return Err(ProfileError::NotPermitted(name.clone()).into());
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Err(ProfileError::NoName.into());
    }
    for name in request.more_names.iter().filter(|name| !request.names.contains(name)) {
        if is_permitted(name)? { names.push(name.clone()) } else { left_out.push(name.clone()) }
    }

    let profile = profile(names);
    let mut issued = certify(issuer_id, signer, ledger, &[request.template(&profile, validity)], now)?;
    expect_count("certificates", 1, issued.len())?;
    let server = issued.pop().ok_or(IssueError::Count { what: "certificates", asked: 1, got: 0 })?;
    let cross = cross_chain(ledger, signer.public_key().fingerprint(Portable::new()), former, now)?;
    let cross = cross.into_iter().map(Issued::again).collect();
    let is_root = |der: &Vec<u8>| Certificate::parse(der).is_ok_and(|found| found.is_self_issued());
    let between = std::iter::once(&authority.certificate).chain(&issuers);
    let between = between.filter(|certificate| !is_root(certificate)).cloned().collect();
    Ok(TlsCertificates { server, validity, authority, between, cross, left_out })
}
