//! Certificate profiles: the format, the signature algorithm and the fields of each kind of certificate.

mod json;
mod x509;

use minipki_core::cert::{self, Anchor, Id};
use minipki_core::crypto::rsa;
use minipki_core::encoding::der::DerError;
use minipki_core::limits::SPKI_DER;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Serial, Validity};
use minipki_core::x509::PathError;

use super::ports::{AnsweredRequest, CertificateFormat, CertificateRecord, SignatureAlgorithm};
use super::{Signature, TokenHash};

pub(super) use json::JsonProfile;
pub use x509::check_twin;
pub use x509::{
    AllowedName, AllowedNameError, CaCertificate, CaCertificateOptions, IpNetwork, IpNetworkError, Permitted,
    SubjectName, TlsUsage,
};
pub(super) use x509::{
    AuthorityProfile, EndEntityProfile, ListFields, ResponseFields, TwinProfile, X509Profile, ocsp_error,
    ocsp_response, rsa_pkcs1, x25519_spki,
};

/// The issuer of certificates: its name and public key.
pub(super) struct CaIdentity<'a> {
    pub(super) issuer_id: Id<'a>,
    pub(super) issuer_key: &'a rsa::PublicKey,
}

/// A public key as SubjectPublicKeyInfo in DER.
pub(super) fn spki(key: &rsa::PublicKey) -> Result<Vec<u8>, ProfileError> {
    let mut room = [0; SPKI_DER];
    let spki = key.write_spki_der(&mut room);
    Ok(spki.map_err(|_| der::Error::from(der::ErrorKind::Overlength))?.to_vec())
}

/// The fields of a certificate to issue, without its issuer and serial number (RFC 4211 §5).
pub(super) struct CertTemplate<'r, P> {
    pub(super) profile: &'r P,
    pub(super) subject_id: Id<'r>,
    /// The public key, in the form that [`CertificateFormat`] defines.
    pub(super) subject_key: &'r [u8],
    pub(super) validity: Validity,
    /// The token to spend on the certificate.
    pub(super) token: Option<TokenHash>,
    /// The certificate that it renews.
    pub(super) renews: Option<Serial>,
    /// Whether that certificate is revoked.
    pub(super) supersede: bool,
    /// The lifetime that a renewal inherits, in seconds.
    pub(super) lifetime: Option<u64>,
    /// The request that it answers.
    pub(super) request: Option<AnsweredRequest>,
}

/// A kind of certificate.
pub(super) trait Profile: Sized {
    /// The format of the certificate.
    const FORMAT: CertificateFormat;

    /// The signature algorithm.
    const ALGORITHM: SignatureAlgorithm;

    /// Encodes the TBSCertificate.
    fn encode_tbs(
        ca: &CaIdentity<'_>,
        template: &CertTemplate<'_, Self>,
        serial: Serial,
    ) -> Result<Vec<u8>, ProfileError>;

    /// Joins a TBSCertificate and its signature to a certificate.
    fn attach_signature(tbs: &[u8], signature: &Signature) -> Result<Vec<u8>, ProfileError>;
}

