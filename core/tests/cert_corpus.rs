//! The certificates of `vectors/cert/`: each is accepted, or refused with the error that its name says.

use std::fs;

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate, Error, verify};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::ANCHOR;
use minipki_core::time::Now;
use minipki_fixtures::certificates::{NOW, anchor, id, time};
use minipki_fixtures::rsa_keys::SIZES;
use minipki_fixtures::{certificate_corpus, vector_path, vectors};

/// The anchor to verify the corpus with.
const ANCHOR_FILE: &str = "cert/anchor.json";

fn judge(text: &[u8]) -> Result<(), Error> {
    let anchor = fs::read(vector_path(ANCHOR_FILE)).expect("the corpus has an anchor");
    let anchor = Anchor::decode::<Portable>(&anchor).expect("the anchor is good");
    let certificate = Certificate::parse(text)?;
    verify::<Portable>(&anchor, &certificate, Now::Exact(time(NOW))).map(drop)
}

/// The name of an error as the files have it: `IssuerId(Empty)` is `issuer_id`, and of JSON its kind too.
fn name(error: Error) -> String {
    let debug = match error {
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
        assert_eq!(judge(&text), Ok(()), "{file}");
    }
}

/// What the firmware measures with: good, and for the keys it has.
#[test]
fn the_measured_certificates_are_accepted() {
    for size in SIZES {
        for (subject, secret) in certificate_corpus::ENDS {
            let file = format!("{subject}-{}", size.bits());
            let text = fs::read(vector_path("cert/cost").join(&file)).expect("the corpus is whole");
            let certificate = Certificate::parse(&text).expect(&file);
            let verified = verify::<Portable>(&anchor(size), &certificate, Now::Exact(time(NOW)));
            let key = KeyPair::<Portable>::from_secret(Secret::new(secret));
            let fits = verified.and_then(|v| v.require_subject(id(subject))?.require_key(key.public()));
            assert!(fits.is_ok(), "{file}: {fits:?}");
        }
    }
}

#[test]
fn the_corpus_is_refused_as_named() {
    for (file, text) in vectors("cert/refuse") {
        let error = judge(&text).expect_err(&file);
        assert_eq!(file.split('-').next(), Some(&*name(error)), "{file}: {error}");
    }
}

/// With `MINIPKI_WRITE_VECTORS=1` in the environment, writes the corpus anew;
/// else sees to it that the same files lie there.
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
