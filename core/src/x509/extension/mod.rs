//! Extensions ([RFC 5280 §4.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2)), each a type of its own.

mod constraints;
mod key;
mod location;
mod policy;

pub use self::constraints::{BasicConstraints, GeneralSubtree, NameConstraints};
pub use self::key::{AuthorityKeyId, ExtendedKeyUsage, KeyUsage, SubjectKeyId};
pub use self::location::{
    AccessDescription, AuthorityInfoAccess, CrlDistributionPoints, DistributionPoint, DistributionPointName,
    FreshestCrl,
};
pub use self::policy::{
    CertificatePolicies, InhibitAnyPolicy, PolicyConstraints, PolicyInformation, PolicyMapping,
    PolicyMappings,
};
use super::general_name::GeneralNames;
use super::oid;
use crate::encoding::der::{Decode, DerError, Oid, Reader, Tag};

/// The value of an extension, with the identifier of the extension.
pub trait ExtensionValue<'a>: Decode<'a> {
    /// The identifier of the extension.
    const ID: Oid<'static>;
}

/// An extension, and whether it is critical.
#[derive(Clone, Copy, Debug)]
pub struct Extension<T> {
    /// Whether a program that does not know the extension must refuse the certificate.
    pub critical: bool,
    /// The value.
    pub value: T,
}

/// An extension, with its value not read.
#[derive(Clone, Copy, Debug)]
pub struct RawExtension<'a> {
    /// The identifier.
    pub id: Oid<'a>,
    /// Whether a program that does not know the extension must refuse the certificate.
    pub critical: bool,
    /// The contents of the OCTET STRING.
    pub value: Reader<'a>,
}

impl<'a> RawExtension<'a> {
    /// Reads the value as the type `T`.
    ///
    /// # Errors
    /// The first error in the value.
    pub fn read<T: Decode<'a>>(self) -> Result<Extension<T>, DerError> {
        let mut value = self.value;
        let read = T::decode(&mut value)?;
        value.finish()?;
        Ok(Extension { critical: self.critical, value: read })
    }

    /// Reads the value of an extension of a certificate that this module knows, and returns whether it does.
    ///
    /// # Errors
    /// The first error in the value.
    pub fn check(self) -> Result<bool, DerError> {
        match self.id {
            oid::SUBJECT_KEY_ID => self.read::<SubjectKeyId<'_>>().map(drop),
            oid::KEY_USAGE => self.read::<KeyUsage>().map(drop),
            oid::SUBJECT_ALT_NAME => self.read::<SubjectAltName<'_>>().map(drop),
            oid::ISSUER_ALT_NAME => self.read::<IssuerAltName<'_>>().map(drop),
            oid::BASIC_CONSTRAINTS => self.read::<BasicConstraints>().map(drop),
            oid::NAME_CONSTRAINTS => self.read::<NameConstraints<'_>>().map(drop),
            oid::CRL_DISTRIBUTION_POINTS => self.read::<CrlDistributionPoints<'_>>().map(drop),
            oid::CERTIFICATE_POLICIES => self.read::<CertificatePolicies<'_>>().map(drop),
            oid::POLICY_MAPPINGS => self.read::<PolicyMappings<'_>>().map(drop),
            oid::AUTHORITY_KEY_ID => self.read::<AuthorityKeyId<'_>>().map(drop),
            oid::POLICY_CONSTRAINTS => self.read::<PolicyConstraints>().map(drop),
            oid::EXTENDED_KEY_USAGE => self.read::<ExtendedKeyUsage<'_>>().map(drop),
            oid::FRESHEST_CRL => self.read::<FreshestCrl<'_>>().map(drop),
            oid::INHIBIT_ANY_POLICY => self.read::<InhibitAnyPolicy>().map(drop),
            oid::AUTHORITY_INFO_ACCESS => self.read::<AuthorityInfoAccess<'_>>().map(drop),
            _ => return Ok(false),
        }?;
        Ok(true)
    }
}

impl<'a> Decode<'a> for RawExtension<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut extension = reader.nested(Tag::SEQUENCE)?;
        let id = Oid::decode(&mut extension)?;
        let critical = extension.default_false()?;
        let value = extension.nested(Tag::OCTET_STRING)?;
        extension.finish()?;
        Ok(Self { id, critical, value })
    }
}

/// subjectAltName ([RFC 5280 §4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6)).
#[derive(Clone, Copy, Debug)]
pub struct SubjectAltName<'a>(pub GeneralNames<'a>);

/// issuerAltName ([RFC 5280 §4.2.1.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.7)).
#[derive(Clone, Copy, Debug)]
pub struct IssuerAltName<'a>(pub GeneralNames<'a>);

/// Implements [`Decode`] for a type around one other type, and [`ExtensionValue`].
macro_rules! wraps {
    ($($name:ident($inner:ty): $id:ident,)*) => { $(
        impl<'a> crate::encoding::der::Decode<'a> for $name<'a> {
            fn decode(reader: &mut crate::encoding::der::Reader<'a>) -> Result<Self, crate::encoding::der::DerError> {
                <$inner as crate::encoding::der::Decode<'a>>::decode(reader).map(Self)
            }
        }

        impl<'a> crate::x509::extension::ExtensionValue<'a> for $name<'a> {
            const ID: crate::encoding::der::Oid<'static> = crate::x509::oid::$id;
        }
    )* };
}
use wraps;

wraps! {
    SubjectAltName(GeneralNames<'a>): SUBJECT_ALT_NAME,
    IssuerAltName(GeneralNames<'a>): ISSUER_ALT_NAME,
}
