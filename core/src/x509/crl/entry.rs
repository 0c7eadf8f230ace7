//! The entries of a CRL ([RFC 5280 §5.3](https://www.rfc-editor.org/rfc/rfc5280#section-5.3)).

use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, Tag};
use crate::time::UnixTime;
use crate::x509::certificate::check_extensions;
use crate::x509::extension::{ExtensionValue, RawExtension};
use crate::x509::{Comparison, CrlReason, GeneralName, GeneralNames, Name, oid};

/// An entry of a CRL: a certificate that is revoked.
#[derive(Clone, Copy, Debug)]
pub struct RevokedCertificate<'a> {
    /// The serial number: two's complement in its shortest form, most significant byte first.
    pub serial: &'a [u8],
    /// The time of the revocation.
    pub revoked_at: UnixTime,
    /// reasonCode, or `None` if no reason is given.
    pub reason: Option<CrlReason>,
    /// invalidityDate: the time from which on the key may have been known to others, if the issuer states it.
    pub invalid_since: Option<UnixTime>,
    /// certificateIssuer: the issuer of this certificate and of those in the next entries, in an indirect CRL.
    pub issuer: Option<GeneralNames<'a>>,
    /// Whether the entry has a critical extension that is not known.
    pub unknown_critical: bool,
}

impl<'a> Decode<'a> for RevokedCertificate<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let mut entry = Self {
            serial: fields.integer(Tag::INTEGER)?,
            revoked_at: UnixTime::decode(&mut fields)?,
            reason: None,
            invalid_since: None,
            issuer: None,
            unknown_critical: false,
        };
        if fields.is_empty() {
            return Ok(entry);
        }
        let mut extensions = fields.nested(Tag::SEQUENCE)?;
        fields.finish()?;
        check_extensions(extensions)?;
        while !extensions.is_empty() {
            let extension = RawExtension::decode(&mut extensions)?;
            match extension.id {
                oid::REASON_CODE => entry.reason = Some(extension.read()?.value),
                oid::INVALIDITY_DATE => {
                    entry.invalid_since = Some(extension.read::<InvalidityDate>()?.value.0);
                }
                oid::CERTIFICATE_ISSUER => entry.issuer = Some(extension.read()?.value),
                _ => entry.unknown_critical |= extension.critical,
            }
        }
        Ok(entry)
    }
}

/// invalidityDate ([RFC 5280 §5.3.2](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.2)), a GeneralizedTime.
struct InvalidityDate(UnixTime);

impl Decode<'_> for InvalidityDate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        match reader.peek() {
            Some(Tag::GENERALIZED_TIME) => UnixTime::decode(reader).map(Self),
            _ => Err(reader.error(DerErrorKind::Tag)),
        }
    }
}

impl ExtensionValue<'_> for InvalidityDate {
    const ID: Oid<'static> = oid::INVALIDITY_DATE;
}

/// The entries of a CRL, one after the other, without a heap.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a>(Reader<'a>);

impl<'a> Entries<'a> {
    /// For the CRL alone: the contents of revokedCertificates, whose entries were checked.
    pub(super) const fn new(contents: Reader<'a>) -> Self {
        Self(contents)
    }

    /// The first entry with this serial number whose certificate was issued by `issuer`.
    ///
    /// `default` is the issuer of the CRL, which is that of the certificates up to the first certificateIssuer.
    pub(super) fn find(
        mut self,
        serial: &[u8],
        issuer: &Name<'_>,
        default: &Name<'a>,
    ) -> Option<RevokedCertificate<'a>> {
        let mut named: Option<GeneralNames<'a>> = None;
        while !self.0.is_empty() {
            let entry = self.0;
            let mut fields = self.0.nested(Tag::SEQUENCE).ok()?;
            let is_serial = fields.integer(Tag::INTEGER).ok()? == serial;
            // After the serial number and the time there are only extensions, and few entries have them.
            fields.any().ok()?;
            if !is_serial && fields.is_empty() {
                continue;
            }
            let entry = RevokedCertificate::decode(&mut { entry }).ok()?;
            named = entry.issuer.or(named);
            let is_issuer = is_serial
                && match named {
                    None => default.compare(issuer) == Comparison::Same,
                    Some(names) => is_among(issuer, names),
                };
            if is_issuer {
                return Some(entry);
            }
        }
        None
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = RevokedCertificate<'a>;

    fn next(&mut self) -> Option<RevokedCertificate<'a>> {
        // All entries were read without an error.
        RevokedCertificate::decode(&mut self.0).ok()
    }
}

/// Returns whether `name` is one of the directory names in `names`.
pub(super) fn is_among(name: &Name<'_>, names: GeneralNames<'_>) -> bool {
    names.into_iter().any(|one| match one {
        GeneralName::Directory(one) => one.compare(name) == Comparison::Same,
        _ => false,
    })
}
