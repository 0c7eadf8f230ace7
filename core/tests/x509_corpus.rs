//! The files of `vectors/x509/`: each path is accepted, or refused by the check in its name, and each malformed
//! certificate is refused with the kind of error in its name.

use std::collections::BTreeSet;
use std::fs;

use minipki_core::encoding::der::DerErrorKind;
use minipki_core::time::Now;
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{
    Certificate, Check, PathError, PathValidator, PeerName, Place, Profile, TrustAnchor, WorkSpace, oid,
};
use minipki_fixtures::x509::{NOW, accept, malformed, refuse, split};
use minipki_fixtures::{vector_path, vectors};

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

fn snake_case(kind: DerErrorKind) -> String {
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
fn the_page_has_each_check_with_its_section() {
    let page = fs::read_to_string(vector_path("../docs/x509.md")).expect("docs/x509.md");
    for check in Check::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{check}` |"))).expect(check.name());
        assert!(row.ends_with(&format!("| {} |", check.section())), "{check}");
    }
}

/// Writes the corpus if `MINIPKI_WRITE_VECTORS=1` is in the environment. Otherwise checks that it has the same files.
#[test]
fn the_corpus_is_whole() {
    for (folder, mut files) in [
        ("x509/accept", accept::accept()),
        ("x509/refuse", refuse::refuse()),
        ("x509/malformed", malformed::malformed()),
    ] {
        if std::env::var_os("MINIPKI_WRITE_VECTORS").is_some() {
            let folder = vector_path(folder);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            files.iter().for_each(|(file, bytes)| fs::write(folder.join(file), bytes).expect("a file"));
        }
        files.sort();
        assert!(vectors(folder) == files, "{folder}: run again with MINIPKI_WRITE_VECTORS=1");
    }
}
