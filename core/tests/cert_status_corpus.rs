//! The statuses of `vectors/status/`: each is accepted, or refused with the error in its name.

use minipki_core::cert::{Certificate, Error, verify};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, StatusError, StatusPolicy, StatusRule};
use minipki_fixtures::certificates::{NOW, anchor, issue, sample, time};
use minipki_fixtures::rsa_keys::public;
use minipki_fixtures::{anchors, check_vectors, status_corpus, vectors};

const SIZE: KeySize = KeySize::Bits2048;

/// Verifies the sample certificate with a status that is required.
fn check(status: &[u8]) -> Result<(), Error> {
    let text = issue(&sample(&public(SIZE)), SIZE);
    let policy = StatusPolicy { rule: StatusRule::Required, lowest_number: 0 };
    let revocation = RevocationCheck::Status { status: Some(status), policy };
    verify(Portable::new(), &anchor(SIZE), &Certificate::parse(&text)?, Now::Exact(time(NOW)), revocation)
        .map(drop)
}

/// The name of an error in file names: `StatusIssuer` is `status_issuer`. A malformed field has its own name. The name
/// of a JSON error has its kind. All mismatches have the name `json_shape`.
fn name(error: Error) -> String {
    let debug = match error {
        Error::StatusField(name) => return name.to_owned(),
        Error::StatusJson(error) if error.kind.is_mismatch() => "JsonShape".to_owned(),
        Error::StatusJson(error) => format!("Json{:?}", error.kind),
        Error::Status(StatusError::Revoked(_)) => "Revoked".to_owned(),
        Error::Status(error) => format!("{error:?}"),
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
    for (file, text) in vectors("status/accept") {
        assert_eq!(check(&text), Ok(()), "{file}");
    }
}

#[test]
fn the_corpus_is_refused_as_named() {
    for (file, text) in vectors("status/refuse") {
        let error = check(&text).expect_err(&file);
        assert_eq!(file.split('-').next(), Some(&*name(error)), "{file}: {error}");
    }
}

#[test]
fn the_corpus_is_whole() {
    check_vectors("status/accept", status_corpus::accept());
    check_vectors("status/cost", status_corpus::cost());
    check_vectors("anchor/cost", anchors::cost());
    check_vectors("status/refuse", status_corpus::refuse());
}
