//! The view of an OCSP request ([RFC 6960 §4.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1)), for a responder.

use super::CertId;
use super::response::for_extensions;
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Reader, SequenceOf, Tag};
use crate::x509::certificate::algorithm_identifier;
use crate::x509::oid;

/// The largest number of bytes of a nonce ([RFC 9654 §2.1](https://www.rfc-editor.org/rfc/rfc9654#section-2.1)).
const NONCE: usize = 128;

/// An OCSP request that is well formed. Its optional signature is not verified: a responder may answer everybody
/// ([RFC 6960 §4.1.2](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.2)).
#[derive(Clone, Copy, Debug)]
pub struct OcspRequest<'a> {
    certificates: SequenceOf<'a, SingleRequest<'a>>,
    nonce: Option<&'a [u8]>,
    unknown_critical: bool,
}

impl<'a> OcspRequest<'a> {
    /// Reads the DER of an OCSPRequest. Extensions other than the nonce are skipped.
    ///
    /// # Errors
    /// The first error of the encoding. [`DerErrorKind::Value`] for a nonce that has not 1 to 128 bytes.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut document = Reader::new(der);
        let mut request = document.nested(Tag::SEQUENCE)?;
        document.finish()?;
        let mut fields = request.nested(Tag::SEQUENCE)?;
        if let Some(mut explicit) = request.optional(Tag::constructed(0))? {
            let mut signature = explicit.nested(Tag::SEQUENCE)?;
            explicit.finish()?;
            algorithm_identifier(&mut signature)?;
            BitString::whole_bytes(&mut signature)?;
            if let Some(mut explicit) = signature.optional(Tag::constructed(0))? {
                let mut certificates = explicit.nested(Tag::SEQUENCE)?;
                explicit.finish()?;
                while !certificates.is_empty() {
                    certificates.element(Tag::SEQUENCE)?;
                }
            }
            signature.finish()?;
        }
        request.finish()?;

        // The only version is the default one, which is not encoded.
        if fields.peek() == Some(Tag::constructed(0)) {
            return Err(fields.error(DerErrorKind::Version));
        }
        if let Some(mut explicit) = fields.optional(Tag::constructed(1))? {
            // The name of the requestor.
            explicit.any()?;
            explicit.finish()?;
        }
        let certificates = SequenceOf::<SingleRequest<'a>>::decode(&mut fields)?;
        let mut unknown_critical = certificates.into_iter().any(|single| single.unknown_critical);
        let mut nonce = None;
        for_extensions(&mut fields, 2, |extension| {
            if extension.id == oid::OCSP_NONCE {
                let (here, mut value) = (extension.value, extension.value);
                let bytes = value.nested(Tag::OCTET_STRING)?.rest();
                value.finish()?;
                if !(1..=NONCE).contains(&bytes.len()) {
                    return Err(here.error(DerErrorKind::Value));
                }
                nonce = Some(bytes);
            } else {
                unknown_critical |= extension.critical;
            }
            Ok(())
        })?;
        fields.finish()?;
        Ok(Self { certificates, nonce, unknown_critical })
    }

    /// The certificates whose status is asked for: at least one.
    pub const fn certificates(&self) -> SequenceOf<'a, SingleRequest<'a>> {
        self.certificates
    }

    /// The nonce, 1 to 128 bytes, which the response must have ([RFC 9654](https://www.rfc-editor.org/rfc/rfc9654)).
    pub const fn nonce(&self) -> Option<&'a [u8]> {
        self.nonce
    }

    /// Returns whether the request has a critical extension that is not known, so that it cannot be answered.
    pub const fn has_unknown_critical(&self) -> bool {
        self.unknown_critical
    }
}

/// A Request: one certificate whose status is asked for.
#[derive(Clone, Copy, Debug)]
pub struct SingleRequest<'a> {
    /// The certificate.
    pub id: CertId<'a>,
    /// The DER of the CertID, which the response repeats.
    pub der: &'a [u8],
    /// Whether the request for this certificate has a critical extension that is not known.
    pub unknown_critical: bool,
}

impl<'a> Decode<'a> for SingleRequest<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let mut again = fields;
        let id = CertId::decode(&mut fields)?;
        let der = again.element(Tag::SEQUENCE)?.der;
        let mut unknown_critical = false;
        for_extensions(&mut fields, 0, |extension| {
            unknown_critical |= extension.critical;
            Ok(())
        })?;
        fields.finish()?;
        Ok(Self { id, der, unknown_critical })
    }
}
