//! The scope of a CRL: the certificates and reasons that it is about (RFC 5280 §6.3.3 (b), (d)).

use super::entry::is_among;
use super::{Crl, CrlCheck, OnlyCertificates};
use crate::encoding::der::Reader;
use crate::x509::extension::{BasicConstraints, DistributionPoint, DistributionPointName};
use crate::x509::name::compare_sets;
use crate::x509::{Budget, Certificate, Comparison, GeneralName, GeneralNames, Name, RevocationError};

/// All reasons of ReasonFlags: keyCompromise (1) to aACompromise (8), bit 0 being the highest one.
pub(super) const ALL_REASONS: u16 = 0x7f80;

/// A distribution point of a certificate.
#[derive(Clone, Copy)]
pub(super) enum Point<'a> {
    /// One that the certificate lists.
    Listed(DistributionPoint<'a>),
    /// The name of the issuer, for all reasons. Each certificate has it.
    Issuer,
}

/// A name of a distribution point.
#[derive(Clone, Copy)]
enum PointName<'a> {
    General(GeneralName<'a>),
    /// A name, and one more set of attributes.
    Relative(Name<'a>, Reader<'a>),
}

impl<'a> Point<'a> {
    /// The reasons that both the point and the CRL are about, if the certificate is in the scope of the CRL.
    pub(super) fn reasons(
        &self,
        certificate: &Certificate<'a>,
        crl: &Crl<'a>,
        budget: &mut Budget,
    ) -> Result<Result<u16, CrlCheck>, RevocationError> {
        let scope = crl.scope();
        let (reasons, crl_issuer) = match self {
            Self::Listed(point) => (point.reasons.unwrap_or(ALL_REASONS), point.crl_issuer),
            Self::Issuer => (ALL_REASONS, None),
        };
        spend(budget)?;
        let is_issuer = match crl_issuer {
            Some(names) => {
                for _ in names {
                    spend(budget)?;
                }
                is_among(crl.issuer(), names) && scope.is_some_and(|scope| scope.indirect)
            }
            None => crl.issuer().compare(certificate.issuer()) == Comparison::Same,
        };
        if !is_issuer {
            return Ok(Err(CrlCheck::Issuer));
        }
        let Some(scope) = scope else { return Ok(Ok(reasons & ALL_REASONS)) };
        // The extension was read before, without an error.
        let is_ca = matches!(certificate.extension::<BasicConstraints>(), Ok(Some(found)) if found.value.ca);
        let is_kind = match scope.only {
            None => true,
            Some(OnlyCertificates::User) => !is_ca,
            Some(OnlyCertificates::Ca) => is_ca,
            Some(OnlyCertificates::Attribute) => false,
        };
        if !is_kind {
            return Ok(Err(CrlCheck::Scope));
        }
        if let Some(name) = scope.name {
            let mut found = false;
            for theirs in names(name, *crl.issuer()) {
                for ours in self.names(certificate) {
                    spend(budget)?;
                    found |= ours.is(&theirs);
                }
            }
            if !found {
                return Ok(Err(CrlCheck::Scope));
            }
        }
        Ok(Ok(reasons & scope.reasons.unwrap_or(ALL_REASONS) & ALL_REASONS))
    }

    /// The names of the point, or those of its CRL issuer if it has no name of its own.
    fn names(&self, certificate: &Certificate<'a>) -> impl Iterator<Item = PointName<'a>> + use<'a> {
        let issuer = DistributionPointNames::Issuer(*certificate.issuer());
        let found = match self {
            Self::Issuer => issuer,
            Self::Listed(DistributionPoint { name: Some(name), crl_issuer, .. }) => {
                // A relative name continues the name of the CRL issuer.
                let base = crl_issuer.and_then(|names| {
                    names.into_iter().find_map(|name| match name {
                        GeneralName::Directory(name) => Some(name),
                        _ => None,
                    })
                });
                DistributionPointNames::Name(*name, base.unwrap_or(*certificate.issuer()))
            }
            Self::Listed(DistributionPoint { crl_issuer: Some(names), .. }) => {
                DistributionPointNames::List(*names)
            }
            Self::Listed(_) => issuer,
        };
        found.iter()
    }
}

/// The names that a distribution point has.
enum DistributionPointNames<'a> {
    Name(DistributionPointName<'a>, Name<'a>),
    List(GeneralNames<'a>),
    Issuer(Name<'a>),
}

impl<'a> DistributionPointNames<'a> {
    fn iter(self) -> impl Iterator<Item = PointName<'a>> + use<'a> {
        let (list, one) = match self {
            Self::Name(DistributionPointName::Full(list), _) | Self::List(list) => (Some(list), None),
            Self::Name(DistributionPointName::Relative(set), base) => {
                (None, Some(PointName::Relative(base, set)))
            }
            Self::Issuer(name) => (None, Some(PointName::General(GeneralName::Directory(name)))),
        };
        list.into_iter().flatten().map(PointName::General).chain(one)
    }
}

/// The names of a CRL in its scope.
fn names<'a>(
    name: DistributionPointName<'a>,
    issuer: Name<'a>,
) -> impl Iterator<Item = PointName<'a>> + use<'a> {
    DistributionPointNames::Name(name, issuer).iter()
}

impl PointName<'_> {
    /// Returns whether both are the same name.
    fn is(&self, other: &PointName<'_>) -> bool {
        use GeneralName::{Directory, Dns, Email, Ip, RegisteredId, Uri};
        let comparison = match (self, other) {
            (Self::General(Directory(a)), PointName::General(Directory(b))) => a.compare(b),
            (Self::General(Directory(name)), PointName::Relative(base, set)) => {
                name.compare_relative(base, *set)
            }
            (Self::Relative(base, set), PointName::General(Directory(name))) => {
                name.compare_relative(base, *set)
            }
            (Self::Relative(a, x), PointName::Relative(b, y)) => match a.compare(b) {
                Comparison::Same => compare_sets(*x, *y),
                other => other,
            },
            (Self::General(a), PointName::General(b)) => {
                return match (a, b) {
                    (Uri(a), Uri(b)) | (Dns(a), Dns(b)) | (Email(a), Email(b)) => a == b,
                    (Ip(a), Ip(b)) => a == b,
                    (RegisteredId(a), RegisteredId(b)) => a.contents() == b.contents(),
                    // No CRL is published under a name of another form.
                    _ => false,
                };
            }
            _ => return false,
        };
        comparison == Comparison::Same
    }
}

/// Spends a comparison of two names.
fn spend(budget: &mut Budget) -> Result<(), RevocationError> {
    budget.spend_comparisons(1).map_err(|_| RevocationError::Budget(crate::x509::Limit::Comparisons))
}
