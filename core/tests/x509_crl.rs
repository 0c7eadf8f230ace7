//! CRLs: what is read, and each check of a path with CRLs.

use std::collections::BTreeSet;

use minipki_core::encoding::der::DerErrorKind;
use minipki_core::time::Now;
use minipki_core::x509::{
    Certificate, Crl, CrlCheck, CrlChecker, CrlReason, Limit, Name, PathValidator, Place, RevocationError,
    TrustAnchor, WorkSpace,
};
use minipki_fixtures::x509::crl::{
    CrlFields, certificate_issuer, corpus, distribution_point, entry_extension, full_name, reason, scope,
};
use minipki_fixtures::x509::{Chain, Fields, NOW, integer, name, octets, tlv};
use minipki_fixtures::{check_page, check_vectors, openssl, vectors};
use proptest::prelude::*;

use crate::x509_algorithms::ALGORITHMS;

/// A complete CRL of the root, which is the issuer of the CA.
fn root_crl() -> CrlFields {
    CrlFields::new("Root", 1, 1)
}

/// A complete CRL of the CA, which is the issuer of the server's certificate 3.
fn ca_crl() -> CrlFields {
    CrlFields::new("Issuing CA", 2, 7)
}

/// Checks the path of `chain` with these CRLs.
fn check(chain: &Chain, crls: &[CrlFields]) -> Result<bool, RevocationError> {
    check_at(chain, crls, now(), |_| {})
}

fn now() -> Now {
    Now::Exact(NOW.parse().expect("a time"))
}

