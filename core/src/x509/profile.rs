//! Profiles: the checks beside those of RFC 5280 §6.1.

use super::Check;

/// A set of checks beside those of [RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1), which are always
/// made.
///
/// ```
/// use minipki_core::x509::{Check, Profile};
///
/// // A private CA whose certificates have serial numbers of more than 20 bytes.
/// let profile = Profile::RFC5280.without(Check::SerialNumber);
/// assert!(!profile.has(Check::SerialNumber) && profile.has(Check::SubjectKeyId));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile(u64);

// Each check has a bit.
const _: () = assert!(Check::ALL.len() <= 64);

impl Profile {
    /// The algorithm of RFC 5280 §6.1 alone. Certificates may break the rules for CAs in §4.
    pub const PATH: Self = Self(0);

    /// The whole of RFC 5280, with the duties of CAs in §4.
    pub const RFC5280: Self = Self::of(&[
        Check::SerialNumber,
        Check::IssuerName,
        Check::CaSubject,
        Check::UniqueId,
        Check::AuthorityKeyId,
        Check::SubjectKeyId,
        Check::KeyUsageCa,
        Check::PolicyOnce,
        Check::AltNameOnly,
        Check::AltNameForm,
        Check::BasicConstraintsForm,
        Check::NameConstraintsCa,
        Check::NameConstraintsCritical,
        Check::PolicyConstraintsCritical,
        Check::InhibitAnyPolicyCritical,
        Check::LocationCritical,
        Check::KeyStrength,
        Check::CaPurpose,
    ]);

    /// The rules of the CA/Browser Forum for TLS servers. They allow nameConstraints that are not critical.
    pub const WEB_PKI: Self = Self(
        Self::RFC5280.without(Check::NameConstraintsCritical).0
            | Self::of(&[
                Check::Version,
                Check::ServerNotCa,
                Check::ServerPurpose,
                Check::RootPurpose,
                Check::ServerAltName,
                Check::Wildcard,
                Check::CommonName,
                Check::KeyKind,
                Check::AuthorityKeyIdForm,
            ])
            .0,
    );

    const fn of(mut checks: &[Check]) -> Self {
        let mut profile = Self::PATH;
        while let [check, rest @ ..] = checks {
            profile = profile.with(*check);
            checks = rest;
        }
        profile
    }

    /// The profile with this check.
    #[must_use]
    pub const fn with(self, check: Check) -> Self {
        Self(self.0 | 1 << check as u32)
    }

    /// The profile without this check. A check of RFC 5280 §6.1 is made nevertheless.
    #[must_use]
    pub const fn without(self, check: Check) -> Self {
        Self(self.0 & !(1 << check as u32))
    }

    /// Returns whether the profile has this check.
    pub const fn has(self, check: Check) -> bool {
        self.0 & 1 << check as u32 != 0
    }
}
