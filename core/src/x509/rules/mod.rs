//! The checks of one certificate alone: its extensions, and the rules of the profile.

mod ca_duties;
mod web_pki;

use super::error::Failed;
use super::extension::{BasicConstraints, KeyUsage, NameConstraints};
use super::{Certificate, Check, Place, Profile, Version, constraints};

/// A certificate, its place, and the profile that it must fit.
struct Rules<'c, 'a> {
    certificate: &'c Certificate<'a>,
    place: Place,
    profile: Profile,
}

impl Rules<'_, '_> {
    /// Requires `holds` if the profile has `check`.
    fn require(&self, check: Check, holds: impl FnOnce() -> bool) -> Result<(), Failed> {
        if self.profile.has(check) && !holds() { Err(check.into()) } else { Ok(()) }
    }

    const fn is_anchor(&self) -> bool {
        matches!(self.place, Place::Anchor(_))
    }

    /// Whether the certificate is one of a CA: by its place, or by its basicConstraints.
    fn is_ca(&self) -> Result<bool, Failed> {
        let constraints = self.certificate.extension::<BasicConstraints>()?;
        Ok(self.place != Place::EndEntity || constraints.is_some_and(|found| found.value.ca))
    }
}

/// Checks a certificate without the others of its path.
pub(super) fn check_certificate(
    certificate: &Certificate<'_>,
    place: Place,
    profile: Profile,
) -> Result<(), Failed> {
    for extension in certificate.extensions() {
        let known = extension.check()?;
        if extension.critical && !known {
            return Err(Failed { check: Check::CriticalExtension, at: Some(extension.value.at()) });
        }
    }
    if certificate.signed_algorithm() != certificate.signature_algorithm() {
        return Err(Check::AlgorithmMatch.into());
    }
    if let Some(found) = certificate.extension::<NameConstraints<'_>>()? {
        constraints::check_form(&found.value)?;
    }
    let rules = Rules { certificate, place, profile };
    if place != Place::EndEntity {
        rules.check_issuer()?;
    }
    rules.check_ca_duties()?;
    rules.check_web_pki()
}

impl Rules<'_, '_> {
    /// An issuer is a CA that may sign certificates (RFC 5280 §6.1.4 (k), (n)).
    fn check_issuer(&self) -> Result<(), Failed> {
        let is_ca = match self.certificate.extension::<BasicConstraints>()? {
            Some(found) => found.value.ca,
            // An earlier version cannot say so. Its anchor is a CA because the caller says so.
            None => self.certificate.version() < Version::V3 && self.is_anchor(),
        };
        if !is_ca {
            return Err(Check::BasicConstraints.into());
        }
        match self.certificate.extension::<KeyUsage>()? {
            Some(found) if !found.value.contains(KeyUsage::KEY_CERT_SIGN) => Err(Check::KeyCertSign.into()),
            _ => Ok(()),
        }
    }
}