fn check_at(
    chain: &Chain,
    crls: &[CrlFields],
    now: Now,
    change: fn(&mut PathValidator<'_>),
) -> Result<bool, RevocationError> {
    check_ders(chain, &crls.iter().map(CrlFields::sign).collect::<Vec<_>>(), now, change)
}

fn check_ders(
    chain: &Chain,
    ders: &[Vec<u8>],
    now: Now,
    change: fn(&mut PathValidator<'_>),
) -> Result<bool, RevocationError> {
    let crls: Vec<Crl<'_>> = ders.iter().map(|der| Crl::parse(der).expect("a CRL")).collect();
    let pool: Vec<Vec<u8>> = [&chain.ca].into_iter().chain(&chain.others).map(Fields::sign).collect();
    let pool: Vec<Certificate<'_>> = pool.iter().map(|der| Certificate::parse(der).expect("a CA")).collect();
    let (leaf, root) = (chain.leaf.sign(), chain.root.sign());
    let leaf = Certificate::parse(&leaf).expect("a certificate");
    let anchors = [TrustAnchor::from_certificate(Certificate::parse(&root).expect("a root"))];
    let mut validator = PathValidator::new(ALGORITHMS, now);
    let (mut space, mut spaces) = (WorkSpace::new(), [WorkSpace::new(), WorkSpace::new()]);
    let path = validator.validate(&leaf, &pool, &anchors, &mut space).expect("a valid path");
    change(&mut validator);
    CrlChecker { crls: &crls, issuers: &pool, validator }.check(&path, &mut spaces)
}

/// The check that fails for the server's certificate.
fn failed(chain: &Chain, crl: CrlFields) -> CrlCheck {
    match check(chain, &[root_crl(), crl]) {
        Err(RevocationError::Unknown { place: Place::EndEntity, check, .. }) => check,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_with_current_crls_of_all_issuers_is_accepted() {
    let chain = Chain::good();
    assert_eq!(check(&chain, &[root_crl(), ca_crl()]), Ok(true));
    assert_eq!(check(&chain, &[ca_crl().entry(&[4], &[]), root_crl().entry(&[3], &[])]), Ok(true));
    let missing = |place| Err(RevocationError::Unknown { place, check: CrlCheck::Issuer, crl: None });
    assert_eq!(check(&chain, &[root_crl()]), missing(Place::EndEntity));
    assert_eq!(check(&chain, &[ca_crl()]), missing(Place::Intermediate(0)));
    assert_eq!(check(&chain, &[]), missing(Place::Intermediate(0)));
}

#[test]
fn a_revoked_certificate_is_refused_with_its_reason() {
    let chain = Chain::good();
    let revoked = |crls: &[CrlFields]| match check(&chain, crls) {
        Err(RevocationError::Revoked { place, crl, reason, revoked_at }) => {
            assert_eq!(revoked_at.to_string(), "2026-06-01T00:00:00+00:00");
            (place, crl, reason)
        }
        other => panic!("{other:?}"),
    };
    for (code, expected) in [(1, CrlReason::KeyCompromise), (6, CrlReason::CertificateHold)] {
        let crls = [root_crl(), ca_crl().entry(&[9], &[]).entry(&[3], &[reason(code)])];
        assert_eq!(revoked(&crls), (Place::EndEntity, 1, Some(expected)));
    }
    let crls = [root_crl().entry(&[2], &[]), ca_crl().entry(&[3], &[reason(1)])];
    assert_eq!(revoked(&crls), (Place::Intermediate(0), 0, None), "the issuer comes first");
}

#[test]
fn each_file_of_the_corpus_has_the_named_result() {
    let mut seen = BTreeSet::new();
    for (file, der) in vectors("x509/crl") {
        let result = match check_ders(&Chain::good(), &[root_crl().sign(), der], now(), |_| {}) {
            Ok(certain) => {
                assert!(certain, "{file}");
                "accept"
            }
            Err(RevocationError::Revoked { place: Place::EndEntity, crl: 1, .. }) => "revoked",
            Err(RevocationError::Unknown { place: Place::EndEntity, check, .. }) => {
                seen.insert(check);
                check.name()
            }
            other => panic!("{file}: {other:?}"),
        };
        assert_eq!(file.split('-').next(), Some(result), "{file}");
    }
    // The others depend on the certificate of the issuer.
    let unseen: Vec<_> = CrlCheck::ALL.iter().filter(|check| !seen.contains(*check)).collect();
    assert_eq!(unseen, [&CrlCheck::KeyUsage, &CrlCheck::IssuerPath]);
    let signs_certificates = Chain::good().ca(|ca| ca.with(15, true, tlv(3, &[2, 0x04])));
    assert_eq!(failed(&signs_certificates, ca_crl()), CrlCheck::KeyUsage);
}

#[test]
fn the_corpus_is_whole() {
    check_vectors("x509/crl", corpus());
}

#[test]
fn the_page_has_each_check_with_its_section() {
    check_page("x509-revocation.md", CrlCheck::ALL.iter().map(|check| (check.name(), check.section())));
}

#[test]
fn a_lower_bound_of_the_time_leaves_the_currency_open() {
    let chain = Chain::good();
    let now = Now::AtLeast(NOW.parse().expect("a time"));
    assert_eq!(check_at(&chain, &[root_crl(), ca_crl()], now, |_| {}), Ok(false));
}

#[test]
fn the_budget_limits_the_signatures() {
    let chain = Chain::good();
    let (now, crls) = (now(), [root_crl(), ca_crl()]);
    let none = check_at(&chain, &crls, now, |validator| validator.budget.signatures = 1);
    assert_eq!(none, Err(RevocationError::Budget(Limit::Signatures)));
    let none = check_at(&chain, &crls, now, |validator| validator.budget.comparisons = 3);
    assert_eq!(none, Err(RevocationError::Budget(Limit::Comparisons)));
}

/// A revoked CA issues a certificate with the name of the root, and a CRL by it that says that the CA is not revoked.
#[test]
fn a_revoked_ca_cannot_vouch_for_itself() {
    let chain = Chain::good().other(Fields::ca("Root", 6, "Issuing CA", 2));
    let forged = CrlFields::new("Root", 6, 9);
    assert!(matches!(
        check(&chain, &[forged.clone(), ca_crl()]),
        Err(RevocationError::Unknown { place: Place::Intermediate(0), check: CrlCheck::IssuerPath, .. })
    ));
    assert!(matches!(
        check(&chain, &[forged, root_crl().entry(&[2], &[]), ca_crl()]),
        Err(RevocationError::Revoked { place: Place::Intermediate(0), .. })
    ));
}

#[test]
fn a_separate_key_for_crls_needs_a_path_and_is_checked() {
    let crl_key = Fields::new("Issuing CA", 8, "Root", 1).with(15, true, tlv(3, &[1, 0x02]));
    let chain = Chain::good().other(crl_key.clone());
    let by_key = CrlFields::new("Issuing CA", 8, 1);
    assert_eq!(check(&chain, &[root_crl(), by_key.clone()]), Ok(true));
    assert_eq!(failed(&Chain::good(), by_key.clone()), CrlCheck::IssuerKey, "its certificate is not at hand");
    let revoked_key = [root_crl().entry(&[8], &[]), by_key.clone()];
    assert!(matches!(
        check(&chain, &revoked_key),
        Err(RevocationError::Unknown { check: CrlCheck::IssuerPath, crl: Some(1), .. })
    ));
    let no_crl_key = Chain::good().other(crl_key.with(15, true, tlv(3, &[7, 0x80])));
    assert_eq!(failed(&no_crl_key, by_key), CrlCheck::KeyUsage);
}

#[test]
fn an_indirect_crl_is_of_the_issuer_that_the_certificate_names() {
    let point = |issuer| {
        distribution_point(&[full_name("http://example.com/i"), tlv(0xa2, &tlv(0xa4, &name(issuer)))])
    };
    let chain = Chain::good().leaf(|leaf| leaf.with(31, false, point("Root")));
    let indirect =
        || root_crl().with(28, true, scope(&[full_name("http://example.com/i"), tlv(0x84, &[0xff])]));
    assert_eq!(check(&chain, &[root_crl(), indirect()]), Ok(true));
    // The serial number 3 of the root is not that of the CA.
    assert_eq!(check(&chain, &[root_crl(), indirect().entry(&[3], &[])]), Ok(true));
    let named = indirect().entry(&[5], &[certificate_issuer("Issuing CA")]).entry(&[3], &[reason(4)]);
    assert!(matches!(
        check(&chain, &[root_crl(), named.clone()]),
        Err(RevocationError::Revoked { place: Place::EndEntity, reason: Some(CrlReason::Superseded), .. })
    ));
    let another = named.entry(&[3], &[certificate_issuer("Another CA")]);
    assert!(matches!(check(&chain, &[root_crl(), another]), Err(RevocationError::Revoked { .. })));
    // Without the flag, or of another issuer, it is not an indirect CRL for this certificate.
    let direct = root_crl().with(28, true, scope(&[full_name("http://example.com/i")]));
    assert_eq!(failed(&chain, direct), CrlCheck::Issuer);
    let other = Chain::good().leaf(|leaf| leaf.with(31, false, point("Another CA")));
    assert_eq!(failed(&other, indirect()), CrlCheck::Issuer);
}

#[test]
fn crls_of_some_reasons_are_joined() {
    let some = |bits: &[u8]| ca_crl().with(28, true, scope(&[tlv(0x83, bits)]));
    let chain = Chain::good();
    // Reasons 1 to 4, and 5 to 8.
    let halves = [some(&[3, 0x78]), some(&[7, 0x07, 0x80])];
    let [first, second] = halves;
    assert_eq!(check(&chain, &[root_crl(), first.clone(), second]), Ok(true));
    assert_eq!(failed(&chain, first), CrlCheck::Reasons);
}

#[test]
fn a_delta_crl_changes_its_complete_crl() {
    let chain = Chain::good();
    let check = |complete: CrlFields, delta: CrlFields| check(&chain, &[root_crl(), complete, delta]);
    let delta = |number, base| CrlFields::new("Issuing CA", 2, number).delta(base);
    let is_revoked = |result| matches!(result, Err(RevocationError::Revoked { place: Place::EndEntity, .. }));
    let hold = || ca_crl().entry(&[3], &[reason(6)]);
    assert!(is_revoked(check(ca_crl(), delta(8, 7).entry(&[3], &[]))));
    assert_eq!(check(hold(), delta(8, 7).entry(&[3], &[reason(8)])), Ok(true), "the hold was removed");
    assert!(is_revoked(check(hold(), delta(8, 7))), "nothing changed");
    // These deltas do not belong to the complete CRL, or are not genuine.
    let entry = |delta: CrlFields| delta.entry(&[3], &[reason(8)]);
    assert!(is_revoked(check(hold(), entry(delta(9, 8)))), "its base is a later CRL");
    assert!(is_revoked(check(hold(), entry(delta(7, 6)))), "it is not newer");
    assert!(is_revoked(check(hold(), entry(CrlFields { signer: 9, ..delta(8, 7) }))));
    assert!(is_revoked(check(hold(), entry(delta(8, 7).with(28, true, scope(&[tlv(0x81, &[0xff])]))))));
    let old = CrlFields {
        times: [tlv(0x17, b"260601000000Z"), tlv(0x17, b"260602000000Z")].concat(),
        ..delta(8, 7)
    };
    assert!(is_revoked(check(hold(), entry(old.clone()))));
    // A current delta brings an old complete CRL up to date.
    let old_complete = CrlFields { times: old.times, ..ca_crl() };
    assert_eq!(failed(&chain, old_complete.clone()), CrlCheck::NextUpdate);
    assert_eq!(check(old_complete.clone(), delta(8, 7)), Ok(true));
    assert!(is_revoked(check(old_complete, delta(8, 7).entry(&[3], &[]))));
    assert_eq!(failed(&chain, delta(8, 7)), CrlCheck::Issuer, "a delta alone is no CRL");
}

#[test]
fn crls_that_are_refused() {
    let refused = |fields: CrlFields| Crl::parse(&fields.sign()).expect_err("not a CRL").kind;
    assert_eq!(refused(CrlFields { version: Vec::new(), ..ca_crl() }), DerErrorKind::Version);
    assert_eq!(refused(CrlFields { version: integer(&[0]), ..ca_crl() }), DerErrorKind::Version);
    assert_eq!(refused(CrlFields { version: integer(&[2]), ..ca_crl() }), DerErrorKind::Version);
    assert_eq!(refused(CrlFields { entries: vec![Vec::new()], ..ca_crl() }), DerErrorKind::Empty);
    assert_eq!(refused(ca_crl().entry(&[0, 3], &[])), DerErrorKind::Integer);
    assert_eq!(refused(ca_crl().entry(&[3], &[reason(7)])), DerErrorKind::Value);
    assert_eq!(refused(ca_crl().entry(&[3], &[reason(11)])), DerErrorKind::Value);
    assert_eq!(refused(ca_crl().entry(&[3], &[reason(1), reason(1)])), DerErrorKind::Duplicate);
    let utc = entry_extension(24, false, tlv(0x17, b"260601000000Z"));
    assert_eq!(refused(ca_crl().entry(&[3], &[utc])), DerErrorKind::Tag);
    assert_eq!(refused(ca_crl().with(20, false, integer(&[0x80]))), DerErrorKind::Integer, "negative");
    assert_eq!(refused(ca_crl().with(20, false, integer(&[1; 21]))), DerErrorKind::Integer);
    assert_eq!(refused(ca_crl().with(28, true, scope(&[]))), DerErrorKind::Empty);
    assert_eq!(refused(ca_crl().with(28, true, scope(&[tlv(0x84, &[0])]))), DerErrorKind::Default);
    assert_eq!(refused(ca_crl().with(28, true, scope(&[tlv(0x84, &[1])]))), DerErrorKind::Boolean);
    let both = scope(&[tlv(0x81, &[0xff]), tlv(0x82, &[0xff])]);
    assert_eq!(refused(ca_crl().with(28, true, both)), DerErrorKind::Value);
    assert_eq!(refused(ca_crl().with(35, false, octets(&[1]))), DerErrorKind::Tag);
    let der = ca_crl().entry(&[3], &[reason(1)]).sign();
    for length in 0..der.len() {
        assert!(Crl::parse(&der[..length]).is_err(), "cut at {length}");
    }
    assert_eq!(Crl::parse(&[&der[..], &[0]].concat()).expect_err("a byte more").kind, DerErrorKind::Trailing);
}

/// A CRL by OpenSSL is read as OpenSSL prints it.
#[test]
fn a_crl_of_openssl() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (key, certificate, index) = (path("key.pem"), path("ca.pem"), path("index.txt"));
    let subject = ["-subj", "/CN=Issuing CA", "-days", "30"];
    let new = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", &key, "-out", &certificate];
    openssl(&[&new[..], &subject].concat(), b"");
    let entries = "R\t270101000000Z\t260601010203Z,keyCompromise\t01\tunknown\t/CN=a\n\
        R\t270101000000Z\t260602010203Z\tABCDEF\tunknown\t/CN=b\nV\t270101000000Z\t\t03\tunknown\t/CN=c\n";
    std::fs::write(&index, entries).expect("the folder can be written");
    std::fs::write(path("number"), "1F\n").expect("the folder can be written");
    let config = format!(
        "[ca]\ndefault_ca=c\n[c]\ndatabase={index}\ncrlnumber={}\ndefault_md=default\ndefault_crl_days=7\n\
         crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n",
        path("number")
    );
    std::fs::write(path("config"), config).expect("the folder can be written");
    let pem =
        openssl(&["ca", "-gencrl", "-config", &path("config"), "-keyfile", &key, "-cert", &certificate], b"");
    let der = openssl(&["crl", "-outform", "DER"], &pem);
    let crl = Crl::parse(&der).expect("a CRL");
    let found: Vec<_> =
        crl.entries().map(|entry| (entry.serial, entry.revoked_at.to_string(), entry.reason)).collect();
    let time = |day| format!("2026-06-0{day}T01:02:03+00:00");
    assert_eq!(
        found,
        [(&[1][..], time(1), Some(CrlReason::KeyCompromise)), (&[0, 0xab, 0xcd, 0xef], time(2), None)]
    );
    assert_eq!(crl.number().map(|number| (number.value.0, number.critical)), Some((&[0x1f][..], false)));
    let issuer = openssl(&["x509", "-in", &certificate, "-outform", "DER"], b"");
    let issuer = Certificate::parse(&issuer).expect("a certificate");
    assert_eq!(crl.signed().verify(ALGORITHMS, issuer.public_key()), Ok(()));
    assert!(crl.find(&[1], issuer.subject()).is_some() && crl.find(&[3], issuer.subject()).is_none());
}

proptest! {
    /// Each listed serial number is found, under the issuer that its entry has, and no other one.
    #[test]
    fn an_entry_is_found_by_serial_number_and_issuer(
        entries in prop::collection::vec((1_u8..40, prop::option::of(0_usize..3), any::<bool>()), 1..30),
        wanted in 1_u8..40,
    ) {
        const ISSUERS: [&str; 3] = ["Issuing CA", "Second CA", "Third CA"];
        let (mut crl, mut issuer, mut model) = (ca_crl(), 0, Vec::new());
        for (serial, named, with_reason) in entries {
            let mut extensions = Vec::new();
            if with_reason {
                extensions.push(reason(1));
            }
            if let Some(named) = named {
                extensions.push(certificate_issuer(ISSUERS[named]));
                issuer = named;
            }
            model.push((serial, issuer, with_reason));
            crl = crl.entry(&[serial], &extensions);
        }
        let der = crl.sign();
        let crl = Crl::parse(&der).expect("a CRL");
        prop_assert_eq!(crl.entries().count(), model.len());
        for (at, issuer) in ISSUERS.iter().enumerate() {
            let issuer = name(issuer);
            let found = crl.find(&[wanted], &Name::parse(&issuer).expect("a name"));
            let expected = model.iter().find(|(serial, issuer, _)| (*serial, *issuer) == (wanted, at));
            prop_assert_eq!(found.map(|entry| entry.reason.is_some()), expected.map(|entry| entry.2));
        }
    }
}
