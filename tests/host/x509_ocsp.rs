//! OCSP by the built program and by a CA that is served. openssl and ocsptool make the requests, and read the answers.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use minipki_ca::{OcspAnswer, OcspQuery, Policy};
use minipki_core::x509::ocsp::{OcspError, OcspResponse, OcspStatus};
use minipki_keys::SignerKind;
use minipki_ledger::Accept;
use minipki_provider::HostProvider;
use minipki_server::{CaOptions, CaService, Limits};
use minipki_tests::program::{Done, run, start};
use minipki_tests::server::now;
use minipki_tests::x509::{openssl, openssl_succeeds};

use super::rollover::{made, rollover};
use super::x509_ca_certificate::{count, ders, write_ca_certificate};
use super::x509_ca_crl::{revoke, server};
use super::x509_ocsp_responder::verdict;
use super::x509_sign::serial;

/// A request of openssl about `certificates`, in the file `request.der` and as bytes.
fn request(at: &Path, issuer: &str, certificates: &[&str], more: &[&str]) -> Vec<u8> {
    let certificates: Vec<_> = certificates.iter().flat_map(|name| ["-cert", name]).collect();
    let ask = ["ocsp", "-issuer", issuer, "-reqout", "request.der"];
    // The hash function is for the certificates after it.
    openssl_succeeds(at, &[&ask[..], more, &certificates].concat());
    fs::read(at.join("request.der")).expect("a request")
}

/// The verdict of openssl on the file `response.der`, for `certificate` under the trusted `root`.
fn read(at: &Path, root: &str, certificate: &str, more: &[&str]) -> String {
    let with = ["ocsp", "-issuer", root, "-CAfile", root, "-reqin", "request.der", "-respin", "response.der"];
    // Without this option, openssl replaces the nonce of the request.
    let done = openssl(at, &[&with[..], &["-no_nonce"], more, &["-cert", certificate]].concat());
    format!("{}{}", String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout))
}

fn expect(shown: &str, texts: &[&str]) {
    for text in ["Response verify OK"].iter().chain(texts) {
        assert!(shown.contains(text), "{text}: {shown}");
    }
}

fn respond(at: &Path, more: &[&str]) -> Done {
    let files = ["--request", "request.der", "--out", "response.der"];
    run(at, &[&["ca", "ocsp", "--dir", "ca"], &files[..], more].concat())
}

#[test]
fn openssl_accepts_the_answers_about_each_state() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let pems = ["good.example", "bad.example", "held.example"].map(|name| server(at, name));
    revoke(at, &pems[1], "key_compromise");
    revoke(at, &pems[2], "certificate_hold");
    let before = count(at);
    for hash in ["-sha1", "-sha256"] {
        for nonce in ["-nonce", "-no_nonce"] {
            for (name, states) in [
                ("good.example.pem", &["good.example.pem: good"][..]),
                ("bad.example.pem", &["bad.example.pem: revoked", "Reason: keyCompromise"]),
                ("held.example.pem", &["held.example.pem: revoked", "Reason: certificateHold"]),
            ] {
                request(at, "ca.pem", &[name], &[hash, nonce]);
                let done = respond(at, &[]).expect(0);
                assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
                let shown = read(at, "ca.pem", name, &[hash]);
                expect(&shown, states);
                assert!(!shown.contains("WARNING") && !shown.contains("onc"), "{shown}");
            }
        }
    }
    assert_eq!(count(at), before, "the CA's key has signed, and nothing is recorded");

    // Several certificates, also by their serial number, and one that was never issued.
    request(at, "ca.pem", &["good.example.pem", "bad.example.pem"], &["-serial", "0x1234"]);
    respond(at, &["--lifetime", "1h"]).expect(0);
    let shown = read(at, "ca.pem", "good.example.pem", &["-serial", "0x1234", "-resp_text"]);
    expect(&shown, &["good.example.pem: good", "0x1234: unknown", "Cert Status: revoked"]);
    let time = |name: &str| shown.lines().find(|line| line.contains(name)).expect("a time").to_owned();
    assert_ne!(time("This Update"), time("Next Update"));

    // The end of a hold is in the next answer.
    run(at, &["ca", "unhold", "--dir", "ca", "--serial", &serial(&pems[2])]).expect(0);
    request(at, "ca.pem", &["held.example.pem"], &[]);
    respond(at, &[]).expect(0);
    expect(&read(at, "ca.pem", "held.example.pem", &[]), &["held.example.pem: good"]);
    let read = |name: &str| fs::read_to_string(at.join(name)).expect("PEM");
    let (ca, held) = (ders(&read("ca.pem")), ders(&read("held.example.pem")));
    let response = fs::read(at.join("response.der")).expect("a response");
    assert_eq!(verdict(&ca[0], &held[0], &response, None, now()), Ok(true));
    let shown = run(at, &["inspect", "response.der"]).expect(0).stdout;
    assert!(shown.contains("responseStatus") && shown.contains("successful"), "{shown}");
}

