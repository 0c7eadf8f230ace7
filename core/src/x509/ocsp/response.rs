//! The view of an OCSP response ([RFC 6960 §4.2](https://www.rfc-editor.org/rfc/rfc6960#section-4.2)).

use super::CertId;
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use crate::time::UnixTime;
use crate::x509::certificate::{algorithm_identifier, check_extensions};
use crate::x509::extension::RawExtension;
use crate::x509::{CrlReason, Name, Signed, oid};

/// OCSPResponseStatus ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)). It is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum OcspStatus {
    /// The response has an answer.
    Successful = 0,
    /// The responder cannot read the request.
    MalformedRequest = 1,
    /// The responder has failed.
    InternalError = 2,
    /// The responder is busy.
    TryLater = 3,
    /// The responder wants a signed request.
    SigRequired = 5,
    /// The responder has no answer for this client, or does not know the CA.
    Unauthorized = 6,
}

impl OcspStatus {
    /// The name of the status in ASN.1.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Successful => "successful",
            Self::MalformedRequest => "malformedRequest",
            Self::InternalError => "internalError",
            Self::TryLater => "tryLater",
            Self::SigRequired => "sigRequired",
            Self::Unauthorized => "unauthorized",
        }
    }
}

impl Decode<'_> for OcspStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        let here = *reader;
        Ok(match reader.integer(Tag::ENUMERATED)? {
            [0] => Self::Successful,
            [1] => Self::MalformedRequest,
            [2] => Self::InternalError,
            [3] => Self::TryLater,
            [5] => Self::SigRequired,
            [6] => Self::Unauthorized,
            _ => return Err(here.error(DerErrorKind::Value)),
        })
    }
}

/// An OCSP response that is well formed. Nothing in it is verified.
#[derive(Clone, Copy, Debug)]
pub struct OcspResponse<'a> {
    status: OcspStatus,
    basic: Option<BasicResponse<'a>>,
}

impl<'a> OcspResponse<'a> {
    /// Reads the DER of an OCSPResponse, with its BasicOCSPResponse.
    ///
    /// # Errors
    /// The first error of the encoding. An error within the BasicOCSPResponse has the place within that one.
    /// [`DerErrorKind::Value`] for a successful response without answer, or of another type than id-pkix-ocsp-basic.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut document = Reader::new(der);
        let mut response = document.nested(Tag::SEQUENCE)?;
        document.finish()?;
        let status = OcspStatus::decode(&mut response)?;
        let here = response;
        let basic = match response.optional(Tag::constructed(0))? {
            None => None,
            Some(mut explicit) => {
                let mut bytes = explicit.nested(Tag::SEQUENCE)?;
                explicit.finish()?;
                if Oid::decode(&mut bytes)? != oid::OCSP_BASIC {
                    return Err(here.error(DerErrorKind::Value));
                }
                let mut inner = bytes.nested(Tag::OCTET_STRING)?;
                bytes.finish()?;
                let basic = BasicResponse::decode(&mut inner)?;
                inner.finish()?;
                Some(basic)
            }
        };
        response.finish()?;
        if (status == OcspStatus::Successful) != basic.is_some() {
            return Err(here.error(DerErrorKind::Value));
        }
        Ok(Self { status, basic })
    }

    /// The status of the response, which everybody can forge.
    pub const fn status(&self) -> OcspStatus {
        self.status
    }

    /// The signed answer of a successful response.
    pub const fn basic(&self) -> Option<&BasicResponse<'a>> {
        self.basic.as_ref()
    }
}

/// A ResponderID: the name of the responder, or the hash of its key.
#[derive(Clone, Copy, Debug)]
pub enum ResponderId<'a> {
    /// byName: the subject of the responder's certificate.
    Name(Name<'a>),
    /// byKey: SHA-1 of the responder's public key (the contents of the BIT STRING).
    Key(&'a [u8]),
}

/// A BasicOCSPResponse: answers with one signature.
#[derive(Clone, Copy, Debug)]
pub struct BasicResponse<'a> {
    signed: Signed<'a>,
    responder: ResponderId<'a>,
    produced_at: UnixTime,
    responses: SequenceOf<'a, SingleResponse<'a>>,
    nonce: Option<&'a [u8]>,
    unknown_critical: bool,
    certificates: Reader<'a>,
}

impl<'a> BasicResponse<'a> {
    /// The signed text with its signature.
    pub const fn signed(&self) -> Signed<'a> {
        self.signed
    }

    /// The responder.
    pub const fn responder(&self) -> &ResponderId<'a> {
        &self.responder
    }

    /// The time at which the response was signed.
    pub const fn produced_at(&self) -> UnixTime {
        self.produced_at
    }

    /// The answers, one for each certificate of the request.
    pub const fn responses(&self) -> SequenceOf<'a, SingleResponse<'a>> {
        self.responses
    }

    /// The nonce of the request ([RFC 9654](https://www.rfc-editor.org/rfc/rfc9654)), if the response has one.
    pub const fn nonce(&self) -> Option<&'a [u8]> {
        self.nonce
    }

    /// Returns whether the response has a critical extension that is not known, so that it cannot be used.
    pub const fn has_unknown_critical(&self) -> bool {
        self.unknown_critical
    }

    /// The DER of the certificates beside the answers, which are for the check of the signature.
    pub fn certificates(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut certificates = self.certificates;
        core::iter::from_fn(move || certificates.element(Tag::SEQUENCE).ok().map(|element| element.der))
    }
}

