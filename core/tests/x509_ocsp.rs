//! OCSP responses: what is read, and each check.

use std::collections::BTreeSet;

use minipki_core::encoding::der::DerErrorKind;
use minipki_core::time::Now;
use minipki_core::x509::ocsp::{OcspCheck, OcspChecker, OcspError, OcspResponse, OcspStatus};
use minipki_core::x509::{Certificate, CertificateLink, CrlReason, Place};
use minipki_fixtures::x509::ocsp::{OcspFields, by_key, by_name, cert_id, corpus, responder, time};
use minipki_fixtures::x509::{Chain, Fields, NOW, sequence, tlv};
use minipki_fixtures::{check_page, check_vectors, openssl, vectors};

use crate::x509_algorithms::ALGORITHMS;

fn now() -> Now {
    Now::Exact(NOW.parse().expect("a time"))
}

/// The answer of the CA about the server's certificate 3.
fn good() -> OcspFields {
    OcspFields::good("Issuing CA", 2, &[3])
}

/// The same by a responder with a certificate of the CA.
fn delegated(certificate: &Fields) -> OcspFields {
    OcspFields { responder: by_key(7), signer: 7, certificates: vec![certificate.sign()], ..good() }
}

fn responder_certificate() -> Fields {
    responder("Responder", 7, "Issuing CA", 2)
}

fn check_der(der: &[u8], now: Now, nonce: Option<&[u8]>) -> Result<bool, OcspError> {
    let (leaf, ca) = (Chain::good().leaf.sign(), Chain::good().ca.sign());
    let (leaf, ca) = (Certificate::parse(&leaf).expect("a leaf"), Certificate::parse(&ca).expect("a CA"));
    let (issuer_key, issuer) = (ca.public_key(), Some(&ca));
    let link = CertificateLink { certificate: &leaf, place: Place::EndEntity, issuer_key, issuer };
    let checker = OcspChecker { algorithms: ALGORITHMS, now, nonce };
    checker.check(&link, &OcspResponse::parse(der).expect("a response"))
}

fn check(response: &OcspFields) -> Result<bool, OcspError> {
    check_der(&response.sign(), now(), None)
}

#[test]
fn an_answer_of_the_issuer_is_accepted() {
    assert_eq!(check(&good()), Ok(true));
    assert_eq!(check(&OcspFields { responder: by_name("Issuing CA"), ..good() }), Ok(true));
    assert_eq!(check(&OcspFields { id: cert_id("Issuing CA", 2, &[3], true), ..good() }), Ok(true));
    let other = OcspFields::good("Issuing CA", 2, &[4]);
    assert_eq!(check_der(&other.sign_with(&[good().single()]), now(), None), Ok(true), "the second answer");
}

#[test]
fn an_answer_of_a_certified_responder_is_accepted() {
    assert_eq!(check(&delegated(&responder_certificate())), Ok(true));
    let by_name = OcspFields { responder: by_name("Responder"), ..delegated(&responder_certificate()) };
    assert_eq!(check(&by_name), Ok(true));
}

