//! The repository of a served CA: its documents, with openssl as their reader, and their caching.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use minipki_ca::RevocationList;
use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::http::{Fetched, get, request};
use minipki_tests::program::{Running, folder_with_alice, run, start};

use super::rollover::{fingerprint, made, rollover};
use super::x509_ca_certificate::{ders, write_ca_certificate};
use super::x509_ca_crl::{revoke, server, verify};

/// Serves the CA with its repository. Returns the address of the repository.
pub(crate) fn serve(at: &Path, more: &[&str]) -> (Running, String) {
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let mut program = start(at, &[&serve[..], more].concat());
    let address = program.address("the repository listens");
    program.address("serving");
    (program, address)
}

/// The authorityKeyIdentifier of certificates by the key of the CA certificate in this file.
pub(crate) fn key_id(at: &Path, name: &str) -> String {
    let file = at.join(name).display().to_string();
    let shown = openssl(&["x509", "-in", &file, "-noout", "-ext", "subjectKeyIdentifier"], b"");
    let shown = String::from_utf8(shown).expect("text");
    shown.lines().last().expect("a line").trim().replace(':', "").to_lowercase()
}

/// Fetches a document again and again until `done`. A change takes at most a second.
fn until(address: &str, path: &str, done: impl Fn(&Fetched) -> bool) -> Fetched {
    let begin = Instant::now();
    loop {
        let found = get(address, path).expect(200);
        if done(&found) {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", found.head);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn openssl_reads_the_certificate_and_the_list_and_sees_a_revocation_in_a_second() {
    let folder = made();
    let at = folder.path();
    let (program, address) = serve(at, &[]);
    // Nobody but the operator decides about the fields of the certificate, so a request does not make it.
    for path in ["/ca.crt", "/crl/0.crl"] {
        let missing = get(&address, path).expect(404).text();
        assert!(missing.contains("/crl.json\n") && missing.contains("minipki ca certificate"), "{missing}");
        assert!(!missing.contains("/ca.crt\n"), "{missing}");
    }
    write_ca_certificate(at, "made.pem");
    let [_, bad] = ["good.example", "bad.example"].map(|name| server(at, name));
    std::thread::sleep(Duration::from_millis(1100));

    let certificate = get(&address, "/ca.crt").expect(200);
    assert_eq!(certificate.header("content-type"), Some("application/pkix-cert"));
    assert_eq!(certificate.body, ders(&fs::read_to_string(at.join("made.pem")).expect("text"))[0]);
    let pem = get(&address, "/ca.pem").expect(200);
    fs::write(at.join("ca.pem"), &pem.body).expect("written");
    let list = get(&address, "/crl/0.crl").expect(200);
    assert_eq!(list.header("content-type"), Some("application/pkix-crl"));
    fs::write(at.join("0.crl"), &list.body).expect("written");
    for name in ["good.example.pem", "bad.example.pem"] {
        verify(openssl, at, ["ca.pem", "0.crl", name]);
    }
    // The same list again: it is made once.
    assert_eq!(get(&address, "/crl/0.crl").expect(200).body, list.body);
    let key = key_id(at, "ca.pem");
    assert_eq!(get(&address, &format!("/crl/{key}/0.crl")).expect(200).body, list.body);
    assert_eq!(get(&address, &format!("/ca/{key}.crt")).expect(200).body, certificate.body);

    let begin = Instant::now();
    revoke(at, &bad, "superseded");
    let revoked = until(&address, "/crl/0.crl", |found| found.body != list.body);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    fs::write(at.join("0.crl"), &revoked.body).expect("written");
    verify(openssl, at, ["ca.pem", "0.crl", "good.example.pem"]);
    let refused = verify(openssl_fails, at, ["ca.pem", "0.crl", "bad.example.pem"]);
    assert!(refused.contains("certificate revoked"), "{refused}");
    for (name, code) in [("good.example.pem", 0), ("bad.example.pem", 4)] {
        run(at, &["x509", "verify", name, "--trust", "ca.pem", "--crl", "0.crl"]).expect(code);
    }
    program.stop().expect(0);
}

#[test]
fn a_conditional_request_gets_a_document_only_if_it_has_changed() {
    let folder = folder_with_alice();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let (program, address) = serve(at, &["--list-lifetime", "10m"]);
    for path in ["/ca.crt", "/ca.pem", "/crl/0.crl", "/crl.json"] {
        let first = get(&address, path).expect(200);
        let [tag, modified, control] = ["etag", "last-modified", "cache-control"]
            .map(|name| first.header(name).expect("a header").to_owned());
        let age: u64 = control.strip_prefix("public, max-age=").expect("an age").parse().expect("a number");
        // A list is replaced at the half of its life.
        let most = if path.starts_with("/crl") { 300 } else { 3600 };
        assert!((most - 60..=most).contains(&age), "{path}: {control}");
        for known in [
            format!("If-None-Match: {tag}\r\n"),
            format!("If-None-Match: \"other\", W/{tag}\r\n"),
            "If-None-Match: *\r\n".to_owned(),
            format!("If-Modified-Since: {modified}\r\n"),
            // The tag decides alone.
            format!("If-None-Match: {tag}\r\nIf-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT\r\n"),
        ] {
            let same = request(&address, "GET", path, &known).expect(304);
            assert!(same.body.is_empty(), "{path}: {known}");
            let sent = ["etag", "last-modified"].map(|name| same.header(name).map(str::to_owned));
            assert_eq!(sent, [Some(tag.clone()), Some(modified.clone())]);
            assert!(same.header("cache-control").is_some() && same.header("content-type").is_none());
        }
        for unknown in [
            "If-None-Match: \"other\"\r\n".to_owned(),
            format!("If-None-Match: {}\r\n", tag.trim_matches('"')),
            "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT\r\n".to_owned(),
            "If-Modified-Since: no date\r\n".to_owned(),
            format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {modified}\r\n"),
        ] {
            let all = request(&address, "GET", path, &unknown).expect(200);
            assert_eq!(all.body, first.body, "{path}: {unknown}");
        }
        let head = request(&address, "HEAD", path, "").expect(200);
        assert_eq!(head.header("content-length"), Some(first.body.len().to_string().as_str()));
        assert!(head.body.is_empty() && head.header("etag") == Some(tag.as_str()));
    }

    let list = get(&address, "/crl.json").expect(200);
    assert_eq!(list.header("content-type"), Some("application/json"));
    let [tag, modified] = ["etag", "last-modified"].map(|name| list.header(name).expect("one").to_owned());
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"]).expect(0);
    until(&address, "/crl.json", |found| found.header("etag") != Some(&tag));
    request(&address, "GET", "/crl.json", &format!("If-None-Match: {tag}\r\n")).expect(200);
    request(&address, "GET", "/crl.json", &format!("If-Modified-Since: {modified}\r\n")).expect(200);
    program.stop().expect(0);
}

#[test]
fn the_json_list_verifies_and_the_x509_list_has_json_certificates_too() {
    let folder = folder_with_alice();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"]).expect(0);
    let (program, address) = serve(at, &[]);
    let text = get(&address, "/crl.json").expect(200).body;
    let anchor = fs::read(at.join("ca/anchor.json")).expect("read");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("an anchor");
    let list = RevocationList::verify(&anchor, &text).expect("signed by the CA");
    assert_eq!((list.number, list.revoked.len()), (1, 1));
    let same = get(&address, &format!("/crl/{}.json", fingerprint(at))).expect(200).body;
    assert_eq!(same, text);
    fs::write(at.join("list.json"), &text).expect("written");
    let verify =
        ["verify", "alice/certificate.json", "--anchor", "ca/anchor.json", "--revocations", "list.json"];
    let revoked = run(at, &verify).expect(4).stderr;
    assert!(revoked.contains("revoked"), "{revoked}");

    let crl = get(&address, "/crl/0.crl").expect(200).body;
    let shown = openssl(&["crl", "-inform", "DER", "-noout", "-text"], &crl);
    let shown = String::from_utf8(shown).expect("text");
    let serial = format!("Serial Number: {:X}", list.revoked[0].serial_number);
    assert!(
        shown.contains("Serial Number: ") && shown.replace("Number: 0", "Number: ").contains(&serial),
        "{shown}"
    );
    program.stop().expect(0);
}

#[test]
fn after_a_change_of_the_key_each_key_has_its_documents() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "old.pem");
    let old = key_id(at, "old.pem");
    let old_fingerprint = fingerprint(at);
    let [first, _] = ["a.example", "b.example"].map(|name| server(at, name));
    rollover(at, &[]).expect(0);
    // The new key has no X.509 certificate yet.
    let (program, address) = serve(at, &[]);
    get(&address, "/ca.crt").expect(404);
    let named = get(&address, "/").expect(404).text();
    for path in
        [format!("/ca/{old}.crt"), format!("/crl/{old}/0.crl"), format!("/crl/{old_fingerprint}.json")]
    {
        assert!(named.contains(&format!("{path}\n")), "{named}");
        get(&address, &path).expect(200);
    }
    program.stop().expect(0);
    write_ca_certificate(at, "new.pem");
    let new = key_id(at, "new.pem");
    let [second, _] = ["c.example", "d.example"].map(|name| server(at, name));
    revoke(at, &first, "superseded");
    revoke(at, &second, "superseded");

    let (program, address) = serve(at, &[]);
    let body = |path: &str| get(&address, path).expect(200).body;
    assert_eq!(body("/ca.crt"), body(&format!("/ca/{new}.crt")));
    assert_eq!(body("/crl/0.crl"), body(&format!("/crl/{new}/0.crl")));
    for (name, key) in [("old", &old), ("new", &new)] {
        fs::write(at.join(format!("{name}.crl")), body(&format!("/crl/{key}/0.crl"))).expect("written");
        let pem = fs::read_to_string(at.join(format!("{name}.pem"))).expect("text");
        assert_eq!(body(&format!("/ca/{key}.crt")), ders(&pem)[0]);
        // Its own certificate, and the one by the other key.
        let text = String::from_utf8(body(&format!("/ca/{key}.pem"))).expect("text");
        assert!(text.starts_with(&pem) && ders(&text).len() == 2, "{text}");
        fs::write(at.join(format!("{name}-cross.pem")), &text[pem.len()..]).expect("written");
    }
    for (name, good, bad) in [("old", "b", "a"), ("new", "d", "c")] {
        let (root, list) = (format!("{name}.pem"), format!("{name}.crl"));
        verify(openssl, at, [&root, &list, &format!("{good}.example.pem")]);
        let refused = verify(openssl_fails, at, [&root, &list, &format!("{bad}.example.pem")]);
        assert!(refused.contains("certificate revoked"), "{refused}");
    }
    let file = |name: &str| at.join(name).display().to_string();
    for (root, cross, leaf) in [("old", "new-cross", "d"), ("new", "old-cross", "b")] {
        let [root, cross, leaf] =
            [root, cross, &format!("{leaf}.example")].map(|name| file(&format!("{name}.pem")));
        openssl(&["verify", "-x509_strict", "-CAfile", &root, "-untrusted", &cross, &leaf], b"");
    }
    program.stop().expect(0);
}

