//! OCSP requests: what is read, and what is refused.

use std::collections::BTreeSet;

use minipki_core::encoding::der::DerErrorKind;
use minipki_core::x509::ocsp::{CertIdHash, OcspRequest};
use minipki_fixtures::x509::ocsp::cert_id;
use minipki_fixtures::x509::ocsp_request::{RequestFields, corpus};
use minipki_fixtures::{check_vectors, openssl, vectors};
use proptest::prelude::*;

use crate::x509_corpus::snake_case;

#[test]
fn each_file_of_the_corpus_has_the_named_result() {
    let mut seen = BTreeSet::new();
    for (file, der) in vectors("x509/ocsp_request") {
        let result = match OcspRequest::parse(&der) {
            Ok(request) if request.has_unknown_critical() => "critical".to_owned(),
            Ok(_) => "accept".to_owned(),
            Err(error) => {
                assert!(error.at <= der.len(), "{file}");
                snake_case(error.kind)
            }
        };
        assert_eq!(file.split('-').next(), Some(&*result), "{file}");
        seen.insert(result);
    }
    assert_eq!(seen.len(), 11, "{seen:?}");
}

#[test]
fn the_corpus_is_whole() {
    check_vectors("x509/ocsp_request", corpus());
}

#[test]
fn each_shorter_and_longer_request_is_refused() {
    for (file, der) in vectors("x509/ocsp_request") {
        if OcspRequest::parse(&der).is_err() {
            continue;
        }
        for length in 0..der.len() {
            assert!(OcspRequest::parse(&der[..length]).is_err(), "{file} cut at {length}");
        }
        let longer = [&der[..], &[0]].concat();
        assert_eq!(OcspRequest::parse(&longer).expect_err(&file).kind, DerErrorKind::Trailing, "{file}");
    }
}

proptest! {
    #[test]
    fn a_request_has_what_was_written(
        serials in prop::collection::vec(prop::collection::vec(1..0x80_u8, 1..20), 1..20),
        sha256: bool,
        nonce in prop::option::of(prop::collection::vec(any::<u8>(), 1..=128)),
    ) {
        let ids: Vec<_> = serials.iter().map(|serial| cert_id("CA", 2, serial, sha256)).collect();
        let mut fields = RequestFields::new(ids.clone());
        if let Some(nonce) = &nonce {
            fields = fields.nonce(nonce);
        }
        let der = fields.to_der();
        let request = OcspRequest::parse(&der).expect("well formed");
        prop_assert_eq!(request.nonce(), nonce.as_deref());
        prop_assert!(!request.has_unknown_critical());
        let found: Vec<_> = request.certificates().collect();
        prop_assert_eq!(found.len(), serials.len());
        for ((found, serial), id) in found.iter().zip(&serials).zip(&ids) {
            prop_assert_eq!((found.id.serial, found.der), (&serial[..], &id[..]));
            let hash = if sha256 { CertIdHash::Sha256 } else { CertIdHash::Sha1 };
            prop_assert_eq!(found.id.hash, Some(hash));
        }
    }

    #[test]
    fn a_changed_request_is_read_without_a_panic(at in 0..4096_usize, to: u8, file in 0..64_usize) {
        let files = corpus();
        let (_, mut der) = files[file % files.len()].clone();
        let at = at % der.len();
        der[at] = to;
        if let Ok(request) = OcspRequest::parse(&der) {
            prop_assert!(request.certificates().count() > 0);
            prop_assert!(request.nonce().is_none_or(|nonce| (1..=128).contains(&nonce.len())));
        }
    }
}

#[test]
fn requests_of_openssl() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (ca, key, request) = (path("ca.pem"), path("ca.key"), path("request.der"));
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    let root = ["req", "-x509", "-keyout", &key, "-out", &ca, "-subj", "/CN=CA", "-set_serial", "17"];
    openssl(&[&root[..], &ec].concat(), b"");
    let ask = |more: &[&str]| {
        let made = ["ocsp", "-issuer", &ca, "-cert", &ca, "-reqout", &request];
        openssl(&[&made[..], more].concat(), b"");
        std::fs::read(&request).expect("a request")
    };
    for (more, certificates, has_nonce) in [
        (&["-no_nonce"][..], 1, false),
        (&["-nonce"], 1, true),
        (&["-no_nonce", "-sha256", "-serial", "18"], 2, false),
        (&["-no_nonce", "-signer", &ca, "-signkey", &key], 1, false),
    ] {
        let der = ask(more);
        let read = OcspRequest::parse(&der).expect("a request");
        assert_eq!(
            (read.certificates().count(), read.nonce().is_some()),
            (certificates, has_nonce),
            "{more:?}"
        );
        assert!(!read.has_unknown_critical(), "{more:?}");
        assert_eq!(read.certificates().next().map(|single| single.id.serial), Some(&[17][..]));
    }
}
