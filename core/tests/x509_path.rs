//! Paths of X.509: what the corpus cannot show in one file.

use minipki_core::encoding::der::Oid;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::{
    Budget, Certificate, Check, Limit, PathError, PathValidator, PeerName, Place, Profile, TrustAnchor,
    WorkSpace,
};
use minipki_fixtures::x509::accept::policy;
use minipki_fixtures::x509::refuse::{constraints, policies, subtree};
use minipki_fixtures::x509::{Chain, Fields, alt_name, dns, octets, oid, sequence, split, tlv};
use proptest::prelude::*;

use crate::x509_corpus::{validate, validator};

fn refused(check: Check, place: Place) -> Result<(), PathError> {
    Err(PathError::Refused { check, place, at: None })
}

/// Validates the server's certificate `leaf` with `pool`, under `root`.
fn search(
    leaf: &Fields,
    pool: &[Fields],
    root: &Fields,
    validator: &PathValidator<'_>,
) -> Result<usize, PathError> {
    let ders: Vec<Vec<u8>> = pool.iter().chain([leaf, root]).map(Fields::sign).collect();
    let parsed: Vec<Certificate<'_>> =
        ders.iter().map(|der| Certificate::parse(der).expect("a certificate")).collect();
    let [pool @ .., leaf, root] = parsed.as_slice() else { panic!("certificates") };
    let anchors = [TrustAnchor::from_certificate(*root)];
    let mut space = WorkSpace::new();
    validator.validate(leaf, pool, &anchors, &mut space).map(|path| path.links().count())
}

#[test]
fn a_lower_bound_of_the_time_does_not_prove_the_validity() {
    let file = Chain::file(|chain| chain);
    let certificates: Vec<_> =
        split(&file).into_iter().map(|der| Certificate::parse(der).expect("DER")).collect();
    let anchors = [TrustAnchor::from_certificate(certificates[2])];
    let time = |text: &str| -> UnixTime { text.parse().expect("a time") };
    let mut validator = validator(Profile::RFC5280);
    for (now, expected) in [
        (Now::Exact(time("2026-06-15T12:00:00+00:00")), Ok(true)),
        (Now::AtLeast(time("2026-06-15T12:00:00+00:00")), Ok(false)),
        // It may be later, so the certificate may have begun.
        (Now::AtLeast(time("2020-01-01T00:00:00+00:00")), Ok(false)),
        (Now::AtLeast(time("2028-01-01T00:00:00+00:00")), Err(Check::NotAfter)),
        (Now::Exact(time("2020-01-01T00:00:00+00:00")), Err(Check::NotBefore)),
    ] {
        validator.now = now;
        let mut space = WorkSpace::new();
        let path = validator.validate(&certificates[0], &certificates[1..2], &anchors, &mut space);
        let certain = path.map(|path| path.time_certain()).map_err(|error| error.check().expect("a check"));
        assert_eq!(certain, expected, "{now:?}");
    }
}

#[test]
fn an_anchor_of_name_and_key_has_no_limits() {
    // As a certificate this anchor has expired, is no CA and permits other names.
    let file = Chain::file(|chain| {
        chain.root(|root| {
            let root = root.without(19).with(30, true, constraints(&[subtree(dns("example.org"))], &[]));
            Fields { validity: sequence(&[tlv(0x17, b"160101000000Z"), tlv(0x17, b"170101000000Z")]), ..root }
        })
    });
    assert_eq!(
        validate(&file, &validator(Profile::PATH)),
        refused(Check::BasicConstraints, Place::Anchor(0))
    );
    let certificates: Vec<_> =
        split(&file).into_iter().map(|der| Certificate::parse(der).expect("DER")).collect();
    let anchors = [TrustAnchor::new(*certificates[2].subject(), *certificates[2].public_key())];
    let mut space = WorkSpace::new();
    let path = validator(Profile::PATH).validate(&certificates[0], &certificates[1..2], &anchors, &mut space);
    let path = path.expect("a path");
    let links: Vec<_> = path.links().collect();
    assert_eq!(links.len(), 2);
    assert_eq!(links[0].issuer.map(Certificate::der), Some(certificates[1].der()));
    assert_eq!(links[0].issuer_key.der(), certificates[1].public_key().der());
    assert!(links[1].issuer.is_none());
    assert_eq!(links[1].issuer_key.der(), certificates[2].public_key().der());
    assert_eq!((links[0].place, links[1].place), (Place::EndEntity, Place::Intermediate(0)));
}

