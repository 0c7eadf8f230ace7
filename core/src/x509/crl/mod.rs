//! Certificate revocation lists: a view of a CRL, and the check of a path with CRLs
//! ([RFC 5280 §5, §6.3](https://www.rfc-editor.org/rfc/rfc5280#section-5)).

mod check;
mod checker;
mod entry;
mod extension;
mod scope;
mod signer;

pub use self::check::{CrlCheck, RevocationError};
pub use self::checker::CrlChecker;
pub use self::entry::{Entries, RevokedCertificate};
pub use self::extension::{CrlNumber, DeltaCrlIndicator, IssuingDistributionPoint, OnlyCertificates};
use super::certificate::{algorithm_identifier, check_extensions};
use super::extension::{AuthorityKeyId, Extension, FreshestCrl, RawExtension};
use super::{Comparison, Name, Signed, oid};
use crate::encoding::der::{BitString, Decode, DerError, DerErrorKind, Reader, Tag};
use crate::time::UnixTime;

/// A CRL of version 2 that is well formed. Nothing in it is verified.
///
/// The view borrows the DER. Its extensions and all its entries were read once.
#[derive(Clone, Copy, Debug)]
pub struct Crl<'a> {
    tbs: &'a [u8],
    inner_algorithm: &'a [u8],
    issuer: Name<'a>,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    entries: Reader<'a>,
    unknown_critical_entry: bool,
    extensions: Extensions<'a>,
    outer_algorithm: &'a [u8],
    signature: &'a [u8],
}

/// The extensions of a CRL.
#[derive(Clone, Copy, Debug, Default)]
struct Extensions<'a> {
    authority_key: Option<AuthorityKeyId<'a>>,
    number: Option<Extension<CrlNumber<'a>>>,
    delta_base: Option<CrlNumber<'a>>,
    /// The encoding of the scope, and its value.
    scope: Option<(&'a [u8], IssuingDistributionPoint<'a>)>,
    freshest: Option<FreshestCrl<'a>>,
    unknown_critical: bool,
}

impl<'a> Crl<'a> {
    /// Reads the DER of a CertificateList: all fields, extensions and entries.
    ///
    /// # Errors
    /// The first error of the encoding, with its place. [`DerErrorKind::Version`] for version 1.
    pub fn parse(der: &'a [u8]) -> Result<Self, DerError> {
        let mut document = Reader::new(der);
        let mut list = document.nested(Tag::SEQUENCE)?;
        document.finish()?;
        let tbs = list.element(Tag::SEQUENCE)?;
        let outer_algorithm = algorithm_identifier(&mut list)?;
        let signature = BitString::whole_bytes(&mut list)?;
        list.finish()?;

        let mut fields = tbs.contents;
        let here = fields;
        if fields.peek() != Some(Tag::INTEGER) || fields.integer(Tag::INTEGER)? != [1] {
            return Err(here.error(DerErrorKind::Version));
        }
        let inner_algorithm = algorithm_identifier(&mut fields)?;
        let issuer = Name::decode(&mut fields)?;
        let this_update = UnixTime::decode(&mut fields)?;
        let has_next = matches!(fields.peek(), Some(Tag::UTC_TIME | Tag::GENERALIZED_TIME));
        let next_update = has_next.then(|| UnixTime::decode(&mut fields)).transpose()?;
        let (entries, unknown_critical_entry) = entries(&mut fields)?;
        let extensions = match fields.optional(Tag::constructed(0))? {
            None => Extensions::default(),
            Some(mut explicit) => {
                let extensions = explicit.nested(Tag::SEQUENCE)?;
                explicit.finish()?;
                Extensions::read(extensions)?
            }
        };
        fields.finish()?;
        Ok(Self {
            tbs: tbs.der,
            inner_algorithm,
            issuer,
            this_update,
            next_update,
            entries,
            unknown_critical_entry,
            extensions,
            outer_algorithm,
            signature,
        })
    }

