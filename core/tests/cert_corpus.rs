//! The certificates of `vectors/cert/`: each is accepted, or refused with the error in its name.

use std::fs;

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate, Error, verify};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::ANCHOR;
use minipki_core::time::Now;
use minipki_core::trust::{Check, RevocationCheck, ValidityError};
use minipki_fixtures::certificates::{NOW, anchor, id, time};
use minipki_fixtures::rsa_keys::SIZES;
use minipki_fixtures::{certificate_corpus, vector_path, vectors};

/// The anchor of the corpus.
const ANCHOR_FILE: &str = "cert/anchor.json";

fn parse_and_verify(text: &[u8]) -> Result<(), Error> {
    let anchor = fs::read(vector_path(ANCHOR_FILE)).expect("the corpus has an anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("the anchor is good");
    let certificate = Certificate::parse(text)?;
    verify(Portable::new(), &anchor, &certificate, Now::Exact(time(NOW)), RevocationCheck::NotChecked)
        .map(drop)
}

/// The name of an error in file names: `IssuerId(Empty)` is `issuer_id`. The name of a JSON error has its kind. All
/// mismatches have the name `json_shape`.
fn name(error: Error) -> String {
    let debug = match error {
        Error::Json(error) if error.kind.is_mismatch() => "JsonShape".to_owned(),
        Error::Validity(ValidityError::Order) => "ValidityOrder".to_owned(),
        Error::Validity(error) => format!("{error:?}"),
        Error::Json(error) => format!("Json{:?}", error.kind),
        error => format!("{error:?}"),
    };
    let mut name = String::new();
    for letter in debug.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn the_corpus_is_accepted() {
    for (file, text) in vectors("cert/accept") {
        assert_eq!(parse_and_verify(&text), Ok(()), "{file}");
    }
}

/// The certificates of the firmware's measurements are good, and are for its keys.
#[test]
fn the_measured_certificates_are_accepted() {
    for size in SIZES {
        for (subject, secret) in certificate_corpus::ENDS {
            let file = format!("{subject}-{}", size.bits());
            let text = fs::read(vector_path("cert/cost").join(&file)).expect("the corpus is whole");
            let certificate = Certificate::parse(&text).expect(&file);
            let verified = verify(
                Portable::new(),
                &anchor(size),
                &certificate,
                Now::Exact(time(NOW)),
                RevocationCheck::NotChecked,
            );
            let key = KeyPair::from_secret(Portable::new(), Secret::new(secret));
            let fits = verified.and_then(|v| v.require_subject(id(subject))?.require_key(key.public()));
            assert!(fits.is_ok(), "{file}: {fits:?}");
        }
    }
}

#[test]
fn the_corpus_is_refused_as_named() {
    for (file, text) in vectors("cert/refuse") {
        let error = parse_and_verify(&text).expect_err(&file);
        assert_eq!(file.split('-').next(), Some(&*name(error)), "{file}: {error}");
    }
}

#[test]
fn the_corpus_fails_each_check_that_looks_at_a_certificate_alone() {
    let mut failed: Vec<Check> = vectors("cert/refuse")
        .iter()
        .map(|(file, text)| {
            parse_and_verify(text).expect_err(file).check().expect("an error of the certificate")
        })
        .collect();
    failed.sort();
    failed.dedup();
    // The other checks look at a status, or compare with the caller's expectation.
    let others = [Check::Status, Check::Revocation, Check::StatusTime, Check::SubjectKey, Check::Subject];
    let alone: Vec<Check> = Check::ALL.into_iter().filter(|check| !others.contains(check)).collect();
    assert_eq!(failed, alone);
    assert_eq!(Error::SubjectKeyMismatch.check(), Some(Check::SubjectKey));
    assert_eq!(Error::SubjectMismatch.check(), Some(Check::Subject));
    assert_eq!(Error::AnchorIncomplete.check(), None);
}

/// Writes the corpus if `MINIPKI_WRITE_VECTORS=1` is in the environment. Otherwise checks that it has the same files.
#[test]
fn the_corpus_is_whole() {
    let write = std::env::var_os("MINIPKI_WRITE_VECTORS").is_some();
    if write {
        let mut out = [0; ANCHOR];
        let anchor = anchor(KeySize::Bits2048);
        fs::write(vector_path(ANCHOR_FILE), anchor.encode(&mut out).unwrap()).unwrap();
    }
    let made = [
        ("cert/accept", certificate_corpus::accept()),
        ("cert/cost", certificate_corpus::cost()),
        ("cert/refuse", certificate_corpus::refuse()),
    ];
    for (name, mut files) in made {
        if write {
            let folder = vector_path(name);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            files.iter().for_each(|(file, text)| fs::write(folder.join(file), text).unwrap());
        }
        files.sort();
        let names =
            |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&vectors(name)), names(&files), "run again with MINIPKI_WRITE_VECTORS=1");
    }
}