#[test]
fn a_request_without_an_answer_says_why() {
    let folder = made();
    let at = folder.path();
    // Without an X.509 certificate of the CA, and nothing is made.
    let other = made();
    write_ca_certificate(other.path(), "ca.pem");
    fs::copy(other.path().join("ca.pem"), at.join("other.pem")).expect("copied");
    let status = |expected: OcspStatus| {
        let done = respond(at, &[]).expect(0);
        assert!(done.stderr.contains(expected.name()), "{}", done.stderr);
        let response = fs::read(at.join("response.der")).expect("a response");
        assert_eq!(OcspResponse::parse(&response).expect("a response").status(), expected);
    };
    request(at, "other.pem", &["other.pem"], &[]);
    status(OcspStatus::Unauthorized);
    assert_eq!(count(at), 0);
    write_ca_certificate(at, "ca.pem");
    status(OcspStatus::Unauthorized);
    fs::write(at.join("request.der"), b"GET / HTTP/1.1\r\n").expect("written");
    status(OcspStatus::MalformedRequest);
    fs::write(at.join("request.der"), b"").expect("written");
    status(OcspStatus::MalformedRequest);

    let refused = run(at, &["ca", "ocsp", "--dir", "ca", "--request", "no.der"]).expect(1);
    assert!(refused.stderr.contains("no.der"), "{}", refused.stderr);
    request(at, "ca.pem", &["ca.pem"], &[]);
    let refused = run(at, &["ca", "ocsp", "--dir", "ca", "--request", "request.der", "--out", "ca.pem"]);
    let refused = refused.expect(1);
    assert!(refused.stderr.contains("is not an OCSP response"), "{}", refused.stderr);
    for lifetime in ["59s", "8d"] {
        let refused = respond(at, &["--lifetime", lifetime]).expect(2);
        assert!(refused.stderr.contains("from 60s to 7d"), "{}", refused.stderr);
    }
}

#[test]
fn after_a_change_of_the_key_each_key_answers_for_its_certificates() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "old.pem");
    let first = server(at, "a.example");
    rollover(at, &[]).expect(0);
    write_ca_certificate(at, "new.pem");
    server(at, "b.example");
    revoke(at, &first, "superseded");
    for (root, certificate, state) in
        [("old.pem", "a.example.pem", "revoked"), ("new.pem", "b.example.pem", "good")]
    {
        request(at, root, &[certificate], &[]);
        respond(at, &[]).expect(0);
        expect(&read(at, root, certificate, &[]), &[&format!("{certificate}: {state}")]);
    }
    // The new key has not signed the first certificate.
    request(at, "new.pem", &["a.example.pem"], &[]);
    respond(at, &[]).expect(0);
    expect(&read(at, "new.pem", "a.example.pem", &[]), &["a.example.pem: unknown"]);
}

