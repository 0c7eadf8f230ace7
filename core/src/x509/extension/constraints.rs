//! Extensions that constrain the certificates that a CA can issue: basicConstraints and nameConstraints.

use super::ExtensionValue;
use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use crate::x509::general_name::GeneralName;
use crate::x509::oid;

/// basicConstraints ([RFC 5280 §4.2.1.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// cA: the key may verify signatures of certificates.
    pub ca: bool,
    /// pathLenConstraint: the number of intermediates that may follow, not counting the self-issued ones.
    pub path_length: Option<u32>,
}

impl<'a> Decode<'a> for BasicConstraints {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let ca = fields.default_false()?;
        let path_length = match fields.peek() {
            Some(Tag::INTEGER) => Some(fields.unsigned(Tag::INTEGER)?),
            _ => None,
        };
        fields.finish()?;
        Ok(Self { ca, path_length })
    }
}

impl ExtensionValue<'_> for BasicConstraints {
    const ID: Oid<'static> = oid::BASIC_CONSTRAINTS;
}

/// A GeneralSubtree: all names within a base.
#[derive(Clone, Copy, Debug)]
pub struct GeneralSubtree<'a> {
    /// The root of the subtree.
    pub base: GeneralName<'a>,
    /// Whether minimum and maximum are as RFC 5280 demands: 0 and absent. No other values have a meaning.
    pub whole: bool,
}

impl<'a> Decode<'a> for GeneralSubtree<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let base = GeneralName::decode(&mut fields)?;
        let mut whole = true;
        for number in [0, 1] {
            let (here, tag) = (fields, Tag::context(number));
            if fields.peek() == Some(tag) {
                if fields.unsigned(tag)? == 0 && number == 0 {
                    return Err(here.error(DerErrorKind::Default));
                }
                whole = false;
            }
        }
        fields.finish()?;
        Ok(Self { base, whole })
    }
}

/// nameConstraints ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)).
#[derive(Clone, Copy, Debug)]
pub struct NameConstraints<'a> {
    /// permittedSubtrees.
    pub permitted: Option<SequenceOf<'a, GeneralSubtree<'a>>>,
    /// excludedSubtrees.
    pub excluded: Option<SequenceOf<'a, GeneralSubtree<'a>>>,
}

impl<'a> Decode<'a> for NameConstraints<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let here = fields;
        let mut subtrees =
            |number| fields.optional(Tag::constructed(number))?.map(SequenceOf::of_contents).transpose();
        let (permitted, excluded) = (subtrees(0)?, subtrees(1)?);
        fields.finish()?;
        if permitted.is_none() && excluded.is_none() {
            return Err(here.error(DerErrorKind::Empty));
        }
        Ok(Self { permitted, excluded })
    }
}

impl<'a> ExtensionValue<'a> for NameConstraints<'a> {
    const ID: Oid<'static> = oid::NAME_CONSTRAINTS;
}
