//! The extensions of a CRL ([RFC 5280 §5.2](https://www.rfc-editor.org/rfc/rfc5280#section-5.2)).

use core::cmp::Ordering;

use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, Tag};
use crate::x509::extension::{DistributionPointName, ExtensionValue};
use crate::x509::oid;

/// Longest CRL number in bytes (RFC 5280 §5.2.3).
const NUMBER: usize = 20;

/// The number of a CRL: not negative, at most 20 bytes, most significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlNumber<'a>(pub &'a [u8]);

impl PartialOrd for CrlNumber<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CrlNumber<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Both are in their shortest form, so the longer one is greater.
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl<'a> Decode<'a> for CrlNumber<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let here = *reader;
        match reader.integer(Tag::INTEGER)? {
            number if number.len() <= NUMBER && number.first().is_some_and(|first| *first < 0x80) => {
                // The leading zero of a number whose highest bit is set, which is not a part of the shortest form.
                Ok(Self(number.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(number)))
            }
            _ => Err(here.error(DerErrorKind::Integer)),
        }
    }
}

/// cRLNumber ([RFC 5280 §5.2.3](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.3)).
impl<'a> ExtensionValue<'a> for CrlNumber<'a> {
    const ID: Oid<'static> = oid::CRL_NUMBER;
}

/// deltaCRLIndicator ([RFC 5280 §5.2.4](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.4)): the number of the complete
/// CRL to which a delta CRL tells the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaCrlIndicator<'a>(pub CrlNumber<'a>);

impl<'a> Decode<'a> for DeltaCrlIndicator<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        CrlNumber::decode(reader).map(Self)
    }
}

impl<'a> ExtensionValue<'a> for DeltaCrlIndicator<'a> {
    const ID: Oid<'static> = oid::DELTA_CRL_INDICATOR;
}

/// issuingDistributionPoint ([RFC 5280 §5.2.5](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.5)): the scope of a CRL.
#[derive(Clone, Copy, Debug)]
pub struct IssuingDistributionPoint<'a> {
    /// distributionPoint: the names of the CRL.
    pub name: Option<DistributionPointName<'a>>,
    /// The kind of the certificates in the scope.
    pub only: Option<OnlyCertificates>,
    /// onlySomeReasons: bit 0 of ReasonFlags is the highest bit. `None` stands for all reasons.
    pub reasons: Option<u16>,
    /// indirectCRL: the CRL can have entries for certificates of other issuers.
    pub indirect: bool,
}

/// The only kind of certificates in the scope of a CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OnlyCertificates {
    /// onlyContainsUserCerts: certificates that are not of a CA.
    User,
    /// onlyContainsCACerts.
    Ca,
    /// onlyContainsAttributeCerts, which are not certificates of keys.
    Attribute,
}

impl<'a> Decode<'a> for IssuingDistributionPoint<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let here = fields;
        let name = DistributionPointName::optional(&mut fields)?;
        let (user, ca) = (flag(&mut fields, 1)?, flag(&mut fields, 2)?);
        let tag = Tag::context(3);
        let reasons = (fields.peek() == Some(tag)).then(|| BitString::named(&mut fields, tag)).transpose()?;
        let (indirect, attribute) = (flag(&mut fields, 4)?, flag(&mut fields, 5)?);
        fields.finish()?;
        let only = match (user, ca, attribute) {
            (false, false, false) => None,
            (true, false, false) => Some(OnlyCertificates::User),
            (false, true, false) => Some(OnlyCertificates::Ca),
            (false, false, true) => Some(OnlyCertificates::Attribute),
            // At most one of them may be TRUE.
            _ => return Err(here.error(DerErrorKind::Value)),
        };
        // The SEQUENCE may not be empty.
        if here.is_empty() {
            return Err(here.error(DerErrorKind::Empty));
        }
        Ok(Self { name, only, reasons, indirect })
    }
}

/// Reads a BOOLEAN DEFAULT FALSE with an implicit tag: only TRUE is encoded.
fn flag(fields: &mut Reader<'_>, number: u8) -> Result<bool, DerError> {
    let Some(value) = fields.optional(Tag::context(number))? else { return Ok(false) };
    match value.rest() {
        [0xff] => Ok(true),
        [0] => Err(value.error(DerErrorKind::Default)),
        _ => Err(value.error(DerErrorKind::Boolean)),
    }
}

impl<'a> ExtensionValue<'a> for IssuingDistributionPoint<'a> {
    const ID: Oid<'static> = oid::ISSUING_DISTRIBUTION_POINT;
}