#[test]
fn a_revoked_certificate_is_refused() {
    let revoked = |reason: &[u8]| {
        let status = [time("20260601000000Z"), reason.to_vec()].concat();
        match check(&OcspFields { status: tlv(0xa1, &status), ..good() }) {
            Err(OcspError::Revoked { revoked_at, reason }) => {
                assert_eq!(revoked_at.to_string(), "2026-06-01T00:00:00+00:00");
                reason
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(revoked(&[]), None);
    assert_eq!(revoked(&tlv(0xa0, &tlv(0x0a, &[1]))), Some(CrlReason::KeyCompromise));
    // One answer of two says that it is revoked.
    let revoked = OcspFields { status: tlv(0xa1, &time("20260601000000Z")), ..good() };
    let both = good().sign_with(&[revoked.single()]);
    assert!(matches!(check_der(&both, now(), None), Err(OcspError::Revoked { .. })));
}

#[test]
fn each_file_of_the_corpus_has_the_named_result() {
    let mut seen = BTreeSet::new();
    for (file, der) in vectors("x509/ocsp") {
        let result = match check_der(&der, now(), None) {
            Ok(certain) => {
                assert!(certain, "{file}");
                "accept"
            }
            Err(OcspError::Revoked { .. }) => "revoked",
            Err(OcspError::NoAnswer(_)) => "no_answer",
            Err(OcspError::Refused(check)) => {
                seen.insert(check);
                check.name()
            }
        };
        assert_eq!(file.split('-').next(), Some(result), "{file}");
    }
    let unseen: Vec<_> = OcspCheck::ALL.iter().filter(|check| !seen.contains(*check)).collect();
    assert_eq!(
        unseen,
        [&OcspCheck::Nonce, &OcspCheck::ResponderKey],
        "the nonce is an input, and keys of Ed25519 are good"
    );
}

#[test]
fn the_corpus_is_whole() {
    check_vectors("x509/ocsp", corpus());
}

#[test]
fn the_page_has_each_check_with_its_section() {
    check_page("x509-revocation.md", OcspCheck::ALL.iter().map(|check| (check.name(), check.section())));
}

#[test]
fn a_nonce_shows_that_the_answer_is_new() {
    let nonce = Some(&[7; 32][..]);
    let with_nonce = good().nonce(&[7; 32]);
    let refused = Err(OcspError::Refused(OcspCheck::Nonce));
    assert_eq!(check_der(&with_nonce.sign(), now(), nonce), Ok(true));
    assert_eq!(check_der(&good().sign(), now(), nonce), refused);
    assert_eq!(check_der(&good().nonce(&[8; 32]).sign(), now(), nonce), refused);
    assert_eq!(check_der(&with_nonce.sign(), now(), None), Ok(true), "no nonce was sent");
    // Without a clock only the nonce shows it.
    let at_least = Now::AtLeast(NOW.parse().expect("a time"));
    assert_eq!(check_der(&with_nonce.sign(), at_least, nonce), Ok(true));
    assert_eq!(check_der(&with_nonce.sign(), at_least, None), Ok(false));
    let without_next = OcspFields { times: time("20260615000000Z"), ..with_nonce };
    assert_eq!(check_der(&without_next.sign(), now(), nonce), Ok(true));
}

#[test]
fn answers_that_are_refused() {
    for (code, status) in [
        (1, OcspStatus::MalformedRequest),
        (2, OcspStatus::InternalError),
        (3, OcspStatus::TryLater),
        (5, OcspStatus::SigRequired),
        (6, OcspStatus::Unauthorized),
    ] {
        let der = sequence(&[tlv(0x0a, &[code])]);
        assert_eq!(check_der(&der, now(), None), Err(OcspError::NoAnswer(status)));
    }
    let refused = |der: &[u8]| OcspResponse::parse(der).expect_err("not a response").kind;
    for code in [0, 4, 7] {
        assert_eq!(refused(&sequence(&[tlv(0x0a, &[code])])), DerErrorKind::Value);
    }
    assert_eq!(refused(&OcspFields { status: tlv(0x80, &[0]), ..good() }.sign()), DerErrorKind::Trailing);
    assert_eq!(refused(&OcspFields { status: tlv(0x83, &[]), ..good() }.sign()), DerErrorKind::Tag);
    assert_eq!(
        refused(&OcspFields { times: tlv(0x17, b"260615000000Z"), ..good() }.sign()),
        DerErrorKind::Tag
    );
    let version = [tlv(0xa0, &tlv(2, &[0])), by_key(2)].concat();
    assert_eq!(refused(&OcspFields { responder: version, ..good() }.sign()), DerErrorKind::Version);
    assert_eq!(refused(&good().nonce(&[1]).nonce(&[1]).sign()), DerErrorKind::Duplicate);
    let der = delegated(&responder_certificate()).sign();
    for length in 0..der.len() {
        assert!(OcspResponse::parse(&der[..length]).is_err(), "cut at {length}");
    }
    assert_eq!(refused(&[&der[..], &[0]].concat()), DerErrorKind::Trailing);
}

/// Each change of a byte of a signed answer is refused, or leaves the signed part as it is.
#[test]
fn a_changed_answer_is_refused() {
    let der = delegated(&responder_certificate()).nonce(&[7; 8]).sign();
    let signed =
        |der: &[u8]| OcspResponse::parse(der).ok()?.basic().map(|basic| basic.signed().message.to_vec());
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let Ok(response) = OcspResponse::parse(&changed) else { continue };
        assert!(
            check_der(&changed, now(), None).is_err() || signed(&changed) == signed(&der),
            "byte {at}: {response:?}"
        );
    }
}

/// OpenSSL as responder, with a delegated certificate.
#[test]
fn answers_of_openssl() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let write =
        |name: &str, content: &str| std::fs::write(path(name), content).expect("the folder can be written");
    let ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
    let root = ["req", "-x509", "-keyout", &ca_key, "-out", &ca, "-subj", "/CN=CA", "-days", "30"];
    openssl(&[&root[..], &ec].concat(), b"");
    write(
        "responder.cnf",
        "extendedKeyUsage=OCSPSigning\nnoCheck=ignored\nkeyUsage=critical,digitalSignature\n",
    );
    write("leaf.cnf", "basicConstraints=CA:FALSE\n");
    for (name, serial) in [("responder", "16"), ("leaf", "17")] {
        let (key, out, config) =
            (path(&format!("{name}.key")), path(&format!("{name}.pem")), path(&format!("{name}.cnf")));
        let subject = format!("/CN={name}");
        let request = openssl(&[&["req", "-new", "-keyout", &key, "-subj", &subject], &ec[..]].concat(), b"");
        let sign = ["x509", "-req", "-CA", &ca, "-CAkey", &ca_key, "-set_serial", serial, "-days", "20"];
        openssl(&[&sign[..], &["-extfile", &config, "-out", &out]].concat(), &request);
    }
    let (leaf, responder) = (path("leaf.pem"), path("responder.pem"));
    let ask = |index: &str, hash: &str| {
        write("index.txt", index);
        let (request, answer) = (path("request.der"), path("answer.der"));
        let made = ["ocsp", hash, "-issuer", &ca, "-cert", &leaf, "-reqout", &request, "-nonce"];
        openssl(&made, b"");
        let (index, key) = (path("index.txt"), path("responder.key"));
        let serve =
            ["ocsp", "-index", &index, "-CA", &ca, "-rsigner", &responder, "-rkey", &key, "-ndays", "7"];
        openssl(&[&serve[..], &["-reqin", &request, "-respout", &answer]].concat(), b"");
        let text = openssl(&["ocsp", "-reqin", &request, "-req_text", "-noverify"], b"");
        (std::fs::read(answer).expect("an answer"), String::from_utf8(text).expect("text"))
    };
    let der = |path: &str| openssl(&["x509", "-in", path, "-outform", "DER"], b"");
    let (leaf_der, ca_der) = (der(&leaf), der(&ca));
    let (leaf, ca) =
        (Certificate::parse(&leaf_der).expect("a leaf"), Certificate::parse(&ca_der).expect("a CA"));
    let (issuer_key, issuer) = (ca.public_key(), Some(&ca));
    let link = CertificateLink { certificate: &leaf, place: Place::EndEntity, issuer_key, issuer };
    let verdict = |answer: &[u8]| {
        let response = OcspResponse::parse(answer).expect("a response");
        // The answer was made now.
        let basic = *response.basic().expect("an answer");
        let checker =
            |nonce| OcspChecker { algorithms: ALGORITHMS, now: Now::Exact(basic.produced_at()), nonce };
        assert_eq!(checker(None).check(&link, &response), checker(basic.nonce()).check(&link, &response));
        (checker(None).check(&link, &response), basic.nonce().map(<[u8]>::to_vec))
    };
    for hash in ["-sha1", "-sha256"] {
        let (answer, request) = ask("V\t490101000000Z\t\t11\tunknown\t/CN=leaf\n", hash);
        let (verdict_of_good, nonce) = verdict(&answer);
        assert_eq!(verdict_of_good, Ok(true), "{hash}");
        let nonce: String = nonce.expect("a nonce").iter().map(|byte| format!("{byte:02X}")).collect();
        assert!(request.replace([':', '\n', ' '], "").contains(&nonce), "{request}");
        let (answer, _) = ask("R\t490101000000Z\t260601010203Z,keyCompromise\t11\tunknown\t/CN=leaf\n", hash);
        let reason = Some(CrlReason::KeyCompromise);
        assert!(
            matches!(verdict(&answer).0, Err(OcspError::Revoked { reason: found, .. }) if found == reason)
        );
        let (answer, _) = ask("V\t490101000000Z\t\t12\tunknown\t/CN=b\n", hash);
        assert_eq!(verdict(&answer).0, Err(OcspError::Refused(OcspCheck::Known)));
    }
}