#[test]
fn ocsptool_accepts_the_answers() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let pem = server(at, "www.example");
    let tool = |arguments: &[&str]| {
        let run = Command::new("ocsptool").args(arguments).current_dir(at).output();
        let done = run.expect("this test needs ocsptool: install the package gnutls-bin");
        let shown = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{shown}{}", String::from_utf8_lossy(&done.stderr));
        shown
    };
    let cert = ["--load-issuer", "ca.pem", "--load-cert", "www.example.pem"];
    let ask = [&cert[..], &["--generate-request", "--outfile", "request.der"]].concat();
    for state in ["good", "revoked"] {
        let _ = fs::remove_file(at.join("request.der"));
        tool(&ask);
        respond(at, &[]).expect(0);
        let trust = ["--load-trust", "ca.pem", "--load-response", "response.der"];
        let shown = tool(&[&["--verify-response"], &trust[..]].concat());
        assert!(shown.contains("Success."), "{shown}");
        let shown = tool(&["--response-info", "--load-response", "response.der"]);
        assert!(shown.contains(&format!("Certificate Status: {state}")), "{shown}");
        if state == "good" {
            revoke(at, &pem, "superseded");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_ca_answers_with_a_key_of_its_own_for_this() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let pem = server(at, "www.example");
    let before = count(at);
    let service = Arc::new(CaService::open(HostProvider::default(), &at.join("ca")).expect("a CA"));
    let ask = |request: Vec<u8>| {
        let service = service.clone();
        async move { service.ocsp(&request, None).await }
    };
    let plain = request(at, "ca.pem", &["www.example.pem"], &["-no_nonce"]);
    assert_eq!(ask(plain.clone()).await, OcspAnswer::error(OcspStatus::TryLater), "it is not served");
    let options = CaOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        policy: Policy { ocsp_lifetime: Duration::from_secs(3600), ..Policy::default() },
        signer: SignerKind::Auto,
        limits: Limits::default(),
        accept: Accept::default(),
        tap: None,
    };
    service.start(options).await.expect("served");
    assert_eq!(count(at), before, "the responder's key is made by need");
    assert_eq!(ask(vec![0x30]).await, OcspAnswer::error(OcspStatus::MalformedRequest));
    assert_eq!(ask(vec![0; OcspQuery::BYTES + 1]).await, OcspAnswer::error(OcspStatus::MalformedRequest));
    assert_eq!(count(at), before);

    let first = ask(plain.clone()).await;
    let times = first.shared.expect("for everybody");
    assert_eq!(times.next_update.get() - times.produced_at.get(), 3600);
    assert_eq!(times.next_update.get() - times.replaced_at.get(), 1800);
    fs::write(at.join("response.der"), &first.der).expect("written");
    let shown = read(at, "ca.pem", "www.example.pem", &["-resp_text"]);
    expect(&shown, &["www.example.pem: good", "Responder Id: ", "Subject: CN=minipki-ca-ocsp"]);
    for text in ["OCSP Signing", "OCSP No Check", "Key Usage: critical\n                Digital Signature\n"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let ca = ders(&fs::read_to_string(at.join("ca.pem")).expect("PEM"));
    assert_eq!(verdict(&ca[0], &ders(&pem)[0], &first.der, None, now()), Ok(true));
    assert_eq!(count(at), before + 1);
    let again = ask(plain.clone()).await;
    assert!(again.repeated && again.der == first.der);

    // With a nonce, it is always another one.
    for _ in 0..2 {
        let fresh = ask(request(at, "ca.pem", &["www.example.pem"], &["-nonce"])).await;
        assert!(fresh.shared.is_none() && !fresh.repeated);
        fs::write(at.join("response.der"), &fresh.der).expect("written");
        let shown = read(at, "ca.pem", "www.example.pem", &[]);
        expect(&shown, &["www.example.pem: good"]);
        assert!(!shown.contains("WARNING"), "{shown}");
    }

    // A revocation by another process is in the next answer.
    revoke(at, &pem, "superseded");
    let next = ask(plain.clone()).await;
    assert!(!next.repeated);
    request(at, "ca.pem", &["www.example.pem"], &["-no_nonce"]);
    fs::write(at.join("response.der"), &next.der).expect("written");
    expect(&read(at, "ca.pem", "www.example.pem", &[]), &["revoked", "Reason: superseded"]);
    let refused = verdict(&ca[0], &ders(&pem)[0], &next.der, None, now());
    assert!(matches!(refused, Err(OcspError::Revoked { .. })), "{refused:?}");
    assert_eq!(count(at), before + 1, "one certificate of the responder");
    let summary = service.running().expect("it runs").summary();
    assert_eq!((summary.statuses, summary.refused), (5, 2));
    service.stop().await.expect("stopped");
    assert_eq!(ask(plain).await, OcspAnswer::error(OcspStatus::TryLater));
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn the_program_answers_beside_a_served_ca() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    server(at, "www.example");
    let mut served = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    served.address("serving");
    request(at, "ca.pem", &["www.example.pem"], &[]);
    respond(at, &[]).expect(0);
    expect(&read(at, "ca.pem", "www.example.pem", &[]), &["www.example.pem: good"]);
    served.stop().expect(0);
}