#[test]
fn another_path_is_tried_after_one_that_the_caller_refuses() {
    // Two certificates of the same CA: the caller refuses the first one, for example because it is revoked.
    let file = Chain::file(|chain| {
        let mut second = chain.ca.clone();
        second.serial = tlv(2, &[77]);
        chain.other(second)
    });
    let certificates: Vec<_> =
        split(&file).into_iter().map(|der| Certificate::parse(der).expect("DER")).collect();
    let anchors = [TrustAnchor::from_certificate(certificates[3])];
    let revoked = |place| PathError::Refused { check: Check::Revocation, place, at: None };
    let validator = validator(Profile::RFC5280);
    let mut space = WorkSpace::new();
    let mut seen = Vec::new();
    let path = validator.validate_with(&certificates[0], &certificates[1..3], &anchors, &mut space, |path| {
        let issuer = path.links().last().expect("a link");
        seen.push(issuer.certificate.serial().to_vec());
        if issuer.certificate.serial() == [77] { Ok(()) } else { Err(revoked(issuer.place)) }
    });
    assert_eq!(path.expect("a path").links().last().expect("a link").place, Place::Intermediate(1));
    assert_eq!(seen, [vec![2], vec![77]]);

    let none = validator.validate_with(&certificates[0], &certificates[1..3], &anchors, &mut space, |path| {
        Err(revoked(path.links().last().expect("a link").place))
    });
    assert_eq!(none.map(drop), Err(revoked(Place::Intermediate(0))), "the first error of equal ones");
}

/// 60 CAs of one name that certify each other, and none is certified by the root.
fn mesh() -> Vec<Fields> {
    (0..60_u8).map(|at| Fields::ca("Mesh", 100 + at, "Mesh", 100 + (at + 1) % 60)).collect()
}

#[test]
fn a_mesh_without_a_way_out_ends_the_search() {
    let mut leaf = Chain::good().leaf;
    (leaf.issuer, leaf.signer) = (minipki_fixtures::x509::name("Mesh"), 100);
    let root = Chain::good().root;
    let validator = validator(Profile::PATH);
    let started = std::time::Instant::now();
    assert_eq!(search(&leaf, &mesh(), &root, &validator), Err(PathError::Budget(Limit::Comparisons)));
    assert!(started.elapsed().as_secs() < 20, "the work is bounded");
}

#[test]
fn signatures_have_a_budget() {
    // 40 certificates that pretend to be the issuer's, each with another key.
    let pool: Vec<Fields> = (0..40_u8)
        .map(|at| Fields::ca("Issuing CA", 100 + at, "Root", 1).with(14, false, octets(&[2; 20])))
        .collect();
    let (leaf, root) = (Chain::good().leaf, Chain::good().root);
    let mut validator = validator(Profile::RFC5280);
    assert_eq!(search(&leaf, &pool, &root, &validator), Err(PathError::Budget(Limit::Signatures)));
    validator.budget.signatures = 100;
    let error = search(&leaf, &pool, &root, &validator).expect_err("no path");
    assert_eq!(error.check(), Some(Check::Signature));
    // The genuine one is found among the others.
    let pool = [pool, vec![Chain::good().ca]].concat();
    assert_eq!(search(&leaf, &pool, &root, &validator), Ok(2));
}

#[test]
fn the_certificate_with_the_named_key_is_tried_first() {
    let others = (0..20_u8).map(|at| Fields::ca("Issuing CA", 100 + at, "Root", 1));
    let pool: Vec<Fields> = others.chain([Chain::good().ca]).collect();
    let mut validator = validator(Profile::RFC5280);
    validator.budget.signatures = 2;
    assert_eq!(search(&Chain::good().leaf, &pool, &Chain::good().root, &validator), Ok(2));
}

