//! The files of `vectors/x509/`: each path is accepted, or refused by the check in its name, and each malformed
//! certificate is refused with the kind of error in its name.

use std::collections::BTreeSet;
use std::fs;

use minipki_core::encoding;
use minipki_core::encoding::der::DerErrorKind;
use minipki_core::time::Now;
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, Crl, CrlChecker, PathError, PathValidator, PeerName, Place, Profile, TrustAnchor,
    WorkSpace, oid,
};
use minipki_fixtures::x509::{NOW, accept, malformed, refuse, rsa, split};
use minipki_fixtures::{check_page, check_vectors, openssl, vectors};

use crate::x509_algorithms::ALGORITHMS;

/// The validator of the corpus: a TLS client.
pub(crate) fn validator(profile: Profile) -> PathValidator<'static> {
    let mut validator = PathValidator::new(ALGORITHMS, Now::Exact(NOW.parse().expect("a time")));
    validator.profile = profile;
    validator.purpose = Some(oid::SERVER_AUTH);
    validator.key_usage = KeyUsage::DIGITAL_SIGNATURE;
    validator
}

/// Validates the path in a file for the name example.com.
pub(crate) fn validate(file: &[u8], validator: &PathValidator<'_>) -> Result<(), PathError> {
    let certificates: Vec<Certificate<'_>> =
        split(file).into_iter().map(|der| Certificate::parse(der).expect("a certificate")).collect();
    let [leaf, pool @ .., root] = certificates.as_slice() else { panic!("a path") };
    let anchors = [TrustAnchor::from_certificate(*root)];
    let mut space = WorkSpace::new();
    validator.validate(leaf, pool, &anchors, &mut space)?.require_name(&PeerName::Dns("example.com"))
}

#[test]
fn the_corpus_is_accepted() {
    for (file, path) in vectors("x509/accept") {
        assert_eq!(validate(&path, &validator(Profile::RFC5280)), Ok(()), "{file}");
    }
}

#[test]
fn openssl_accepts_the_same_paths() {
    for (file, path) in vectors("x509/accept") {
        let certificates = split(&path);
        let [leaf, pool @ .., root] = certificates.as_slice() else { panic!("a path") };
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, certificates: &[&[u8]]| {
            let pem: String = certificates.iter().map(|der| pem(der)).collect();
            fs::write(folder.path().join(name), pem).expect("a file");
            folder.path().join(name).into_os_string().into_string().expect("a path in UTF-8")
        };
        let (root, leaf) = (write("root", &[root]), write("leaf", &[leaf]));
        let mut arguments = vec!["verify", "-x509_strict", "-policy", "2.5.29.32.0", "-purpose", "sslserver"];
        arguments.extend(["-verify_hostname", "example.com", "-attime", "1781524800", "-trusted", &root]);
        let pool = write("pool", pool);
        if !fs::read(&pool).expect("a file").is_empty() {
            arguments.extend(["-untrusted", &pool]);
        }
        arguments.push(&leaf);
        assert!(openssl(&arguments, b"").ends_with(b": OK\n"), "{file}");
    }
}

/// A certificate as PEM.
fn pem(der: &[u8]) -> String {
    let mut out = vec![0; 2 * der.len() + 80];
    encoding::pem::encode("CERTIFICATE", der, &mut out).expect("room").to_owned()
}

#[test]
fn the_corpus_is_refused_by_the_named_check() {
    let mut seen = BTreeSet::new();
    for (file, path) in vectors("x509/refuse") {
        let name = file.split('-').next().expect("a name");
        let check = *Check::ALL.iter().find(|check| check.name() == name).expect("the name of a check");
        let only_web = Profile::WEB_PKI.has(check) && !Profile::RFC5280.has(check);
        let profile = match check {
            Check::KeyKind => Profile::WEB_PKI,
            _ if only_web => Profile::WEB_PKI.without(Check::KeyKind),
            _ => Profile::RFC5280,
        };
        let error = validate(&path, &validator(profile)).expect_err(&file);
        assert_eq!(error.check(), Some(check), "{file}: {error}");
        // The fault is in this check alone.
        if profile.has(check) {
            let error = validate(&path, &validator(profile.without(check))).err();
            assert_ne!(error.and_then(|error| error.check()), Some(check), "{file}");
        }
        seen.insert(check);
    }
    let unseen: Vec<_> =
        Check::ALL.iter().filter(|check| !seen.contains(*check) && **check != Check::Revocation).collect();
    assert!(unseen.is_empty(), "no file for {unseen:?}");
}

#[test]
fn malformed_certificates_are_refused_with_the_named_error() {
    let mut seen = BTreeSet::new();
    for (file, der) in vectors("x509/malformed") {
        let error = Certificate::parse(&der).expect_err(&file);
        let kind = snake_case(error.kind);
        assert_eq!(file.split('-').next(), Some(&*kind), "{file}: {error}");
        assert!(error.at <= der.len(), "{file}");
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 16, "{seen:?}: each kind but Value, which occurs in extensions alone");
}

pub(crate) fn snake_case(kind: DerErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn the_error_has_the_place_and_the_byte() {
    let (_, path) = vectors("x509/refuse")
        .into_iter()
        .find(|(file, _)| file == "extension-negative_path_length")
        .expect("the file");
    let error = validate(&path, &validator(Profile::RFC5280)).expect_err("refused");
    let PathError::Refused { check: Check::Extension, place: Place::Intermediate(0), at: Some(at) } = error
    else {
        panic!("{error:?}")
    };
    // The tag of the INTEGER -1.
    assert_eq!(split(&path)[1][at..at + 3], [2, 1, 0xff]);
}

#[test]
fn the_path_of_rsa_keys_is_accepted_with_its_crls() {
    let files = vectors("x509/rsa");
    let file = |name: &str| &*files.iter().find(|(file, _)| file == name).expect("the file").1;
    let certificate = |name| Certificate::parse(file(name)).expect("a certificate");
    let (anchors, pool) = ([TrustAnchor::from_certificate(certificate("root"))], [certificate("issuer")]);
    let crls = ["issuer.crl", "root.crl"].map(|name| Crl::parse(file(name)).expect("a CRL"));
    assert_eq!(crls[0].entries().count(), 100);
    for server in ["server", "server-pss"].map(certificate) {
        let (validator, mut space) = (validator(Profile::RFC5280), WorkSpace::new());
        let path = validator.validate(&server, &pool, &anchors, &mut space).expect("a path");
        assert_eq!(path.require_name(&PeerName::Dns("example.com")), Ok(()));
        let checker = CrlChecker { crls: &crls, issuers: &[], validator };
        assert_eq!(checker.check(&path, &mut []), Ok(true));
    }
}

#[test]
fn the_page_has_each_check_with_its_section() {
    check_page("x509.md", Check::ALL.iter().map(|check| (check.name(), check.section())));
}

#[test]
fn the_corpus_is_whole() {
    check_vectors("x509/accept", accept::accept());
    check_vectors("x509/refuse", refuse::refuse());
    check_vectors("x509/malformed", malformed::malformed());
    check_vectors("x509/rsa", rsa::files());
}
