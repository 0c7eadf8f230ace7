//! Extensions about the key: its uses, and identifiers of it and of the issuer's key.

use super::{ExtensionValue, GeneralNames, wraps};
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, SequenceOf, Tag};
use crate::x509::oid;

/// keyUsage ([RFC 5280 §4.2.1.3](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.3)): a set of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// No use at all. No certificate has this set.
    pub const NONE: Self = Self(0);
    /// digitalSignature.
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// nonRepudiation, also called contentCommitment.
    pub const NON_REPUDIATION: Self = Self(0x4000);
    /// keyEncipherment.
    pub const KEY_ENCIPHERMENT: Self = Self(0x2000);
    /// dataEncipherment.
    pub const DATA_ENCIPHERMENT: Self = Self(0x1000);
    /// keyAgreement.
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// keyCertSign.
    pub const KEY_CERT_SIGN: Self = Self(0x0400);
    /// cRLSign.
    pub const CRL_SIGN: Self = Self(0x0200);
    /// encipherOnly.
    pub const ENCIPHER_ONLY: Self = Self(0x0100);
    /// decipherOnly.
    pub const DECIPHER_ONLY: Self = Self(0x0080);

    /// Returns whether the set has all uses of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set with the uses of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl<'a> Decode<'a> for KeyUsage {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let here = *reader;
        match BitString::named(reader, Tag::BIT_STRING)? {
            // At least one bit must be set.
            0 => Err(here.error(DerErrorKind::Empty)),
            bits => Ok(Self(bits)),
        }
    }
}

impl ExtensionValue<'_> for KeyUsage {
    const ID: Oid<'static> = oid::KEY_USAGE;
}

/// extKeyUsage ([RFC 5280 §4.2.1.12](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12)): the purposes of the key.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedKeyUsage<'a>(pub SequenceOf<'a, Oid<'a>>);

impl ExtendedKeyUsage<'_> {
    /// Returns whether the list has this purpose.
    pub fn contains(&self, purpose: Oid<'_>) -> bool {
        self.0.into_iter().any(|listed| listed.contents() == purpose.contents())
    }
}

/// subjectKeyIdentifier ([RFC 5280 §4.2.1.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectKeyId<'a>(pub &'a [u8]);

impl<'a> Decode<'a> for SubjectKeyId<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        Ok(Self(reader.nested(Tag::OCTET_STRING)?.rest()))
    }
}

impl<'a> ExtensionValue<'a> for SubjectKeyId<'a> {
    const ID: Oid<'static> = oid::SUBJECT_KEY_ID;
}

/// authorityKeyIdentifier ([RFC 5280 §4.2.1.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.1)).
#[derive(Clone, Copy, Debug)]
pub struct AuthorityKeyId<'a> {
    /// keyIdentifier: the subjectKeyIdentifier of the issuer's certificate.
    pub key_id: Option<&'a [u8]>,
    /// authorityCertIssuer and authorityCertSerialNumber: the issuer and the serial number of the issuer's certificate.
    pub certificate: Option<(GeneralNames<'a>, &'a [u8])>,
}

impl<'a> Decode<'a> for AuthorityKeyId<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let key_id = fields.optional(Tag::context(0))?.map(|id| id.rest());
        let issuer = fields.optional(Tag::constructed(1))?.map(GeneralNames::of_contents).transpose()?;
        let here = fields;
        let serial = Tag::context(2);
        let serial = if fields.peek() == Some(serial) { Some(fields.integer(serial)?) } else { None };
        fields.finish()?;
        // Both are present or neither is.
        let certificate = match (issuer, serial) {
            (Some(issuer), Some(serial)) => Some((issuer, serial)),
            (None, None) => None,
            _ => return Err(here.error(DerErrorKind::Value)),
        };
        Ok(Self { key_id, certificate })
    }
}

impl<'a> ExtensionValue<'a> for AuthorityKeyId<'a> {
    const ID: Oid<'static> = oid::AUTHORITY_KEY_ID;
}

wraps! {
    ExtendedKeyUsage(SequenceOf<'a, Oid<'a>>): EXTENDED_KEY_USAGE,
}