#[test]
fn the_depth_has_a_budget() {
    let name = |at: u8| format!("CA {at}");
    let pool: Vec<Fields> = (1..=12)
        .map(|at| Fields::ca(&name(at), 100 + at, &name(at + 1), 101 + at))
        .chain([Fields::ca(&name(13), 113, "Root", 1)])
        .collect();
    let root = Chain::good().root;
    let validator = validator(Profile::RFC5280);
    let leaf = |issuer: u8| Fields::server(3, &name(issuer), 100 + issuer);
    // The server's certificate and 9 intermediates.
    assert_eq!(search(&leaf(5), &pool, &root, &validator), Ok(10));
    assert_eq!(search(&leaf(4), &pool, &root, &validator), Err(PathError::Budget(Limit::Depth)));
    let mut shorter = validator;
    shorter.budget = Budget { depth: 3, ..Budget::DEFAULT };
    assert_eq!(search(&leaf(12), &pool, &root, &shorter), Ok(3));
    assert_eq!(search(&leaf(11), &pool, &root, &shorter), Err(PathError::Budget(Limit::Depth)));
    let mut one = validator;
    one.path_length = Some(1);
    let error = search(&leaf(12), &pool, &root, &one).expect_err("two intermediates");
    assert_eq!(
        error,
        PathError::Refused { check: Check::PathLength, place: Place::Intermediate(11), at: None }
    );
}

#[test]
fn constraints_and_names_have_a_budget() {
    let many: Vec<Vec<u8>> = (0..400).map(|at| dns(&format!("a{at}.example.com"))).collect();
    let subtrees: Vec<Vec<u8>> = many.iter().cloned().map(subtree).collect();
    let leaf = Chain::good().leaf.with(17, false, alt_name(&many));
    let ca = Chain::good().ca.with(30, true, constraints(&[], &subtrees));
    let error = search(&leaf, &[ca], &Chain::good().root, &validator(Profile::RFC5280)).expect_err("refused");
    // The first name is excluded; nothing is compared after that.
    assert_eq!(error.check(), Some(Check::NameConstraints));
    let ca =
        Chain::good().ca.with(30, true, constraints(&[subtree(dns("com"))], &vec![subtree(dns("org")); 400]));
    let verdict = search(&leaf, &[ca], &Chain::good().root, &validator(Profile::RFC5280));
    assert_eq!(verdict, Err(PathError::Budget(Limit::Comparisons)));
}

#[test]
fn policies_have_a_budget_and_a_result() {
    let ids: Vec<Vec<u8>> = (0..33).map(policy).collect();
    let leaf = |count: usize| Chain::good().leaf.with(32, false, policies(&ids[..count]));
    let any = oid(&[0x55, 0x1d, 32, 0]);
    let ca = Chain::good().ca.with(32, false, policies(&[any]));
    let (root, validator) = (Chain::good().root, validator(Profile::RFC5280));
    assert_eq!(search(&leaf(32), &[ca.clone()], &root, &validator), Ok(2));
    assert_eq!(search(&leaf(33), &[ca.clone()], &root, &validator), Err(PathError::Budget(Limit::Policies)));

    let file: Vec<u8> = [&leaf(3), &ca, &root].into_iter().flat_map(Fields::sign).collect();
    let certificates: Vec<_> =
        split(&file).into_iter().map(|der| Certificate::parse(der).expect("DER")).collect();
    let anchors = [TrustAnchor::from_certificate(certificates[2])];
    let (two, nine) = (Oid::from_contents(&[0x2a, 3, 2]), Oid::from_contents(&[0x2a, 3, 9]));
    let mut explicit = validator;
    explicit.policies.require_explicit = true;
    for (accepted, good) in [(&[two][..], true), (&[nine, two], true), (&[nine], false), (&[], false)] {
        explicit.policies.accepted = Some(accepted);
        let mut space = WorkSpace::new();
        let path = explicit.validate(&certificates[0], &certificates[1..2], &anchors, &mut space);
        assert_eq!(path.is_ok(), good, "{accepted:?}");
        if let Ok(path) = path {
            let found: Vec<String> = path.policies().map(|policy| policy.to_string()).collect();
            assert_eq!((found.join(" ").as_str(), path.has_any_policy()), ("1.2.3.0 1.2.3.1 1.2.3.2", false));
        }
    }
}

