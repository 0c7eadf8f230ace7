//! Extensions that name a place: of a CRL, or of information about the issuer.

use super::{GeneralNames, wraps};
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use crate::x509::general_name::GeneralName;
use crate::x509::name::check_set;

/// A DistributionPointName.
#[derive(Clone, Copy, Debug)]
pub enum DistributionPointName<'a> {
    /// fullName.
    Full(GeneralNames<'a>),
    /// nameRelativeToCRLIssuer: the contents of a SET of attributes, which were checked.
    Relative(Reader<'a>),
}

impl<'a> DistributionPointName<'a> {
    /// Reads the field distributionPoint of a DistributionPoint or an IssuingDistributionPoint, if it is there.
    pub(in crate::x509) fn optional(fields: &mut Reader<'a>) -> Result<Option<Self>, DerError> {
        let Some(mut explicit) = fields.optional(Tag::constructed(0))? else { return Ok(None) };
        let here = explicit;
        let name = explicit.any()?;
        explicit.finish()?;
        if name.tag == Tag::constructed(0) {
            GeneralNames::of_contents(name.contents).map(|names| Some(Self::Full(names)))
        } else if name.tag == Tag::constructed(1) {
            check_set(name.contents)?;
            Ok(Some(Self::Relative(name.contents)))
        } else {
            Err(here.error(DerErrorKind::Tag))
        }
    }
}

/// A DistributionPoint.
#[derive(Clone, Copy, Debug)]
pub struct DistributionPoint<'a> {
    /// distributionPoint.
    pub name: Option<DistributionPointName<'a>>,
    /// reasons: bit 0 of ReasonFlags is the highest bit. `None` stands for all reasons.
    pub reasons: Option<u16>,
    /// cRLIssuer, if it is not the issuer of the certificate.
    pub crl_issuer: Option<GeneralNames<'a>>,
}

impl<'a> Decode<'a> for DistributionPoint<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let here = fields;
        let name = DistributionPointName::optional(&mut fields)?;
        let tag = Tag::context(1);
        let reasons = (fields.peek() == Some(tag)).then(|| BitString::named(&mut fields, tag)).transpose()?;
        let crl_issuer = fields.optional(Tag::constructed(2))?.map(GeneralNames::of_contents).transpose()?;
        fields.finish()?;
        // A point of reasons alone has no meaning.
        if name.is_none() && crl_issuer.is_none() {
            return Err(here.error(DerErrorKind::Value));
        }
        Ok(Self { name, reasons, crl_issuer })
    }
}

/// cRLDistributionPoints ([RFC 5280 §4.2.1.13](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13)).
#[derive(Clone, Copy, Debug)]
pub struct CrlDistributionPoints<'a>(pub SequenceOf<'a, DistributionPoint<'a>>);

/// freshestCRL ([RFC 5280 §4.2.1.15](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.15)): the places of delta CRLs.
#[derive(Clone, Copy, Debug)]
pub struct FreshestCrl<'a>(pub SequenceOf<'a, DistributionPoint<'a>>);

/// An AccessDescription.
#[derive(Clone, Copy, Debug)]
pub struct AccessDescription<'a> {
    /// accessMethod.
    pub method: Oid<'a>,
    /// accessLocation.
    pub location: GeneralName<'a>,
}

impl<'a> Decode<'a> for AccessDescription<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let (method, location) = (Oid::decode(&mut fields)?, GeneralName::decode(&mut fields)?);
        fields.finish()?;
        Ok(Self { method, location })
    }
}

/// authorityInfoAccess ([RFC 5280 §4.2.2.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.2.1)).
#[derive(Clone, Copy, Debug)]
pub struct AuthorityInfoAccess<'a>(pub SequenceOf<'a, AccessDescription<'a>>);

wraps! {
    CrlDistributionPoints(SequenceOf<'a, DistributionPoint<'a>>): CRL_DISTRIBUTION_POINTS,
    FreshestCrl(SequenceOf<'a, DistributionPoint<'a>>): FRESHEST_CRL,
    AuthorityInfoAccess(SequenceOf<'a, AccessDescription<'a>>): AUTHORITY_INFO_ACCESS,
}