impl<'a> Decode<'a> for BasicResponse<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut response = reader.nested(Tag::SEQUENCE)?;
        let data = response.element(Tag::SEQUENCE)?;
        let algorithm = algorithm_identifier(&mut response)?;
        let signature = BitString::whole_bytes(&mut response)?;
        let certificates = match response.optional(Tag::constructed(0))? {
            None => Reader::new(&[]),
            Some(mut explicit) => {
                let list = explicit.nested(Tag::SEQUENCE)?;
                explicit.finish()?;
                let mut rest = list;
                while !rest.is_empty() {
                    rest.element(Tag::SEQUENCE)?;
                }
                list
            }
        };
        response.finish()?;

        let mut fields = data.contents;
        // The only version is the default one, which is not encoded.
        if fields.peek() == Some(Tag::constructed(0)) {
            return Err(fields.error(DerErrorKind::Version));
        }
        let responder = responder(&mut fields)?;
        let produced_at = generalized(&mut fields)?;
        let responses = SequenceOf::decode(&mut fields)?;
        let (mut nonce, mut unknown_critical) = (None, false);
        for_extensions(&mut fields, 1, |extension| {
            if extension.id == oid::OCSP_NONCE {
                let mut value = extension.value;
                nonce = Some(value.nested(Tag::OCTET_STRING)?.rest());
                value.finish()?;
            } else {
                unknown_critical |= extension.critical;
            }
            Ok(())
        })?;
        fields.finish()?;
        let signed = Signed { algorithm, message: data.der, signature };
        Ok(Self { signed, responder, produced_at, responses, nonce, unknown_critical, certificates })
    }
}

fn responder<'a>(fields: &mut Reader<'a>) -> Result<ResponderId<'a>, DerError> {
    if let Some(mut explicit) = fields.optional(Tag::constructed(1))? {
        let name = Name::decode(&mut explicit)?;
        explicit.finish()?;
        return Ok(ResponderId::Name(name));
    }
    let mut explicit = fields.nested(Tag::constructed(2))?;
    let hash = explicit.nested(Tag::OCTET_STRING)?.rest();
    explicit.finish()?;
    Ok(ResponderId::Key(hash))
}

/// The status of a certificate in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OcspCertStatus {
    /// The certificate is not revoked. It may not have been issued.
    Good,
    /// The certificate is revoked.
    Revoked {
        /// The time of the revocation.
        revoked_at: UnixTime,
        /// The reason, if it is given.
        reason: Option<CrlReason>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

impl Decode<'_> for OcspCertStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        let here = *reader;
        let element = reader.any()?;
        let mut contents = element.contents;
        let status = if element.tag == Tag::context(0) {
            Self::Good
        } else if element.tag == Tag::context(2) {
            Self::Unknown
        } else if element.tag == Tag::constructed(1) {
            let revoked_at = generalized(&mut contents)?;
            let reason = match contents.optional(Tag::constructed(0))? {
                None => None,
                Some(mut explicit) => {
                    let reason = CrlReason::decode(&mut explicit)?;
                    explicit.finish()?;
                    Some(reason)
                }
            };
            Self::Revoked { revoked_at, reason }
        } else {
            return Err(here.error(DerErrorKind::Tag));
        };
        contents.finish()?;
        Ok(status)
    }
}

/// A SingleResponse: the answer about one certificate.
#[derive(Clone, Copy, Debug)]
pub struct SingleResponse<'a> {
    /// The certificate.
    pub id: CertId<'a>,
    /// Its status.
    pub status: OcspCertStatus,
    /// thisUpdate: the time at which the status was known to be right.
    pub this_update: UnixTime,
    /// nextUpdate: the time by which there is a newer answer.
    pub next_update: Option<UnixTime>,
    /// Whether the answer has a critical extension that is not known, so that it cannot be used.
    pub unknown_critical: bool,
}

impl<'a> Decode<'a> for SingleResponse<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let id = CertId::decode(&mut fields)?;
        let status = OcspCertStatus::decode(&mut fields)?;
        let this_update = generalized(&mut fields)?;
        let next_update = match fields.optional(Tag::constructed(0))? {
            None => None,
            Some(mut explicit) => {
                let time = generalized(&mut explicit)?;
                explicit.finish()?;
                Some(time)
            }
        };
        let mut unknown_critical = false;
        for_extensions(&mut fields, 1, |extension| {
            unknown_critical |= extension.critical;
            Ok(())
        })?;
        fields.finish()?;
        Ok(Self { id, status, this_update, next_update, unknown_critical })
    }
}

/// Reads a GeneralizedTime.
fn generalized(fields: &mut Reader<'_>) -> Result<UnixTime, DerError> {
    match fields.peek() {
        Some(Tag::GENERALIZED_TIME) => UnixTime::decode(fields),
        _ => Err(fields.error(DerErrorKind::Tag)),
    }
}

/// Reads extensions in the explicit tag `number`, if there are any.
pub(super) fn for_extensions<'a>(
    fields: &mut Reader<'a>,
    number: u8,
    mut read: impl FnMut(RawExtension<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    let Some(mut explicit) = fields.optional(Tag::constructed(number))? else { return Ok(()) };
    let mut list = explicit.nested(Tag::SEQUENCE)?;
    explicit.finish()?;
    check_extensions(list)?;
    while !list.is_empty() {
        read(RawExtension::decode(&mut list)?)?;
    }
    Ok(())
}
