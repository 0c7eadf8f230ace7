//! Paths of X.509 certificates.

use minipki_core::encoding::der::Reader;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::BasicConstraints;
use minipki_core::x509::{
    Budget, Certificate, Comparison, PathError, PathValidator, PeerName, Profile, SignatureAlgorithm,
    SignatureError, TrustAnchor, ValidPath, WorkSpace, oid,
};

/// An algorithm that accepts every signature, so that a changed certificate passes and the later checks are reached.
pub(crate) struct Trusting;

impl SignatureAlgorithm for Trusting {
    fn name(&self) -> &'static str {
        "any"
    }

    fn is_signature_id(&self, _: &[u8]) -> bool {
        true
    }

    fn is_key_id(&self, _: &[u8]) -> bool {
        true
    }

    fn check_key(&self, _: &[u8]) -> Result<(), SignatureError> {
        Ok(())
    }

    fn verify(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), SignatureError> {
        Ok(())
    }
}

/// 2026-06-15T12:00:00+00:00, as in the corpus.
pub(crate) const NOW: u64 = 1_781_524_800;

/// Checks a list of certificates: the one to validate, intermediates, and the trust anchor. Returns whether there is a
/// valid path by RFC 5280.
///
/// - The links of a valid path belong together, and their issuers are CAs.
/// - A valid path by more rules is valid by fewer rules.
/// - The order of the intermediates does not change whether there is a path, and one that is not needed does not either.
pub fn x509_path(data: &[u8]) -> bool {
    let certificates = certificates(data);
    let [leaf, pool @ .., anchor] = certificates.as_slice() else { return false };
    let verdicts = [Profile::WEB_PKI, Profile::RFC5280, Profile::PATH].map(|profile| {
        let verdict = verdict(leaf, pool, *anchor, profile);
        let reversed: Vec<Certificate<'_>> = pool.iter().rev().copied().collect();
        same(verdict, self::verdict(leaf, &reversed, *anchor, profile));
        verdict
    });
    // The rules of the web allow one thing that RFC 5280 does not.
    if verdicts[0].is_ok() || verdicts[1].is_ok() {
        same(Ok(()), verdicts[2]);
    }
    verdicts[1].is_ok()
}

/// The certificates of a list, which stand one after the other.
pub(crate) fn certificates(list: &[u8]) -> Vec<Certificate<'_>> {
    let mut reader = Reader::new(list);
    let mut certificates = Vec::new();
    while let Ok(element) = reader.any() {
        certificates.extend(Certificate::parse(element.der).ok());
    }
    certificates
}

/// Requires two equal verdicts, unless the budget was used up.
fn same(a: Result<(), PathError>, b: Result<(), PathError>) {
    let exhausted = |verdict| matches!(verdict, Err(PathError::Budget(_)));
    assert!(a.is_ok() == b.is_ok() || exhausted(a) || exhausted(b), "{a:?} and {b:?}");
}

fn verdict(
    leaf: &Certificate<'_>,
    pool: &[Certificate<'_>],
    anchor: Certificate<'_>,
    profile: Profile,
) -> Result<(), PathError> {
    let anchors = [TrustAnchor::from_certificate(anchor)];
    let mut validator = PathValidator::new(&[&Trusting], Now::Exact(UnixTime::new(NOW).expect("a time")));
    validator.profile = profile;
    validator.purpose = Some(oid::SERVER_AUTH);
    validator.budget = Budget { comparisons: 20_000, ..Budget::DEFAULT };
    let mut space = WorkSpace::new();
    let path = validator.validate(leaf, pool, &anchors, &mut space)?;
    check(&path, leaf);
    Ok(())
}

/// Checks that the links of a valid path belong together.
fn check(path: &ValidPath<'_, '_>, leaf: &Certificate<'_>) {
    let links: Vec<_> = path.links().collect();
    assert_eq!(links[0].certificate.der(), leaf.der());
    assert!(path.time_certain());
    for (at, link) in links.iter().enumerate() {
        let issuer = link.issuer.expect("an anchor with a certificate");
        assert_eq!(link.certificate.issuer().compare(issuer.subject()), Comparison::Same);
        assert_eq!(link.issuer_key.der(), issuer.public_key().der());
        // Only a trust anchor of version 1 has no basicConstraints.
        let constraints = issuer.extension::<BasicConstraints>().expect("it was read before");
        assert!(constraints.map_or(at + 1 == links.len(), |found| found.value.ca));
        assert!((link.certificate.not_before().get()..=link.certificate.not_after().get()).contains(&NOW));
    }
    assert!(links.len() <= Budget::DEFAULT.depth);
    let _ = path.require_name(&PeerName::Dns("example.com"));
    assert!(path.policies().count() <= 32);
}
