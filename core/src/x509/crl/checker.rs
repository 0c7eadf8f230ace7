//! The check of a path with CRLs ([RFC 5280 §6.3](https://www.rfc-editor.org/rfc/rfc5280#section-6.3)).

use super::scope::{ALL_REASONS, Point};
use super::{Crl, CrlCheck, RevocationError, RevokedCertificate};
use crate::time::Now;
use crate::trust::{Validity, ValidityError};
use crate::x509::extension::CrlDistributionPoints;
use crate::x509::{
    Budget, Certificate, CertificateLink, CrlReason, Limit, PathValidator, PublicKeyInfo, ValidPath,
    WorkSpace,
};

/// The check that no certificate of a path is revoked.
///
/// Each certificate must be in the scope of CRLs that are genuine, current, and together about all reasons. A CRL is
/// signed by the issuer of the certificate, or by another CA that the distribution point names (an indirect CRL). A delta
/// CRL brings a complete CRL up to date.
///
/// A certificate is revoked if one of the CRLs says so. Of two CRLs with one scope give the newer one alone: a
/// certificate whose hold was removed is on the older one.
///
/// Use it on a path that was validated, or within [`PathValidator::validate_with`]: then other paths are tried after an
/// error.
#[derive(Clone, Copy)]
pub struct CrlChecker<'c, 'a> {
    /// The CRLs, complete ones and deltas, in any order.
    pub crls: &'c [Crl<'a>],
    /// Certificates for the paths of CRL issuers that do not sign with the key of the path: their own, and those of
    /// their issuers.
    pub issuers: &'a [Certificate<'a>],
    /// The validation of such a path: its profile, its signature algorithms, the time, and the budget of the whole check.
    /// Its other inputs are not used, and [`Profile::RFC5280`](crate::x509::Profile::RFC5280) stands for a profile of servers.
    pub validator: PathValidator<'c>,
}

/// The inputs of the check of one certificate, and what is known so far.
pub(super) struct Status<'s, 'p, 'a> {
    pub(super) path: &'s ValidPath<'p, 'a>,
    pub(super) link: CertificateLink<'a>,
    /// The place of the link in the path, counted from the certificate that was validated.
    pub(super) above: usize,
    /// The issuer of a CRL whose own path is checked. It may sign the CRL that has its own status.
    pub(super) own: Option<&'a Certificate<'a>>,
    /// Reasons that CRLs were about.
    covered: u16,
    /// Whether all used CRLs are known to be current.
    certain: bool,
    /// The check that failed, of the CRL that came farthest.
    failed: (CrlCheck, Option<usize>),
}

/// The reason to use another CRL, or to end the check.
pub(super) enum Stop {
    Check(CrlCheck),
    End(RevocationError),
}

impl From<CrlCheck> for Stop {
    fn from(check: CrlCheck) -> Self {
        Self::Check(check)
    }
}

impl From<RevocationError> for Stop {
    fn from(error: RevocationError) -> Self {
        Self::End(error)
    }
}

