//! The reason of a revocation ([RFC 5280 §5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)).

use core::fmt;

use super::extension::ExtensionValue;
use super::oid;
use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, Tag};

/// CRLReason: the reason in an entry of a CRL, and in an OCSP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum CrlReason {
    /// No reason is given.
    Unspecified = 0,
    /// Somebody else has the private key, or may have it.
    KeyCompromise = 1,
    /// Somebody else has the private key of the CA, or may have it.
    CaCompromise = 2,
    /// The subject's name or another field is not true any more.
    AffiliationChanged = 3,
    /// Another certificate replaces this one.
    Superseded = 4,
    /// The certificate is not needed any more.
    CessationOfOperation = 5,
    /// The certificate is on hold: it is not valid until the hold is removed.
    CertificateHold = 6,
    /// The certificate is not revoked any more: it was on hold, or it has expired. Only delta CRLs have this entry.
    RemoveFromCrl = 8,
    /// The subject has lost a right that the certificate states.
    PrivilegeWithdrawn = 9,
    /// The attribute authority is compromised.
    AaCompromise = 10,
}

/// All reasons with their names in ASN.1.
const NAMES: [(CrlReason, &str); 10] = [
    (CrlReason::Unspecified, "unspecified"),
    (CrlReason::KeyCompromise, "keyCompromise"),
    (CrlReason::CaCompromise, "cACompromise"),
    (CrlReason::AffiliationChanged, "affiliationChanged"),
    (CrlReason::Superseded, "superseded"),
    (CrlReason::CessationOfOperation, "cessationOfOperation"),
    (CrlReason::CertificateHold, "certificateHold"),
    (CrlReason::RemoveFromCrl, "removeFromCRL"),
    (CrlReason::PrivilegeWithdrawn, "privilegeWithdrawn"),
    (CrlReason::AaCompromise, "aACompromise"),
];

impl CrlReason {
    /// All reasons, by their code.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(reason, _)| *reason)
    }
}

impl fmt::Display for CrlReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(reason, _)| reason == self).map_or("", |(_, name)| name))
    }
}

impl Decode<'_> for CrlReason {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        let here = *reader;
        let code = reader.integer(Tag::ENUMERATED)?;
        Self::all().find(|reason| code == [*reason as u8]).ok_or(here.error(DerErrorKind::Value))
    }
}

/// reasonCode, an extension of an entry of a CRL.
impl ExtensionValue<'_> for CrlReason {
    const ID: Oid<'static> = oid::REASON_CODE;
}