#[test]
fn what_is_not_there_is_refused_with_a_small_answer() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let (program, address) = serve(at, &[]);
    let zeros = "0".repeat(40);
    for path in [
        "/",
        "/ocsp/",
        "/crl/1.crl",
        "/crl/",
        "/crl/0.crl/",
        "/crl/..%2f..%2fca-key.pem",
        "/ca/..%2f..%2fca-key.pem",
        "/../ca-key.pem",
        "/ca-key.pem",
        "/ledger.sqlite",
        "/ca/%00.crt",
        "/ca/%ff.crt",
        &format!("/ca/{zeros}.crt"),
        &format!("/crl/{zeros}/0.crl"),
        &format!("/crl/{}.json", "0".repeat(64)),
        &format!("/ca/{}.crt", key_id(at, "ca.pem").to_uppercase()),
    ] {
        let refused = get(&address, path);
        assert!(matches!(refused.status, 400 | 404), "{path}: {}", refused.head);
        assert!(refused.body.len() < 4096 && !refused.body.is_empty(), "{path}");
        if refused.status == 404 {
            assert!(refused.text().contains("/crl/0.crl\n"), "{path}: {}", refused.text());
            assert_eq!(refused.header("cache-control"), Some("no-store"));
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let refused = request(&address, method, "/ca.crt", "Content-Length: 0\r\n").expect(405);
        assert!(refused.header("allow").is_some_and(|allow| allow.contains("GET")), "{}", refused.head);
        assert!(refused.text().contains("can only be read"), "{}", refused.text());
    }
    program.stop().expect(0);
}
