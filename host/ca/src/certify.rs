//! The steps from approved requests to recorded certificates: reserve serial numbers, sign together, record together.
//!
//! - The reservation of a serial number is on the disk before the signature. So no number is signed twice, even if the
//!   process dies between the steps.
//! - A certificate is on the disk before it is sent. Its token is spent in the same transaction.

use miette::Diagnostic;
use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::Signer;
use super::ports::{CertificateRecord, LedgerError, NewCertificate, Recorder, SignError};
use super::profile::{CaIdentity, CertTemplate, Profile, ProfileError};

/// A certificate that is signed and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The serial number.
    pub serial: Serial,
    /// The encoded certificate.
    pub certificate: Vec<u8>,
    /// Whether the same request was answered with this certificate before.
    pub repeated: bool,
}

impl Issued {
    /// A recorded certificate as the answer to a repeated request.
    pub(super) fn again(recorded: CertificateRecord) -> Self {
        Self { serial: recorded.serial, certificate: recorded.certificate, repeated: true }
    }
}

/// Certificates could not be issued: nothing was recorded, and no token was spent. The text is for the log.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IssueError {
    /// The error of the ledger.
    #[error("{}", log_text(.0))]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A certificate could not be encoded.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Profile(#[from] ProfileError),
    /// The disk has less free space than the policy requires.
    #[error("the ledger's disk has {free} free bytes, and the policy requires {kept}")]
    #[diagnostic(help("free some space"))]
    Space {
        /// Free bytes.
        free: u64,
        /// The required number of free bytes.
        kept: u64,
    },
    /// The authority has no signer of a key that has signed certificates.
    #[error(
        "the CA has no private key with the fingerprint {0}, so it cannot state the status of certificates by that key"
    )]
    #[diagnostic(help("put the file of that key back into the CA's folder, then start the CA again"))]
    NoSigner(Fingerprint),
    /// A port returned a wrong number of results.
    #[error("expected {asked} {what}, got {got}: this is a bug in the ledger or the signer")]
    Count {
        /// The results, in the plural.
        what: &'static str,
        /// The expected number.
        asked: usize,
        /// The actual number.
        got: usize,
    },
}

impl IssueError {
    /// Whether a later try can succeed. Then the CA continues.
    pub(super) const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Ledger(LedgerError::Unavailable(_))
                | Self::Profile(ProfileError::Validity)
                | Self::Space { .. }
        )
    }
}

/// The text of an error of the ledger in the log.
fn log_text(error: &LedgerError) -> String {
    match error {
        LedgerError::Unavailable(_) => format!("the ledger cannot be used at the moment: {error}"),
        LedgerError::Failed(_) => format!("the ledger could not be read or written: {error}"),
        _ => error.to_string(),
    }
}

/// Checks the number of results of a port.
pub(super) fn expect_count(what: &'static str, asked: usize, got: usize) -> Result<(), IssueError> {
    if asked == got { Ok(()) } else { Err(IssueError::Count { what, asked, got }) }
}

/// Issues all certificates of `templates`, or none of them.
pub(super) fn certify<P: Profile>(
    issuer_id: Id<'_>,
    signer: &mut dyn Signer,
    ledger: &mut (impl Recorder + ?Sized),
    templates: &[CertTemplate<'_, P>],
    now: UnixTime,
) -> Result<Vec<Issued>, IssueError> {
    let serials = ledger.reserve(templates.len(), P::FORMAT)?;
    expect_count("serial numbers", templates.len(), serials.len())?;
    let ca = CaIdentity { issuer_id, issuer_key: signer.public_key() };
    let tbs = templates
        .iter()
        .zip(&serials)
        .map(|(template, serial)| P::encode_tbs(&ca, template, *serial))
        .collect::<Result<Vec<_>, _>>()?;

    let messages: Vec<&[u8]> = tbs.iter().map(Vec::as_slice).collect();
    let signatures = signer.sign_many(P::ALGORITHM, &messages)?;
    expect_count("signatures", messages.len(), signatures.len())?;

    let issued = tbs
        .iter()
        .zip(&signatures)
        .zip(&serials)
        .map(|((tbs, signature), serial)| {
            let certificate = P::attach_signature(tbs, signature)?;
            Ok(Issued { serial: *serial, certificate, repeated: false })
        })
        .collect::<Result<Vec<_>, ProfileError>>()?;

    let entries: Vec<_> = templates
        .iter()
        .zip(&issued)
        .map(|(template, issued)| NewCertificate {
            serial: issued.serial,
            subject_id: template.subject_id,
            subject_key: template.subject_key,
            validity: template.validity,
            format: P::FORMAT,
            certificate: &issued.certificate,
            token: template.token,
            renews: template.renews,
            supersede: template.renews.is_some() && template.supersede,
            lifetime: template.lifetime,
            request: template.request,
        })
        .collect();
    ledger.record(&entries, now)?;
    Ok(issued)
}
