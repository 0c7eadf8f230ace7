//! The validation of a whole path ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1)).

use super::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints};
use super::policy::PolicyState;
use super::{
    Budget, Certificate, Check, PathError, PathValidator, Place, PublicKeyInfo, SignatureAlgorithm,
    SignatureError, TrustAnchor, constraints, oid,
};
use crate::time::Now;
use crate::trust::{Validity, ValidityError};

/// A certificate of a path, and its place in the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) certificate: &'a Certificate<'a>,
    pub(super) place: Place,
}

/// A path from the certificate to validate up to the one that the trust anchor has issued.
///
/// The certificates were checked alone, and the name of each issuer is that of the next subject.
pub(super) struct Path<'p, 'a> {
    pub(super) steps: &'p [Step<'a>],
    pub(super) anchor: &'a TrustAnchor<'a>,
    pub(super) anchor_place: Place,
}

impl<'a> Path<'_, 'a> {
    /// Checks all that concerns more than one certificate. Returns whether each certificate is known to be valid now.
    ///
    /// The validity is checked last, so that an error about the time is about a genuine path.
    pub(super) fn validate(
        &self,
        validator: &PathValidator<'_>,
        policies: &mut PolicyState<'a>,
        budget: &mut Budget,
    ) -> Result<bool, PathError> {
        self.check_signatures(validator.algorithms, budget)?;
        self.check_lengths(validator.path_length)?;
        self.check_names(budget)?;
        self.check_policies(validator, policies, budget)?;
        self.check_purposes(validator)?;
        self.check_times(validator.now)
    }

    /// The certificates from the anchor down, the last one being the certificate to validate.
    fn down(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps.iter().rev()
    }

    /// The anchor's certificate, then those below it.
    fn with_anchor(&self) -> impl Iterator<Item = (&Certificate<'a>, Place)> {
        let anchor = self.anchor.certificate().map(|certificate| (certificate, self.anchor_place));
        anchor.into_iter().chain(self.down().map(|step| (step.certificate, step.place)))
    }

    /// §6.1.3 (a)(1).
    fn check_signatures(
        &self,
        algorithms: &[&dyn SignatureAlgorithm],
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        let (mut key, mut issuer) = (self.anchor.public_key(), self.anchor_place);
        for Step { certificate, place } in self.down() {
            budget.spend_signature()?;
            let signed = Signed {
                algorithm: certificate.signature_algorithm(),
                message: certificate.tbs(),
                signature: certificate.signature(),
            };
            signed.verify(algorithms, key).map_err(|check| {
                let place = if check == Check::IssuerKey { issuer } else { *place };
                refused(check, place)
            })?;
            (key, issuer) = (certificate.public_key(), *place);
        }
        Ok(())
    }

    /// §6.1.4 (l), (m).
    fn check_lengths(&self, path_length: Option<u32>) -> Result<(), PathError> {
        let own = |certificate: &Certificate<'_>| {
            // The extension was read before, without an error.
            certificate.extension::<BasicConstraints>().ok().flatten()?.value.path_length
        };
        let mut rest = path_length.unwrap_or(u32::MAX);
        rest = rest.min(self.anchor.certificate().and_then(own).unwrap_or(u32::MAX));
        for Step { certificate, place } in self.down().filter(|step| step.place != Place::EndEntity) {
            if !certificate.is_self_issued() {
                rest = rest.checked_sub(1).ok_or(refused(Check::PathLength, *place))?;
            }
            rest = rest.min(own(certificate).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// §6.1.3 (b), (c).
    fn check_names(&self, budget: &mut Budget) -> Result<(), PathError> {
        for (above, (issuer, _)) in self.with_anchor().enumerate() {
            // The extension was read before, without an error.
            let Ok(Some(found)) = issuer.extension::<NameConstraints<'_>>() else { continue };
            for (certificate, place) in self.with_anchor().skip(above.saturating_add(1)) {
                if place == Place::EndEntity || !certificate.is_self_issued() {
                    constraints::check_names(certificate, place, &found.value, budget)?;
                }
            }
        }
        Ok(())
    }

    /// §6.1.3 (d) to (f), §6.1.4 (a), (b), (h) to (j), §6.1.5 (a), (b), (g).
    fn check_policies(
        &self,
        validator: &PathValidator<'_>,
        policies: &mut PolicyState<'a>,
        budget: &mut Budget,
    ) -> Result<(), PathError> {
        policies.start(&validator.policies);
        for Step { certificate, place } in self.down() {
            match place {
                Place::EndEntity => policies.last(certificate, &validator.policies, budget)?,
                _ => policies.intermediate(certificate, *place, budget)?,
            }
        }
        Ok(())
    }

    /// §4.2.1.12 and §4.2.1.3, which are for the certificate to validate. With [`Check::CaPurpose`], its issuers
    /// must allow the purpose, too.
    fn check_purposes(&self, validator: &PathValidator<'_>) -> Result<(), PathError> {
        for (certificate, place) in self.with_anchor() {
            let is_end = place == Place::EndEntity;
            let check = if is_end { Check::Purpose } else { Check::CaPurpose };
            // The extensions were read before, without an error.
            if let (Some(purpose), Ok(Some(listed))) =
                (validator.purpose, certificate.extension::<ExtendedKeyUsage<'_>>())
                && (is_end || validator.profile.has(check))
                && !listed.value.contains(purpose)
                && !listed.value.contains(oid::ANY_PURPOSE)
            {
                return Err(refused(check, place));
            }
            if is_end
                && let Ok(Some(usage)) = certificate.extension::<KeyUsage>()
                && !usage.value.contains(validator.key_usage)
            {
                return Err(refused(Check::KeyUsage, place));
            }
        }
        Ok(())
    }

    /// §6.1.3 (a)(2).
    fn check_times(&self, now: Now) -> Result<bool, PathError> {
        let mut certain = true;
        for (certificate, place) in self.with_anchor() {
            let validity = Validity::new(certificate.not_before(), certificate.not_after());
            let check = match validity.and_then(|validity| validity.check(now)) {
                Ok(known) => {
                    certain &= known;
                    continue;
                }
                Err(ValidityError::NotYetValid { .. }) => Check::NotBefore,
                // A certificate that ends before it begins is never valid.
                Err(ValidityError::Expired { .. } | ValidityError::Order) => Check::NotAfter,
            };
            return Err(refused(check, place));
        }
        Ok(certain)
    }
}

/// A text with its signature: the three fields of a certificate, of a CRL or of an OCSP response.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The contents of the AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The text that is signed.
    pub message: &'a [u8],
    /// The contents of the BIT STRING.
    pub signature: &'a [u8],
}

impl Signed<'_> {
    /// Verifies the signature with `key`, by the one of `algorithms` that the text names and that the key can have.
    ///
    /// # Errors
    /// [`Check::SignatureAlgorithm`] if no algorithm has that name, [`Check::IssuerKey`] if the key is not for that
    /// algorithm or is not accepted, [`Check::Signature`].
    pub fn verify(
        &self,
        algorithms: &[&dyn SignatureAlgorithm],
        key: &PublicKeyInfo<'_>,
    ) -> Result<(), Check> {
        let mut failed = Check::SignatureAlgorithm;
        // Two algorithms can have one name: ECDSA with SHA-256 is used with keys on several curves.
        for algorithm in algorithms.iter().filter(|algorithm| algorithm.is_signature_id(self.algorithm)) {
            if !algorithm.is_key_id(key.algorithm()) {
                failed = Check::IssuerKey;
                continue;
            }
            return match algorithm.verify(key.key(), self.message, self.signature) {
                Ok(()) => Ok(()),
                Err(SignatureError::Key) => Err(Check::IssuerKey),
                Err(SignatureError::Signature) => Err(Check::Signature),
            };
        }
        Err(failed)
    }
}

const fn refused(check: Check, place: Place) -> PathError {
    PathError::Refused { check, place, at: None }
}
