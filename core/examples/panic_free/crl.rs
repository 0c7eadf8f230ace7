//! X.509: CRLs.

use minipki_core::encoding::der::DerError;
use minipki_core::x509::crl::Entries;
use minipki_core::x509::{
    Certificate, Crl, CrlCheck, CrlChecker, CrlReason, PathError, PathValidator, WorkSpace,
};

use crate::documents::say;
use crate::{any, bytes, keep};

/// All public functions of `x509::crl`.
pub(crate) fn all() {
    for check in CrlCheck::ALL {
        keep((CrlCheck::name(*check), CrlCheck::section(*check), CrlCheck::meaning(*check)));
        say(*check);
    }
    CrlReason::all().for_each(say);
    keep(view());
}

fn view() -> Result<(), DerError> {
    let certificate = Certificate::parse(bytes())?;
    let crl = Crl::parse(bytes())?;
    keep((Crl::signed_algorithm(&crl), Crl::signed(&crl), Crl::issuer(&crl)));
    keep((Crl::this_update(&crl), Crl::next_update(&crl), Crl::number(&crl), Crl::delta_base(&crl)));
    keep((Crl::authority_key(&crl), Crl::scope(&crl), Crl::freshest(&crl)));
    keep((Crl::has_unknown_critical(&crl), Crl::has_unknown_critical_entry(&crl)));
    let entries: Entries<'_> = Crl::entries(&crl);
    entries.for_each(keep);
    keep(Crl::find(&crl, bytes(), certificate.issuer()));
    Ok(())
}

/// Checks a path within its validation.
pub(crate) fn check<'a>(
    validator: &PathValidator<'_>,
    certificate: &'a Certificate<'a>,
    pool: &'a [Certificate<'a>],
    anchors: &'a [minipki_core::x509::TrustAnchor<'a>],
) -> Result<(), DerError> {
    let crls = [Crl::parse(bytes())?, Crl::parse(bytes())?];
    let checker = CrlChecker { crls: any(&crls), issuers: pool, validator: *validator };
    let (mut space, mut spaces) = (WorkSpace::new(), [WorkSpace::new()]);
    let found = validator.validate_with(certificate, pool, anchors, &mut space, |path| {
        CrlChecker::check(&checker, path, &mut spaces).map(keep).map_err(|error| {
            say(error);
            PathError::from(error)
        })
    });
    keep(found.map(drop));
    Ok(())
}
