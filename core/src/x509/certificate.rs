//! The certificate: a view of its DER ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).

use super::extension::{Extension, ExtensionValue, RawExtension};
use super::name::Name;
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Oid, Reader, Tag};
use crate::limits::X509_EXTENSIONS;
use crate::time::UnixTime;

/// The version of a certificate ([RFC 5280 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Version {
    /// Version 1: neither unique identifiers nor extensions.
    V1,
    /// Version 2: unique identifiers.
    V2,
    /// Version 3: extensions.
    V3,
}

/// A SubjectPublicKeyInfo ([RFC 5280 §4.1.2.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)).
#[derive(Clone, Copy, Debug)]
pub struct PublicKeyInfo<'a> {
    der: &'a [u8],
    algorithm: &'a [u8],
    key: &'a [u8],
}

impl<'a> PublicKeyInfo<'a> {
    /// Reads the DER of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The first error of the encoding.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(der);
        let info = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(info)
    }

    /// The whole encoding.
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The contents of the AlgorithmIdentifier: the OID and the parameters.
    pub const fn algorithm(&self) -> &'a [u8] {
        self.algorithm
    }

    /// The contents of the BIT STRING subjectPublicKey.
    pub const fn key(&self) -> &'a [u8] {
        self.key
    }
}

impl<'a> Decode<'a> for PublicKeyInfo<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let info = reader.element(Tag::SEQUENCE)?;
        let mut contents = info.contents;
        let algorithm = algorithm_identifier(&mut contents)?;
        let key = BitString::whole_bytes(&mut contents)?;
        contents.finish()?;
        Ok(Self { der: info.der, algorithm, key })
    }
}

/// A certificate that is well formed. Nothing in it is verified.
///
/// The view borrows the DER. An extension is read by need, with [`Certificate::extension`].
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    tbs: &'a [u8],
    version: Version,
    serial: &'a [u8],
    inner_algorithm: &'a [u8],
    issuer: Name<'a>,
    not_before: UnixTime,
    not_after: UnixTime,
    subject: Name<'a>,
    key: PublicKeyInfo<'a>,
    unique_ids: bool,
    /// The extensions, which were checked.
    extensions: Reader<'a>,
    outer_algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads the DER of a certificate: all fields, the list of extensions, but not their values.
    ///
    /// # Errors
    /// The first error of the encoding, with its place. [`DerErrorKind::Duplicate`] if an extension occurs twice,
    /// [`DerErrorKind::TooMany`] if there are more than [`X509_EXTENSIONS`] of them.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut document = Reader::new(der);
        let mut certificate = document.nested(Tag::SEQUENCE)?;
        document.finish()?;
        let tbs = certificate.element(Tag::SEQUENCE)?;
        let outer_algorithm = algorithm_identifier(&mut certificate)?;
        let signature = BitString::whole_bytes(&mut certificate)?;
        certificate.finish()?;

        let mut fields = tbs.contents;
        let version = version(&mut fields)?;
        let serial = fields.integer(Tag::INTEGER)?;
        let inner_algorithm = algorithm_identifier(&mut fields)?;
        let issuer = Name::decode(&mut fields)?;
        let mut validity = fields.nested(Tag::SEQUENCE)?;
        let (not_before, not_after) = (UnixTime::decode(&mut validity)?, UnixTime::decode(&mut validity)?);
        validity.finish()?;
        let subject = Name::decode(&mut fields)?;
        let key = PublicKeyInfo::decode(&mut fields)?;
        let unique_ids = unique_ids(&mut fields, version)?;
        let extensions = extensions(&mut fields, version)?;
        fields.finish()?;
        Ok(Self {
            der,
            tbs: tbs.der,
            version,
            serial,
            inner_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            key,
            unique_ids,
            extensions,
            outer_algorithm,
            signature,
        })
    }

    /// The whole encoding.
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The encoding of tbsCertificate, which is signed.
    pub const fn tbs(&self) -> &'a [u8] {
        self.tbs
    }

    /// The version.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The serial number: two's complement in its shortest form, most significant byte first.
    pub const fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// The contents of the AlgorithmIdentifier in the signed part (field `signature`).
    pub const fn signed_algorithm(&self) -> &'a [u8] {
        self.inner_algorithm
    }

    /// The contents of the AlgorithmIdentifier beside the signature (field `signatureAlgorithm`).
    pub const fn signature_algorithm(&self) -> &'a [u8] {
        self.outer_algorithm
    }

    /// The issuer.
    pub const fn issuer(&self) -> &Name<'a> {
        &self.issuer
    }

    /// The first second of the validity. A time before 1970 is [`UnixTime::MIN`].
    pub const fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second of the validity. It may be before the first one. A time before 1970 is [`UnixTime::MIN`].
    pub const fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The subject.
    pub const fn subject(&self) -> &Name<'a> {
        &self.subject
    }

    /// The subject's public key.
    pub const fn public_key(&self) -> &PublicKeyInfo<'a> {
        &self.key
    }

    /// Returns whether the certificate has an issuerUniqueID or a subjectUniqueID, which are not read.
    pub const fn has_unique_ids(&self) -> bool {
        self.unique_ids
    }

    /// The signature: the contents of the BIT STRING.
    pub const fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Returns whether issuer and subject are the same name ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1)).
    pub fn is_self_issued(&self) -> bool {
        self.issuer.compare(&self.subject) == super::Comparison::Same
    }

    /// The extensions, with their values not read.
    pub fn extensions(&self) -> impl Iterator<Item = RawExtension<'a>> + use<'a> {
        let mut extensions = self.extensions;
        // They were read once, without an error.
        core::iter::from_fn(move || RawExtension::decode(&mut extensions).ok())
    }

    /// Reads the extension of the type `T`, if the certificate has it.
    ///
    /// # Errors
    /// The first error in the value of the extension.
    pub fn extension<T: ExtensionValue<'a>>(&self) -> Result<Option<Extension<T>>, DerError> {
        self.find(T::ID).map(RawExtension::read).transpose()
    }

    /// The extension with this identifier. One function for all types keeps the code small.
    fn find(&self, id: Oid<'_>) -> Option<RawExtension<'a>> {
        self.extensions().find(|raw| raw.id.contents() == id.contents())
    }
}

