//! The certificates of `vectors/cert/`: each is accepted, or refused with the error that its name says.

use std::fs;
use std::path::Path;

use minipki_core::cert::{Anchor, Certificate, Error, verify};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::limits::ANCHOR;
use minipki_core::text::Now;
use minipki_tests::certificates::{NOW, anchor, time};
use minipki_tests::{certificate_corpus, vectors};

/// Where the corpus lies.
fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/cert")
}

fn judge(text: &[u8]) -> Result<(), Error> {
    let anchor = fs::read(folder().join("anchor.json")).expect("the corpus has an anchor");
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
        fs::write(folder().join("anchor.json"), anchor.encode(&mut out).unwrap()).unwrap();
    }
    for (kind, mut files) in
        [("accept", certificate_corpus::accept()), ("refuse", certificate_corpus::refuse())]
    {
        let folder = folder().join(kind);
        if write {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        }
        files.sort();
        let stored = vectors(&format!("cert/{kind}"));
        let names =
            |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&stored), names(&files), "run again with MINIPKI_WRITE_VECTORS=1");
    }
}
