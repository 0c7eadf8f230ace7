//! The result of a validation.

use super::extension::SubjectAltName;
use super::path::{Path, Step};
use super::policy::PolicyState;
use super::{Certificate, Check, PathError, PeerName, Place, PublicKeyInfo, TrustAnchor};
use crate::encoding::der::Oid;

/// A path that has passed all checks. Only [`PathValidator::validate`](super::PathValidator::validate) makes it.
///
/// The name of the certificate is not yet checked: see [`ValidPath::require_name`].
#[derive(Clone, Copy, Debug)]
pub struct ValidPath<'w, 'a> {
    steps: &'w [Step<'a>],
    anchor: &'a TrustAnchor<'a>,
    policies: &'w PolicyState<'a>,
    time_certain: bool,
}

/// A certificate of a path, with the key that has signed it.
#[derive(Clone, Copy, Debug)]
pub struct CertificateLink<'a> {
    /// The certificate.
    pub certificate: &'a Certificate<'a>,
    /// The place of the certificate in the input of the validation.
    pub place: Place,
    /// The key that has signed the certificate.
    pub issuer_key: &'a PublicKeyInfo<'a>,
    /// The certificate of the issuer, or `None` for a trust anchor without a certificate.
    pub issuer: Option<&'a Certificate<'a>>,
}

impl<'w, 'a> ValidPath<'w, 'a> {
    /// For the validator alone: `path` has passed every check.
    pub(super) const fn new(path: &Path<'w, 'a>, policies: &'w PolicyState<'a>, time_certain: bool) -> Self {
        Self { steps: path.steps, anchor: path.anchor, policies, time_certain }
    }

    /// The certificates of the path with their issuers. The first one is the certificate that was validated, the last
    /// one was issued by the trust anchor.
    pub fn links(&self) -> impl Iterator<Item = CertificateLink<'a>> + use<'w, 'a> {
        let (steps, anchor) = (self.steps, self.anchor);
        steps.iter().enumerate().map(move |(at, step)| {
            let issuer = steps.get(at.saturating_add(1)).map(|issuer| issuer.certificate);
            CertificateLink {
                certificate: step.certificate,
                place: step.place,
                issuer_key: issuer.map_or(anchor.public_key(), Certificate::public_key),
                issuer: issuer.or(anchor.certificate()),
            }
        })
    }

    /// The trust anchor.
    pub const fn anchor(&self) -> &'a TrustAnchor<'a> {
        self.anchor
    }

    /// Returns whether all certificates are known to be valid now. `false` means that only a lower bound of the time
    /// was known. Then each certificate may not be valid yet, or may have expired.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }

    /// The policies of the path, in the terms of the trust anchor: the authority-constrained-policy-set of RFC 9618,
    /// without anyPolicy.
    pub fn policies(&self) -> impl Iterator<Item = Oid<'a>> + use<'w, 'a> {
        self.policies.policies()
    }

    /// Returns whether the path has anyPolicy, which stands for all policies.
    pub const fn has_any_policy(&self) -> bool {
        self.policies.any()
    }

    /// Requires that the certificate has this name in its subjectAltName. The subject is not used.
    ///
    /// # Errors
    /// [`Check::SubjectName`].
    pub fn require_name(&self, name: &PeerName<'_>) -> Result<(), PathError> {
        // The extension was read before, without an error.
        if let Some(step) = self.steps.first()
            && let Ok(Some(mut presented)) = step.certificate.extension::<SubjectAltName<'_>>()
            && presented.value.0.any(|presented| name.is_presented_by(&presented))
        {
            Ok(())
        } else {
            Err(PathError::Refused { check: Check::SubjectName, place: Place::EndEntity, at: None })
        }
    }
}