#[test]
fn names_are_matched_by_rfc_9525() {
    let has = |presented: &[Vec<u8>], expected: PeerName<'_>| {
        let leaf = Chain::good().leaf.with(17, false, alt_name(presented));
        let file: Vec<u8> =
            [&leaf, &Chain::good().ca, &Chain::good().root].into_iter().flat_map(Fields::sign).collect();
        let certificates: Vec<_> =
            split(&file).into_iter().map(|der| Certificate::parse(der).expect("DER")).collect();
        let anchors = [TrustAnchor::from_certificate(certificates[2])];
        let mut space = WorkSpace::new();
        let path =
            validator(Profile::PATH).validate(&certificates[0], &certificates[1..2], &anchors, &mut space);
        path.expect("a path").require_name(&expected).is_ok()
    };
    let wildcard = [dns("*.example.com")];
    for (name, expected) in [
        ("a.example.com", true),
        ("A.EXAMPLE.com.", true),
        ("xn--bcher-kva.example.com", true),
        ("example.com", false),
        (".example.com", false),
        ("a.b.example.com", false),
        ("*.example.com", false),
        ("a.example.com..", false),
        ("a_b.example.com", false),
        ("", false),
    ] {
        assert_eq!(has(&wildcard, PeerName::Dns(name)), expected, "{name}");
    }
    for presented in ["*", "*.", "a.*.com", "*a.example.com", "*.*.com", "a.example.com."] {
        assert!(!has(&[dns(presented)], PeerName::Dns("a.example.com")), "{presented}");
    }
    let ip = |bytes: &[u8]| tlv(0x87, bytes);
    assert!(has(&[ip(&[192, 0, 2, 1])], PeerName::Ip("192.0.2.1".parse().expect("an address"))));
    assert!(has(&[ip(&[0; 16])], PeerName::Ip("::".parse().expect("an address"))));
    // An IPv4 address is not the IPv6 address that stands for it, and not a text.
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
    assert!(!has(&[ip(&mapped), dns("192.0.2.1")], PeerName::Ip("192.0.2.1".parse().expect("an address"))));
    assert!(!has(&[dns("192.0.2.1")], PeerName::Dns("192.0.2.1")));
    let email = |text: &str| tlv(0x81, text.as_bytes());
    assert!(has(&[email("Ann@EXAMPLE.com")], PeerName::Email("Ann@example.com")));
    assert!(!has(&[email("Ann@example.com")], PeerName::Email("ann@example.com")));
    let uri = |text: &str| tlv(0x86, text.as_bytes());
    assert!(has(&[uri("urn:minipki:ca:sensor-17")], PeerName::Uri("urn:minipki:ca:sensor-17")));
    assert!(!has(&[uri("urn:minipki:ca:sensor-17")], PeerName::Uri("urn:minipki:ca:sensor-1")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A change of any bit of a certificate is refused: by the parser, or by a check.
    #[test]
    fn a_changed_bit_is_refused(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let mut file = Chain::file(|chain| chain);
        // The trust anchor is not protected by a signature.
        let signed: usize = split(&file)[..2].iter().map(|der| der.len()).sum();
        file[at.index(signed)] ^= 1 << bit;
        let lengths = split(&Chain::file(|chain| chain)).iter().map(|der| der.len()).collect::<Vec<_>>();
        let (leaf, rest) = file.split_at(lengths[0]);
        let (ca, root) = rest.split_at(lengths[1]);
        if let [Ok(leaf), Ok(ca), Ok(root)] = [leaf, ca, root].map(Certificate::parse) {
            let (anchors, pool) = ([TrustAnchor::from_certificate(root)], [ca]);
            let mut space = WorkSpace::new();
            let path = validator(Profile::RFC5280).validate(&leaf, &pool, &anchors, &mut space);
            prop_assert!(path.is_err());
        }
    }
}