/// Reads `version`, which is absent for version 1.
fn version(fields: &mut Reader<'_>) -> Result<Version, DerError> {
    let Some(mut version) = fields.optional(Tag::constructed(0))? else { return Ok(Version::V1) };
    let here = version;
    let number = version.integer(Tag::INTEGER)?;
    version.finish()?;
    match number {
        [0] => Err(here.error(DerErrorKind::Default)),
        [1] => Ok(Version::V2),
        [2] => Ok(Version::V3),
        _ => Err(here.error(DerErrorKind::Version)),
    }
}

/// Reads issuerUniqueID and subjectUniqueID (RFC 5280 §4.1.2.8), and returns whether there is one.
fn unique_ids(fields: &mut Reader<'_>, version: Version) -> Result<bool, DerError> {
    let here = *fields;
    let mut found = false;
    for number in [1, 2] {
        let tag = Tag::context(number);
        if fields.peek() == Some(tag) {
            BitString::implicit(fields, tag)?;
            found = true;
        }
    }
    if found && version == Version::V1 { Err(here.error(DerErrorKind::Version)) } else { Ok(found) }
}

/// Reads the list of extensions (RFC 5280 §4.1.2.9). It is empty if there is none.
fn extensions<'a>(fields: &mut Reader<'a>, version: Version) -> Result<Reader<'a>, DerError> {
    let here = *fields;
    let Some(mut explicit) = fields.optional(Tag::constructed(3))? else {
        return Ok(Reader::new(&[]));
    };
    if version != Version::V3 {
        return Err(here.error(DerErrorKind::Version));
    }
    let extensions = explicit.nested(Tag::SEQUENCE)?;
    explicit.finish()?;
    check_extensions(extensions)?;
    Ok(extensions)
}

/// Checks the contents of Extensions: each one is well formed, and there is only one of each type.
pub(super) fn check_extensions(extensions: Reader<'_>) -> Result<(), DerError> {
    if extensions.is_empty() {
        return Err(extensions.error(DerErrorKind::Empty));
    }
    let mut rest = extensions;
    let mut count = 0;
    while !rest.is_empty() {
        let here = rest;
        let extension = RawExtension::decode(&mut rest)?;
        if count == X509_EXTENSIONS {
            return Err(here.error(DerErrorKind::TooMany));
        }
        let mut earlier = extensions;
        for _ in 0..count {
            if RawExtension::decode(&mut earlier)?.id == extension.id {
                return Err(here.error(DerErrorKind::Duplicate));
            }
        }
        count += 1;
    }
    Ok(())
}

/// Reads an AlgorithmIdentifier (RFC 5280 §4.1.1.2) and returns its contents: the OID and the parameters.
pub(super) fn algorithm_identifier<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DerError> {
    let contents = reader.nested(Tag::SEQUENCE)?;
    let mut fields = contents;
    Oid::decode(&mut fields)?;
    if !fields.is_empty() {
        fields.any()?;
    }
    fields.finish()?;
    Ok(contents.rest())
}