impl<'a> CrlChecker<'_, 'a> {
    /// Checks all certificates of the path, from the anchor down. Returns `false` if only a lower bound of the time is
    /// known, so that a CRL may be out of date.
    ///
    /// A CRL issuer that has a path of its own needs a work space of `spaces`, and another one if a certificate of that
    /// path has such a CRL issuer, too. Without them, `spaces` may be empty.
    ///
    /// # Errors
    /// The first certificate that is revoked, or whose status is not known.
    pub fn check(
        &self,
        path: &ValidPath<'_, 'a>,
        spaces: &mut [WorkSpace<'a>],
    ) -> Result<bool, RevocationError> {
        self.check_path(path, None, spaces, &mut self.validator.budget.clone())
    }

    pub(super) fn check_path(
        &self,
        path: &ValidPath<'_, 'a>,
        own: Option<&'a Certificate<'a>>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<bool, RevocationError> {
        let mut certain = true;
        for above in (0..path.links().count()).rev() {
            let Some(link) = path.links().nth(above) else { continue };
            let failed = (CrlCheck::Issuer, None);
            let mut status = Status { path, link, above, own, covered: 0, certain: true, failed };
            self.check_certificate(&mut status, spaces, budget)?;
            certain &= status.certain;
        }
        Ok(certain)
    }

    fn check_certificate(
        &self,
        status: &mut Status<'_, '_, 'a>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<(), RevocationError> {
        // The extension was read before, without an error.
        if let Ok(Some(points)) = status.link.certificate.extension::<CrlDistributionPoints<'_>>() {
            for point in points.value.0 {
                self.check_point(Point::Listed(point), status, spaces, budget)?;
            }
        }
        if status.covered != ALL_REASONS {
            self.check_point(Point::Issuer, status, spaces, budget)?;
        }
        match status {
            Status { covered: ALL_REASONS, .. } => Ok(()),
            Status { failed: (check, crl), link, .. } => {
                Err(RevocationError::Unknown { place: link.place, check: *check, crl: *crl })
            }
        }
    }

    fn check_point(
        &self,
        point: Point<'a>,
        status: &mut Status<'_, '_, 'a>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<(), RevocationError> {
        for (at, crl) in self.crls.iter().enumerate().filter(|(_, crl)| crl.delta_base().is_none()) {
            let check = match self.check_crl(point, at, crl, status, spaces, budget) {
                Ok(reasons) => {
                    status.covered |= reasons;
                    CrlCheck::Reasons
                }
                Err(Stop::Check(check)) => check,
                Err(Stop::End(error)) => return Err(error),
            };
            if check >= status.failed.0 && check != CrlCheck::Issuer {
                status.failed = (check, Some(at));
            }
        }
        Ok(())
    }

    /// Checks a complete CRL and the certificate's entry on it. Returns the reasons that are covered.
    fn check_crl(
        &self,
        point: Point<'a>,
        at: usize,
        crl: &Crl<'a>,
        status: &mut Status<'_, '_, 'a>,
        spaces: &mut [WorkSpace<'a>],
        budget: &mut Budget,
    ) -> Result<u16, Stop> {
        let reasons = point.reasons(status.link.certificate, crl, budget)??;
        check_form(crl)?;
        let key = self.find_signer(crl, status, spaces, budget)?;
        let now = self.validator.now;
        let delta = self.find_delta(crl, key, budget)?;
        let current = check_times(crl, now);
        status.certain &= match (&delta, current) {
            (Some((_, _, certain)), Ok(_) | Err(CrlCheck::NextUpdate)) => *certain,
            (_, current) => current?,
        };
        let (serial, issuer) = (status.link.certificate.serial(), status.link.certificate.issuer());
        let revoked = |at, entry: RevokedCertificate<'a>| match entry.reason {
            Some(CrlReason::RemoveFromCrl) => Ok(reasons),
            _ => Err(RevocationError::revoked(status.link.place, at, &entry).into()),
        };
        if let Some((at, delta, _)) = delta
            && let Some(entry) = delta.find(serial, issuer)
        {
            return revoked(at, entry);
        }
        crl.find(serial, issuer).map_or(Ok(reasons), |entry| revoked(at, entry))
    }

    /// The newest delta CRL for a complete CRL (§5.2.4, §6.3.3 (c), (h)) that is genuine and current, and whether it is
    /// known to be current.
    fn find_delta(
        &self,
        crl: &Crl<'a>,
        key: &PublicKeyInfo<'_>,
        budget: &mut Budget,
    ) -> Result<Option<(usize, &Crl<'a>, bool)>, RevocationError> {
        let mut newest = None;
        let mut number = crl.number().map(|number| number.value);
        for (at, delta) in self.crls.iter().enumerate() {
            if !crl.takes(delta) || delta.number().map(|number| number.value) <= number {
                continue;
            }
            let Ok(certain) = check_form(delta).and_then(|()| check_times(delta, self.validator.now)) else {
                continue;
            };
            spend_signature(budget)?;
            if delta.signed().verify(self.validator.algorithms, key).is_ok() {
                newest = Some((at, delta, certain));
                number = delta.number().map(|number| number.value);
            }
        }
        Ok(newest)
    }
}

pub(super) fn spend_signature(budget: &mut Budget) -> Result<(), RevocationError> {
    budget.spend_signature().map_err(|_| RevocationError::Budget(Limit::Signatures))
}

/// Checks what concerns a CRL alone, apart from its signature and its times.
fn check_form(crl: &Crl<'_>) -> Result<(), CrlCheck> {
    let numbered = crl.number().is_some_and(|number| !number.critical);
    match () {
        () if crl.signed_algorithm() != crl.signed().algorithm => Err(CrlCheck::AlgorithmMatch),
        () if crl.has_unknown_critical() => Err(CrlCheck::CriticalExtension),
        () if crl.has_unknown_critical_entry() => Err(CrlCheck::CriticalEntryExtension),
        () if !numbered => Err(CrlCheck::Number),
        () => Ok(()),
    }
}

/// Checks that the CRL is current. Returns whether this is certain.
fn check_times(crl: &Crl<'_>, now: Now) -> Result<bool, CrlCheck> {
    let next = crl.next_update().ok_or(CrlCheck::NextUpdate)?;
    match Validity::new(crl.this_update(), next).and_then(|validity| validity.check(now)) {
        Ok(certain) => Ok(certain),
        Err(ValidityError::NotYetValid { .. }) => Err(CrlCheck::ThisUpdate),
        // A CRL that ends before it begins is never current.
        Err(ValidityError::Expired { .. } | ValidityError::Order) => Err(CrlCheck::NextUpdate),
    }
}
