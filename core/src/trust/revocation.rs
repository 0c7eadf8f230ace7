//! Revocation: its reasons, and the status of a certificate as its issuer states it.

use core::fmt;

use crate::time::UnixTime;

/// The reason of a revocation ([RFC 5280 §5.3.1]).
///
/// `cACompromise` and `aACompromise` are missing: they are not about the certificate of an end entity.
///
/// [RFC 5280 §5.3.1]: https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RevocationReason {
    /// No reason is given.
    #[default]
    Unspecified,
    /// Somebody else has the private key, or may have it.
    KeyCompromise,
    /// The subject's name or another field is not true any more.
    AffiliationChanged,
    /// Another certificate replaces this one.
    Superseded,
    /// The certificate is not needed any more.
    CessationOfOperation,
    /// The certificate is on hold: it is not valid until the hold is removed.
    CertificateHold,
    /// The hold is removed: the certificate is valid again.
    RemoveFromHold,
    /// The subject has lost a right that the certificate states.
    PrivilegeWithdrawn,
}

/// The table of all reasons: the reason, its name on the wire (protocol §7), and its CRLReason.
const TABLE: [(RevocationReason, &str, u8); 8] = [
    (RevocationReason::Unspecified, "unspecified", 0),
    (RevocationReason::KeyCompromise, "key_compromise", 1),
    (RevocationReason::AffiliationChanged, "affiliation_changed", 3),
    (RevocationReason::Superseded, "superseded", 4),
    (RevocationReason::CessationOfOperation, "cessation_of_operation", 5),
    (RevocationReason::CertificateHold, "certificate_hold", 6),
    (RevocationReason::RemoveFromHold, "remove_from_hold", 8),
    (RevocationReason::PrivilegeWithdrawn, "privilege_withdrawn", 9),
];

impl RevocationReason {
    /// All reasons, by their code.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The name of the reason on the wire.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The code of the reason in a CRL: `CRLReason` ([RFC 5280 §5.3.1]).
    ///
    /// [RFC 5280 §5.3.1]: https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1
    pub fn code(self) -> u8 {
        TABLE.iter().find(|row| row.0 == self).map_or(0, |row| row.2)
    }

    /// The reason with this name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The reason with this code in a CRL.
    pub fn from_code(code: u8) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == code).map(|row| row.0)
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The revocation of a certificate. A certificate on hold is revoked, with [`RevocationReason::CertificateHold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Revocation {
    /// The reason; never [`RevocationReason::RemoveFromHold`].
    pub reason: RevocationReason,
    /// The time at which the issuer revoked the certificate.
    pub revoked_at: UnixTime,
}

/// The status of a certificate, as its issuer states it (RFC 6960 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CertStatus {
    /// The issuer has issued the certificate, and has not revoked it. The validity is another matter.
    Good,
    /// The issuer has revoked the certificate.
    Revoked(Revocation),
    /// The issuer has issued no certificate with this serial number.
    Unknown,
}

impl CertStatus {
    /// The name of the status on the wire (protocol §7).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked(_) => "revoked",
            Self::Unknown => "unknown",
        }
    }
}
