//! Extensions about policies.

use super::{ExtensionValue, wraps};
use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use crate::x509::oid;

/// A PolicyInformation: a policy, and its qualifiers.
#[derive(Clone, Copy, Debug)]
pub struct PolicyInformation<'a> {
    /// The policy.
    pub id: Oid<'a>,
    /// The qualifiers, each one a SEQUENCE, not read.
    pub qualifiers: Option<SequenceOf<'a, PolicyQualifier<'a>>>,
}

/// A PolicyQualifierInfo: its type, and its value, not read.
#[derive(Clone, Copy, Debug)]
pub struct PolicyQualifier<'a> {
    /// The type of the qualifier.
    pub id: Oid<'a>,
    /// The value.
    pub value: &'a [u8],
}

impl<'a> Decode<'a> for PolicyQualifier<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let id = Oid::decode(&mut fields)?;
        let value = fields.any()?.der;
        fields.finish()?;
        Ok(Self { id, value })
    }
}

impl<'a> Decode<'a> for PolicyInformation<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let id = Oid::decode(&mut fields)?;
        let qualifiers = fields.optional(Tag::SEQUENCE)?.map(SequenceOf::of_contents).transpose()?;
        fields.finish()?;
        Ok(Self { id, qualifiers })
    }
}

/// certificatePolicies ([RFC 5280 §4.2.1.4](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.4)).
#[derive(Clone, Copy, Debug)]
pub struct CertificatePolicies<'a>(pub SequenceOf<'a, PolicyInformation<'a>>);

/// A pair of policies that the issuer regards as equivalent.
#[derive(Clone, Copy, Debug)]
pub struct PolicyMapping<'a> {
    /// issuerDomainPolicy.
    pub issuer: Oid<'a>,
    /// subjectDomainPolicy.
    pub subject: Oid<'a>,
}

impl<'a> Decode<'a> for PolicyMapping<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let (issuer, subject) = (Oid::decode(&mut fields)?, Oid::decode(&mut fields)?);
        fields.finish()?;
        Ok(Self { issuer, subject })
    }
}

/// policyMappings ([RFC 5280 §4.2.1.5](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.5)).
#[derive(Clone, Copy, Debug)]
pub struct PolicyMappings<'a>(pub SequenceOf<'a, PolicyMapping<'a>>);

/// policyConstraints ([RFC 5280 §4.2.1.11](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.11)): after how many
/// more certificates each constraint begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyConstraints {
    /// requireExplicitPolicy.
    pub require_explicit: Option<u32>,
    /// inhibitPolicyMapping.
    pub inhibit_mapping: Option<u32>,
}

impl<'a> Decode<'a> for PolicyConstraints {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let here = fields;
        let mut skip_certs = |number| {
            let tag = Tag::context(number);
            (fields.peek() == Some(tag)).then(|| fields.unsigned(tag)).transpose()
        };
        let (require_explicit, inhibit_mapping) = (skip_certs(0)?, skip_certs(1)?);
        fields.finish()?;
        if here.is_empty() {
            return Err(here.error(DerErrorKind::Empty));
        }
        Ok(Self { require_explicit, inhibit_mapping })
    }
}

impl ExtensionValue<'_> for PolicyConstraints {
    const ID: Oid<'static> = oid::POLICY_CONSTRAINTS;
}

/// inhibitAnyPolicy ([RFC 5280 §4.2.1.14](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.14)): after how many more
/// certificates anyPolicy has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InhibitAnyPolicy(pub u32);

impl<'a> Decode<'a> for InhibitAnyPolicy {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        reader.unsigned(Tag::INTEGER).map(Self)
    }
}

impl ExtensionValue<'_> for InhibitAnyPolicy {
    const ID: Oid<'static> = oid::INHIBIT_ANY_POLICY;
}

wraps! {
    CertificatePolicies(SequenceOf<'a, PolicyInformation<'a>>): CERTIFICATE_POLICIES,
    PolicyMappings(SequenceOf<'a, PolicyMapping<'a>>): POLICY_MAPPINGS,
}
