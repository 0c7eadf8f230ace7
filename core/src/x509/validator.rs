//! The validator: it searches a path and validates it.

use heapless::Vec;

use super::extension::KeyUsage;
use super::path::Step;
use super::policy::PolicyState;
use super::search::Search;
use super::{
    Budget, Certificate, PathError, PolicyInputs, Profile, SignatureAlgorithm, TrustAnchor, ValidPath,
};
use crate::encoding::der::Oid;
use crate::limits::X509_PATH;
use crate::time::Now;

/// The inputs of a validation ([RFC 5280 §6.1.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1.1)), apart from the
/// certificates.
#[derive(Clone, Copy)]
pub struct PathValidator<'v> {
    /// The checks beside those of RFC 5280 §6.1.
    pub profile: Profile,
    /// The accepted signature algorithms.
    pub algorithms: &'v [&'v dyn SignatureAlgorithm],
    /// The present time.
    pub now: Now,
    /// The purpose that the certificate must allow, for example [`SERVER_AUTH`](super::oid::SERVER_AUTH). A certificate
    /// without a list of purposes allows all.
    pub purpose: Option<Oid<'v>>,
    /// The uses of the key that the certificate must allow, or [`KeyUsage::NONE`]. A certificate without keyUsage
    /// allows all.
    pub key_usage: KeyUsage,
    /// The number of intermediates that a path may have, not counting the self-issued ones, or `None` for any.
    pub path_length: Option<u32>,
    /// The accepted policies.
    pub policies: PolicyInputs<'v>,
    /// The work that the validation may do.
    pub budget: Budget,
}

/// The work space of a validation, lent by the caller. It can be used again.
#[derive(Debug)]
pub struct WorkSpace<'a> {
    pub(super) steps: Vec<Step<'a>, X509_PATH>,
    /// For each certificate of `steps`, the next one of its possible issuers to try.
    pub(super) next: Vec<usize, X509_PATH>,
    pub(super) policies: PolicyState<'a>,
}

impl WorkSpace<'_> {
    /// An empty work space.
    pub const fn new() -> Self {
        Self { steps: Vec::new(), next: Vec::new(), policies: PolicyState::new() }
    }
}

impl Default for WorkSpace<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'v> PathValidator<'v> {
    /// A validator with [`Profile::RFC5280`], any purpose, any policy and the default budget.
    pub const fn new(algorithms: &'v [&'v dyn SignatureAlgorithm], now: Now) -> Self {
        Self {
            profile: Profile::RFC5280,
            algorithms,
            now,
            purpose: None,
            key_usage: KeyUsage::NONE,
            path_length: None,
            policies: PolicyInputs {
                accepted: None,
                require_explicit: false,
                inhibit_mapping: false,
                inhibit_any: false,
            },
            budget: Budget::DEFAULT,
        }
    }

    /// Searches a path from `certificate` to one of `anchors`, and validates it.
    ///
    /// `intermediates` may be in any order, and may have certificates that are not needed. If one path fails, others are
    /// tried, within the budget.
    ///
    /// # Errors
    /// The check that failed, or the part of the budget that was used up.
    pub fn validate<'w, 'a>(
        &self,
        certificate: &'a Certificate<'a>,
        intermediates: &'a [Certificate<'a>],
        anchors: &'a [TrustAnchor<'a>],
        space: &'w mut WorkSpace<'a>,
    ) -> Result<ValidPath<'w, 'a>, PathError> {
        self.validate_with(certificate, intermediates, anchors, space, |_| Ok(()))
    }

    /// Searches a path that `accept` accepts, too, for example because none of its certificates is revoked.
    ///
    /// # Errors
    /// As [`PathValidator::validate`], or an error of `accept`. After its error about a check, other paths are tried.
    pub fn validate_with<'w, 'a>(
        &self,
        certificate: &'a Certificate<'a>,
        intermediates: &'a [Certificate<'a>],
        anchors: &'a [TrustAnchor<'a>],
        space: &'w mut WorkSpace<'a>,
        mut accept: impl FnMut(&ValidPath<'_, 'a>) -> Result<(), PathError>,
    ) -> Result<ValidPath<'w, 'a>, PathError> {
        let mut search = Search::new(self, intermediates, anchors);
        let (found, certain) = search.run(certificate, space, &mut accept)?;
        Ok(ValidPath::new(&found.path(&space.steps), &space.policies, certain))
    }
}