/// A certificate could not be encoded.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProfileError {
    /// The validity ends after the year 9999.
    #[error("the certificate would be valid beyond the year 9999")]
    #[diagnostic(help("check the machine's clock and the policy's validity"))]
    Validity,
    /// A field of a JSON certificate.
    #[error("the certificate could not be encoded: {0}")]
    Json(cert::Error),
    /// A name of a TLS server is neither a DNS name (RFC 1123 §2.1) nor an IP address.
    #[error("{0:?} is neither a DNS name nor an IP address, so no certificate can have it")]
    Name(String),
    /// A DNS name was expected, and this is an IP address.
    #[error("{0:?} is not a DNS name")]
    DnsName(String),
    /// The CA has a certificate with other choices.
    #[error("the CA has the certificate {0} already, and it has other fields than these options give")]
    #[diagnostic(help("leave these options out: a CA certificate is made once and stays the same"))]
    CaCertificateExists(Serial),
    /// The parent of an intermediate has not signed its certificate yet.
    #[error("this CA is an intermediate, and the certificate of its key by its parent is missing")]
    #[diagnostic(help(
        "have the parent sign the request that `minipki ca csr` prints, then give the result to `minipki ca install-chain`"
    ))]
    ChainAwaited,
    /// The serial number of a CA certificate.
    #[error("the serial number of the CA certificate is 0, or has more than 20 octets")]
    #[diagnostic(help("have it signed again with another serial number"))]
    Serial,
    /// The identifier of the key in a CA certificate.
    #[error("the subjectKeyIdentifier of the CA certificate has no octet, or more than 64")]
    #[diagnostic(help("have it signed again with another subjectKeyIdentifier"))]
    KeyId,
    /// The choices are for a certificate that the CA makes itself.
    #[error("another CA has made the certificate of this CA, so its fields cannot be chosen here")]
    #[diagnostic(help("leave these options out"))]
    ChainInstalled,
    /// A name of a request has a kind that no certificate of this CA has.
    #[error(
        "the request asks for a name that is neither a DNS name, nor an IP address, an e-mail address or a URI"
    )]
    #[diagnostic(help("make the request again without this name"))]
    OtherName,
    /// A name of a request is malformed.
    #[error("the request asks for the malformed name {0}")]
    #[diagnostic(help("make the request again with a right name"))]
    MalformedName(String),
    /// The name constraints of the CA certificate do not permit a name of a TLS server.
    #[error("the CA certificate does not permit {0}, so no reader would accept a certificate with it")]
    #[diagnostic(help(
        "give a name that it permits (--name), or the files of another certificate (--tls-cert and --tls-key)"
    ))]
    NotPermitted(SubjectName),
    /// A TLS server without names.
    #[error("a certificate of a TLS server needs a name")]
    NoName,
    /// The certificate of the CA's key has ended.
    #[error("the CA certificate has ended at {0}, so no reader would accept a certificate by it")]
    #[diagnostic(help(
        "change the key of the CA, which gets a new certificate: minipki ca rollover --dir DIR"
    ))]
    CaCertificateEnded(UnixTime),
    /// The organization in the name of the CA.
    #[error("{0:?} is not an organization: it has 1 to 64 characters, and no control character")]
    #[diagnostic(help("give another --organization"))]
    Organization(String),
    /// The country in the name of the CA.
    #[error("{0:?} is not a country: it has two capital letters (ISO 3166)")]
    #[diagnostic(help("give another --country, for example DE"))]
    Country(String),
    /// The strict reader does not read the certificate that was to be signed.
    #[error("the certificate would not be well formed, and was not signed: {0}")]
    Encoding(DerError),
    /// The path validation refuses the certificate that was to be signed.
    #[error("readers would refuse the certificate, and it was not signed: {0}")]
    Lint(PathError),
    /// The twin of a certificate does not fit a message of the protocol.
    #[error(
        "the X.509 certificate would take about {0} bytes, which no message of the protocol has room for"
    )]
    TwinTooLong(usize),
    /// A field of an X.509 certificate.
    #[error("the X.509 certificate could not be encoded: {0}")]
    X509(der::Error),
}

impl From<cert::Error> for ProfileError {
    fn from(error: cert::Error) -> Self {
        Self::Json(error)
    }
}

impl From<der::Error> for ProfileError {
    fn from(error: der::Error) -> Self {
        Self::X509(error)
    }
}

/// The seconds from the start of a certificate's validity to its issue. Without them a clock a little behind the CA's
/// would refuse the certificate as not yet valid.
pub(super) const BACKDATE: u64 = 5 * 60;

/// The validity of a certificate that is issued `now`: from [`BACKDATE`] before until `seconds` after.
pub(super) fn validity(seconds: u64, now: UnixTime) -> Result<Validity, ProfileError> {
    let begin = UnixTime::new(now.get().saturating_sub(BACKDATE)).map_err(|_| ProfileError::Validity)?;
    now.checked_add_seconds(seconds)
        .and_then(|end| Validity::new(begin, end).ok())
        .ok_or(ProfileError::Validity)
}

/// Checks that a recorded certificate has the fields of its record, and that the key of `anchor` signed it. The time is
/// not checked.
///
/// An X.509 certificate has the name of the CA as its issuer, or the subject of one of `installed`, the certificates that
/// others have made for the CA.
///
/// # Errors
/// The part of the record that is wrong, as a noun phrase.
pub fn check_record(
    anchor: &Anchor,
    record: &CertificateRecord,
    installed: &[CaCertificate],
) -> Result<(), &'static str> {
    match record.format {
        CertificateFormat::Json => json::check_record(anchor, record),
        CertificateFormat::X509 => x509::check_record(anchor, record, installed),
    }
}

/// Returns the text of the first comparison that is false.
fn first_difference(comparisons: &[(bool, &'static str)]) -> Result<(), &'static str> {
    match comparisons.iter().find(|(equal, _)| !equal) {
        Some((_, what)) => Err(what),
        None => Ok(()),
    }
}