    /// The contents of the AlgorithmIdentifier in the signed part (field `signature`).
    pub const fn signed_algorithm(&self) -> &'a [u8] {
        self.inner_algorithm
    }

    /// The signed text with its signature, and the contents of the AlgorithmIdentifier beside it.
    pub const fn signed(&self) -> Signed<'a> {
        Signed { algorithm: self.outer_algorithm, message: self.tbs, signature: self.signature }
    }

    /// The issuer of the CRL.
    pub const fn issuer(&self) -> &Name<'a> {
        &self.issuer
    }

    /// The time at which the CRL was issued. A time before 1970 is [`UnixTime::MIN`].
    pub const fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// The time by which the next CRL is issued. RFC 5280 demands it.
    pub const fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// Returns whether `delta` is a delta CRL that tells changes to this complete CRL (RFC 5280 §5.2.4, §6.3.3 (c)). Which
    /// one is the newer CRL is not compared.
    fn takes(&self, delta: &Self) -> bool {
        let scope = |crl: &Self| crl.extensions.scope.map(|(der, _)| der);
        let key = |crl: &Self| crl.authority_key().and_then(|authority| authority.key_id);
        let base = delta.delta_base();
        base.is_some()
            && base <= self.number().map(|number| number.value)
            && delta.issuer.compare(&self.issuer) == Comparison::Same
            && scope(delta) == scope(self)
            && key(delta) == key(self)
    }

    /// The entries, which may be for certificates of several issuers.
    pub const fn entries(&self) -> Entries<'a> {
        Entries::new(self.entries)
    }

    /// The entry of the certificate with this serial number of `issuer`. The time grows with the length of the CRL.
    ///
    /// The serial number is as [`Certificate::serial`](super::Certificate::serial) returns it.
    pub fn find(&self, serial: &[u8], issuer: &Name<'_>) -> Option<RevokedCertificate<'a>> {
        self.entries().find(serial, issuer, &self.issuer)
    }

    /// authorityKeyIdentifier: the key that has signed the CRL.
    pub const fn authority_key(&self) -> Option<&AuthorityKeyId<'a>> {
        self.extensions.authority_key.as_ref()
    }

    /// cRLNumber.
    pub const fn number(&self) -> Option<Extension<CrlNumber<'a>>> {
        self.extensions.number
    }

    /// The number in deltaCRLIndicator: this is a delta CRL, which tells the changes since the complete CRL of that number.
    pub const fn delta_base(&self) -> Option<CrlNumber<'a>> {
        self.extensions.delta_base
    }

    /// issuingDistributionPoint: the scope of the CRL. A CRL without it is about all certificates of its issuer.
    pub fn scope(&self) -> Option<&IssuingDistributionPoint<'a>> {
        self.extensions.scope.as_ref().map(|(_, scope)| scope)
    }

    /// freshestCRL: the places of delta CRLs.
    pub const fn freshest(&self) -> Option<&FreshestCrl<'a>> {
        self.extensions.freshest.as_ref()
    }

    /// Returns whether the CRL has a critical extension that is not known, so that it cannot be used.
    pub const fn has_unknown_critical(&self) -> bool {
        self.extensions.unknown_critical
    }

    /// Returns whether an entry has a critical extension that is not known, so that the CRL cannot be used.
    pub const fn has_unknown_critical_entry(&self) -> bool {
        self.unknown_critical_entry
    }
}

/// Reads revokedCertificates, which is absent if there is none. Returns its contents, and whether an entry has an unknown
/// critical extension.
fn entries<'a>(fields: &mut Reader<'a>) -> Result<(Reader<'a>, bool), DerError> {
    let Some(entries) = fields.optional(Tag::SEQUENCE)? else { return Ok((Reader::new(&[]), false)) };
    if entries.is_empty() {
        return Err(entries.error(DerErrorKind::Empty));
    }
    let (mut rest, mut unknown_critical) = (entries, false);
    while !rest.is_empty() {
        unknown_critical |= RevokedCertificate::decode(&mut rest)?.unknown_critical;
    }
    Ok((entries, unknown_critical))
}

impl<'a> Extensions<'a> {
    fn read(mut list: Reader<'a>) -> Result<Self, DerError> {
        check_extensions(list)?;
        let mut read = Self::default();
        while !list.is_empty() {
            let extension = RawExtension::decode(&mut list)?;
            match extension.id {
                oid::AUTHORITY_KEY_ID => read.authority_key = Some(extension.read()?.value),
                oid::CRL_NUMBER => read.number = Some(extension.read()?),
                oid::DELTA_CRL_INDICATOR => {
                    read.delta_base = Some(extension.read::<DeltaCrlIndicator<'_>>()?.value.0);
                }
                oid::ISSUING_DISTRIBUTION_POINT => {
                    read.scope = Some((extension.value.rest(), extension.read()?.value));
                }
                oid::FRESHEST_CRL => read.freshest = Some(extension.read()?.value),
                oid::ISSUER_ALT_NAME | oid::AUTHORITY_INFO_ACCESS => drop(extension.check()?),
                _ => read.unknown_critical |= extension.critical,
            }
        }
        Ok(read)
    }
}
