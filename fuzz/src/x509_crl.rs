//! CRLs of X.509.

use minipki_core::encoding::der::DerError;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::{
    Crl, CrlChecker, CrlReason, GeneralName, PathValidator, RevocationError, TrustAnchor, WorkSpace,
};

use crate::x509_path::{NOW, Trusting, certificates};

/// The certificate of a server, another one, and the trust anchor, which has issued the first one.
const PATH: &[u8] = include_bytes!("../../vectors/x509/accept/without_intermediate");

/// Checks any bytes. Returns whether they are a CRL.
///
/// - An error is at one of the bytes, or at their end. Each byte is needed.
/// - Each entry is found by its serial number and the issuer that it is for.
/// - A certificate whose issuer has this CRL is accepted only if the CRL is current and has no entry for it, and is revoked only
///   if there is one.
/// - The same CRL twice gives the same verdict.
pub fn x509_crl(data: &[u8]) -> bool {
    let crl = match Crl::parse(data) {
        Ok(crl) => crl,
        Err(DerError { at, .. }) => {
            assert!(at <= data.len());
            return false;
        }
    };
    assert!(Crl::parse(&data[..data.len() - 1]).is_err());
    assert!(Crl::parse(&[data, &[0]].concat()).is_err());

    let mut issuer = Some(*crl.issuer());
    for entry in crl.entries().take(64) {
        if let Some(names) = entry.issuer {
            issuer = names.into_iter().find_map(|name| match name {
                GeneralName::Directory(name) => Some(name),
                _ => None,
            });
        }
        if let Some(issuer) = issuer {
            let found = crl.find(entry.serial, &issuer).expect("it is an entry");
            assert_eq!(found.serial, entry.serial);
        }
    }
    check(&crl);
    true
}

fn check(crl: &Crl<'_>) {
    let path = certificates(PATH);
    let [leaf, .., anchor] = path.as_slice() else { panic!("a path") };
    let anchors = [TrustAnchor::from_certificate(*anchor)];
    let now = UnixTime::new(NOW).expect("a time");
    let validator = PathValidator::new(&[&Trusting], Now::Exact(now));
    let mut space = WorkSpace::new();
    let path = validator.validate(leaf, &[], &anchors, &mut space).expect("a valid path");
    let verdict = |crls: &[Crl<'_>]| CrlChecker { crls, issuers: &[], validator }.check(&path, &mut []);
    let found = crl.find(leaf.serial(), leaf.issuer());
    let once = verdict(&[*crl]);
    match once {
        Ok(certain) => {
            assert!(certain && crl.this_update() <= now && crl.next_update().is_some_and(|next| now <= next));
            assert!(found.is_none_or(|entry| entry.reason == Some(CrlReason::RemoveFromCrl)));
            assert!(!crl.has_unknown_critical() && crl.delta_base().is_none() && crl.number().is_some());
        }
        Err(RevocationError::Revoked { reason, revoked_at, .. }) => {
            let entry = found.expect("an entry");
            assert_eq!((entry.reason, entry.revoked_at), (reason, revoked_at));
        }
        Err(RevocationError::Unknown { .. } | RevocationError::Budget(_)) => {}
    }
    // A longer list can use up the budget.
    if !matches!(once, Err(RevocationError::Budget(_))) {
        let twice = verdict(&[*crl, *crl]);
        assert!(twice.is_ok() == once.is_ok() || matches!(twice, Err(RevocationError::Budget(_))));
    }
}
