//! OCSP over HTTP by the repository of a served CA. openssl is the client.

use std::fs;
use std::path::Path;

use minipki_tests::http::{Fetched, get, raw, request};
use minipki_tests::x509::{openssl, openssl_succeeds};

use super::repository::serve;
use super::rollover::{fingerprint, made, rollover};
use super::x509_ca_certificate::write_ca_certificate;
use super::x509_ca_crl::{revoke, server};

/// OCSPResponse with the status malformedRequest.
const MALFORMED: &[u8] = &[0x30, 3, 10, 1, 1];

/// The answer that openssl gets about a certificate, under the trusted `root`.
fn ask(at: &Path, address: &str, root: &str, certificate: &str, more: &[&str]) -> String {
    let url = format!("http://{address}/ocsp");
    let ask = ["ocsp", "-url", &url, "-issuer", root, "-CAfile", root];
    let done = openssl(at, &[&ask[..], more, &["-cert", certificate]].concat());
    let shown = format!("{}{}", String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    assert!(shown.contains("Response verify OK") && !shown.contains("WARNING"), "{shown}");
    shown
}

/// A request of openssl about a certificate, in the path of a URL.
fn path(at: &Path, certificate: &str) -> String {
    openssl_succeeds(
        at,
        &["ocsp", "-issuer", "ca.pem", "-cert", certificate, "-no_nonce", "-reqout", "request.der"],
    );
    let base64 = openssl(at, &["base64", "-A", "-in", "request.der"]).stdout;
    let encoded = |c| match c {
        b'+' => "%2B".to_owned(),
        b'/' => "%2F".to_owned(),
        b'=' => "%3D".to_owned(),
        c => char::from(c).to_string(),
    };
    format!("/ocsp/{}", base64.into_iter().map(encoded).collect::<String>())
}

fn post(address: &str, kind: &str, body: &[u8]) -> Fetched {
    let head = format!(
        "POST /ocsp HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    raw(address, &[head.as_bytes(), body].concat())
}

#[test]
fn openssl_asks_the_served_ca_and_sees_a_revocation_at_once() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let [_, bad] = ["good.example", "bad.example"].map(|name| server(at, name));
    let (program, address) = serve(at, &[]);
    for more in [&["-nonce"][..], &["-no_nonce"], &["-sha256"]] {
        for name in ["good.example.pem", "bad.example.pem"] {
            let shown = ask(at, &address, "ca.pem", name, more);
            assert!(shown.contains(&format!("{name}: good")), "{shown}");
        }
    }
    revoke(at, &bad, "superseded");
    let shown = ask(at, &address, "ca.pem", "bad.example.pem", &["-no_nonce"]);
    assert!(shown.contains("bad.example.pem: revoked") && shown.contains("Reason: superseded"), "{shown}");
    assert!(ask(at, &address, "ca.pem", "good.example.pem", &[]).contains("good.example.pem: good"));
    program.stop();
}

#[test]
fn the_key_that_has_signed_a_certificate_states_its_status_after_a_change() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    server(at, "early.example");
    let before = fingerprint(at);
    rollover(at, &[]).expect(0);
    assert_ne!(fingerprint(at), before);
    write_ca_certificate(at, "next.pem");
    server(at, "late.example");
    let (program, address) = serve(at, &[]);
    for (root, name) in [("ca.pem", "early.example.pem"), ("next.pem", "late.example.pem")] {
        let shown = ask(at, &address, root, name, &[]);
        assert!(shown.contains(&format!("{name}: good")), "{shown}");
    }
    program.stop();
}

#[test]
fn a_cache_can_keep_an_answer_to_get() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    server(at, "www.example");
    let (program, address) = serve(at, &[]);
    let path = path(at, "www.example.pem");
    let first = get(&address, &path).expect(200);
    assert_eq!(first.header("content-type"), Some("application/ocsp-response"));
    let caching = first.header("cache-control").expect("caching");
    let age = caching.strip_prefix("public, max-age=").and_then(|age| age.parse::<u64>().ok());
    assert_eq!(age, Some(3600), "{caching}");
    assert_eq!(get(&address, &path).expect(200).body, first.body);
    let tag = first.header("etag").expect("a tag");
    assert!(
        request(&address, "GET", &path, &format!("If-None-Match: {tag}\r\n")).expect(304).body.is_empty()
    );
    // A client may leave out the percent-encoding.
    let plain = path.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    assert_eq!(get(&address, &plain).expect(200).body, first.body);
    let posted = post(&address, "application/ocsp-request", &fs::read(at.join("request.der")).expect("DER"));
    assert_eq!(posted.header("cache-control"), Some("no-store"));
    assert_eq!(posted.expect(200).body, first.body);
    program.stop();
}

#[test]
fn what_is_no_request_gets_a_refusal() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let (program, address) = serve(at, &[]);
    for path in ["/ocsp/AAAA", "/ocsp/!", "/ocsp/MAA", "/ocsp/%00", "/ocsp//"] {
        let refused = get(&address, path).expect(200);
        assert_eq!(refused.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(refused.body, MALFORMED, "{path}");
    }
    assert_eq!(post(&address, "application/ocsp-request", &[]).expect(200).body, MALFORMED);
    assert_eq!(post(&address, "APPLICATION/ocsp-request; a=b", &[0x30]).expect(200).body, MALFORMED);
    let other = post(&address, "application/json", b"{}").expect(415).text();
    assert!(other.contains("application/ocsp-request"), "{other}");
    post(&address, "application/ocsp-request", &[0; 8193]).expect(413);
    let missing = get(&address, "/ocsp").expect(404).text();
    assert!(missing.contains("POST"), "{missing}");
    program.stop();
}
