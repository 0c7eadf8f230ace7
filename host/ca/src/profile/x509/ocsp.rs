//! OCSP (RFC 6960): the fields of a response, and those of a responder's certificate.
//!
//! The structures are derived here: RustCrypto's `x509-ocsp` is for an earlier `x509-cert` than the CA's.

use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Null, OctetString};
use der::oid::ObjectIdentifier;
use der::oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use der::{Choice, Decode, Encode, Enumerated, Sequence};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, RevocationReason};
use minipki_core::x509::ocsp::OcspStatus;
use sha1::{Digest, Sha1};
use x509_cert::ext::pkix::{BasicConstraints, CrlReason, ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoRef};

use super::authority::CaCertificate;
use super::{extension, key_id_of, rsa_pkcs1, subject_key_id};

const OCSP_BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const OCSP_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const OCSP_NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// ResponseData (RFC 6960 §4.2.1), with the fields that the CA's responses have.
#[derive(Sequence)]
struct ResponseData<'a> {
    #[asn1(context_specific = "2")]
    responder: OctetString,
    produced_at: GeneralizedTime,
    responses: Vec<SingleResponse<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    extensions: Option<Extensions>,
}

/// SingleResponse.
#[derive(Sequence)]
struct SingleResponse<'a> {
    id: AnyRef<'a>,
    status: StatusChoice,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0")]
    next_update: GeneralizedTime,
}

/// CertStatus.
#[derive(Choice)]
enum StatusChoice {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

/// RevokedInfo.
#[derive(Sequence)]
struct RevokedInfo {
    time: GeneralizedTime,
    #[asn1(context_specific = "0", optional = "true")]
    reason: Option<CrlReason>,
}

/// BasicOCSPResponse, around an encoded ResponseData.
#[derive(Sequence)]
struct BasicResponse<'a> {
    data: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitStringRef<'a>,
    #[asn1(context_specific = "0")]
    certificates: Vec<AnyRef<'a>>,
}

/// OCSPResponseStatus of a response with an answer.
#[derive(Clone, Copy, Enumerated)]
#[repr(u8)]
enum Status {
    Successful = 0,
}

/// OCSPResponse with an answer.
#[derive(Sequence)]
struct Response {
    status: Status,
    #[asn1(context_specific = "0")]
    bytes: ResponseBytes,
}

/// ResponseBytes.
#[derive(Sequence)]
struct ResponseBytes {
    kind: ObjectIdentifier,
    response: OctetString,
}

/// The fields of a response.
pub(crate) struct ResponseFields<'a> {
    /// The key that signs: SubjectPublicKeyInfo in DER.
    pub(crate) responder_key: &'a [u8],
    /// producedAt, and thisUpdate of each answer.
    pub(crate) produced_at: UnixTime,
    /// nextUpdate of each answer.
    pub(crate) next_update: UnixTime,
    /// The CertID of each certificate in DER, and its status.
    pub(crate) answers: &'a [(&'a [u8], CertStatus)],
    /// The nonce of the request.
    pub(crate) nonce: Option<&'a [u8]>,
}

impl ResponseFields<'_> {
    /// Encodes the ResponseData, which is signed.
    pub(crate) fn encode(&self) -> der::Result<Vec<u8>> {
        let key = SubjectPublicKeyInfoRef::from_der(self.responder_key)?;
        let key_hash = Sha1::digest(key.subject_public_key.raw_bytes());
        let (this_update, next_update) = (generalized(self.produced_at)?, generalized(self.next_update)?);
        let responses = self.answers.iter().map(|(id, status)| {
            let (id, status) = (AnyRef::from_der(id)?, status_choice(*status)?);
            Ok(SingleResponse { id, status, this_update, next_update })
        });
        let data = ResponseData {
            responder: OctetString::new(key_hash.as_slice())?,
            produced_at: this_update,
            responses: responses.collect::<der::Result<_>>()?,
            extensions: self.nonce.map(nonce_extension).transpose()?,
        };
        data.to_der()
    }
}

/// Joins a ResponseData, its signature and the certificate of the key that has signed to an OCSPResponse.
pub(crate) fn ocsp_response(data: &[u8], signature: &[u8], certificate: &[u8]) -> der::Result<Vec<u8>> {
    let basic = BasicResponse {
        data: AnyRef::from_der(data)?,
        algorithm: rsa_pkcs1(),
        signature: BitStringRef::from_bytes(signature)?,
        certificates: vec![AnyRef::from_der(certificate)?],
    };
    let bytes = ResponseBytes { kind: OCSP_BASIC, response: OctetString::new(basic.to_der()?)? };
    Response { status: Status::Successful, bytes }.to_der()
}

/// An OCSPResponse without an answer: a SEQUENCE with the status alone.
pub(crate) const fn ocsp_error(status: OcspStatus) -> [u8; 5] {
    [0x30, 3, 0x0a, 1, status as u8]
}

/// The extensions of a responder's certificate (RFC 6960 §4.2.2.2). Its own status need not be known: it lives for days.
pub(super) fn responder_extensions(subject_key: &[u8], issuer: &CaCertificate) -> der::Result<Extensions> {
    let no_check =
        Extension { extn_id: OCSP_NO_CHECK, critical: false, extn_value: OctetString::new(Null.to_der()?)? };
    Ok(vec![
        extension(&BasicConstraints { ca: false, path_len_constraint: None }, true)?,
        extension(&KeyUsage(KeyUsages::DigitalSignature.into()), true)?,
        extension(&ExtendedKeyUsage(vec![ID_KP_OCSP_SIGNING]), false)?,
        no_check,
        subject_key_id(&key_id_of(subject_key)?)?,
        issuer.authority_key_id()?,
    ])
}

fn nonce_extension(nonce: &[u8]) -> der::Result<Extensions> {
    let value = OctetString::new(nonce)?.to_der()?;
    Ok(vec![Extension { extn_id: OCSP_NONCE, critical: false, extn_value: OctetString::new(value)? }])
}

fn status_choice(status: CertStatus) -> der::Result<StatusChoice> {
    Ok(match status {
        CertStatus::Good => StatusChoice::Good(Null),
        CertStatus::Unknown => StatusChoice::Unknown(Null),
        CertStatus::Revoked(revocation) => {
            let reason = match revocation.reason {
                // As in a CRL, it is left out.
                RevocationReason::Unspecified => None,
                reason => Some(CrlReason::try_from(u32::from(reason.code()))?),
            };
            StatusChoice::Revoked(RevokedInfo { time: generalized(revocation.revoked_at)?, reason })
        }
    })
}

fn generalized(time: UnixTime) -> der::Result<GeneralizedTime> {
    GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(time.get()))
}
