//! The X.509 twin of an identity with the built program: openssl, the CRL, renewals, changes of the CA's key, and failures.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use minipki_core::wire::{Code, Response};
use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::ca::mode;
use minipki_tests::kill_points::{KillPoint, WRITES, at_each};
use minipki_tests::program::{Done, folder_with_alice, run, start};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::cli::{enrolled, served};
use super::rollover::rollover;
use super::x509_ca_certificate::{ca_certificate, described, write_ca_certificate};

const TWIN: &str = "alice/certificate.pem";

fn fetch(at: &Path) -> Done {
    run(at, &["x509", "fetch", "--identity", "alice"])
}

fn read(at: &Path, name: &str) -> String {
    fs::read_to_string(at.join(name)).expect("a file of text")
}

fn serial(at: &Path) -> String {
    serde_json::from_str::<Value>(&read(at, "alice/certificate.json")).expect("JSON")["serial_number"]
        .to_string()
}

/// Has openssl verify the twin of alice under the certificate in `ca.pem`.
fn openssl_verify(at: &Path, more: &[&str]) -> Vec<u8> {
    let file = |name: &str| at.join(name).display().to_string();
    let (ca, twin) = (file("ca.pem"), file(TWIN));
    openssl(&[&["verify", "-x509_strict", "-CAfile", &ca][..], more, &[&twin]].concat(), b"")
}

/// A CA on a fixed port, and alice without a twin. The server can be started again.
fn with_alice() -> (TempDir, minipki_tests::program::Running, String) {
    let (folder, server, ca) = served(&[]);
    enrolled(folder.path(), &ca, "alice");
    (folder, server, ca)
}

#[test]
fn openssl_and_the_core_read_the_twin_and_the_ca_gives_it_again() {
    let (folder, mut server, ca) = served(&[]);
    let at = folder.path();
    let enroll =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "alice"];
    let done = run(at, &[&enroll[..], &["--x509"]].concat()).expect(0);
    assert!(done.stderr.contains("the certificate as X.509 is in alice/certificate.pem"), "{}", done.stderr);
    server.line("X.509 twin");
    let twin = read(at, TWIN);
    assert_eq!(mode(&at.join(TWIN)), 0o644);
    let text = described(&twin);
    let number: u64 = serial(at).parse().expect("a number");
    for expected in [
        &format!("Serial Number: {number} (0x{number:x})")[..],
        "Issuer: CN=minipki-ca",
        "Subject: CN=alice",
        "Public Key Algorithm: X25519",
        "X509v3 Key Usage: critical\n                Key Agreement",
        "URI:urn:minipki:minipki-ca:alice",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "Signature Algorithm: sha256WithRSAEncryption",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // The twin has the key of the identity and its validity.
    let public = openssl(&["pkey", "-pubout", "-in", at.join("alice/key.pem").to_str().expect("UTF-8")], b"");
    assert_eq!(openssl(&["x509", "-noout", "-pubkey"], twin.as_bytes()), public);
    let dates = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601"], twin.as_bytes());
    let dates = String::from_utf8(dates).expect("text").replace(' ', "T").replace('Z', "+00:00");
    let json: Value = serde_json::from_str(&read(at, "alice/certificate.json")).expect("JSON");
    let end = json["validity"]["not_after"].as_str().expect("a time");
    assert_eq!(dates.trim(), format!("notAfter={end}"));
    write_ca_certificate(at, "ca.pem");
    openssl_verify(at, &[]);
    run(at, &["x509", "verify", TWIN, "--trust", "ca.pem"]).expect(0);

    // The folder has it: nothing is asked. Without the file, the same twin comes again, also after a restart of the CA.
    fetch(at).expect(0);
    fs::remove_file(at.join(TWIN)).expect("removed");
    server.stop().expect(0);
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", &ca]);
    server.address("serving");
    run(at, &[&enroll[..], &["--x509"]].concat()).expect(0);
    assert_eq!(read(at, TWIN), twin);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    // The JSON certificate and the twin are one certificate of the ledger; the other one is that of the CA.
    let listed = run(at, &["ca", "list", "--dir", "ca", "--json"]).expect(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&listed).expect("JSON").as_array().expect("an array").len(), 2);
    assert_eq!(fs::read_dir(at.join("alice")).expect("a folder").count(), 5);
}

#[test]
fn a_revocation_of_the_identity_is_in_the_crl_and_ends_its_twin() {
    let (folder, _server, _) = with_alice();
    let at = folder.path();
    fetch(at).expect(0);
    write_ca_certificate(at, "ca.pem");
    let crl = ["ca", "crl", "--dir", "ca", "--out", "ca.crl"];
    let file = |name: &str| at.join(name).display().to_string();
    let checked = ["-crl_check", "-CRLfile", &file("ca.crl")];
    run(at, &crl).expect(0);
    openssl_verify(at, &checked);
    run(at, &["revoke", "--identity", "alice", "--reason", "key_compromise", "--yes"]).expect(0);
    run(at, &crl).expect(0);
    let verify =
        ["verify", "-CAfile", &file("ca.pem"), "-crl_check", "-CRLfile", &file("ca.crl"), &file(TWIN)];
    let seen = openssl_fails(&verify, b"");
    assert!(seen.contains("certificate revoked"), "{seen}");
    let verify = ["x509", "verify", TWIN, "--trust", "ca.pem", "--crl", "ca.crl"];
    let refused = run(at, &verify).expect(4);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    fs::remove_file(at.join(TWIN)).expect("removed");
    let refused = fetch(at).expect(3);
    assert!(refused.stderr.contains("refused (revoked)"), "{}", refused.stderr);
}

#[test]
fn a_renewal_replaces_the_twin_and_keeps_the_former_one() {
    let (folder, _server, _) = with_alice();
    let at = folder.path();
    // Without a twin, a renewal gets none.
    run(at, &["renew", "--identity", "alice"]).expect(0);
    assert!(!at.join(TWIN).exists());
    fetch(at).expect(0);
    let former = read(at, TWIN);
    let done = run(at, &["renew", "--identity", "alice"]).expect(0);
    assert!(done.stderr.contains("the certificate as X.509 is in"), "{}", done.stderr);
    let twin = read(at, TWIN);
    assert_ne!(twin, former);
    assert_eq!(read(at, "alice/previous/certificate.pem"), former);
    let number: u64 = serial(at).parse().expect("a number");
    assert!(described(&twin).contains(&format!("Serial Number: {number} ")), "{twin}");
    let public = openssl(&["pkey", "-pubout", "-in", at.join("alice/key.pem").to_str().expect("UTF-8")], b"");
    assert_eq!(openssl(&["x509", "-noout", "-pubkey"], twin.as_bytes()), public);
    write_ca_certificate(at, "ca.pem");
    openssl_verify(at, &[]);
}

#[test]
fn two_processes_get_the_same_twin() {
    let (folder, server, _) = with_alice();
    let at = folder.path();
    let copied =
        std::process::Command::new("cp").arg("-a").args([at.join("alice"), at.join("copy")]).status();
    assert!(copied.expect("cp runs").success());
    let both: Vec<_> =
        ["alice", "copy"].iter().map(|name| start(at, &["x509", "fetch", "--identity", name])).collect();
    for one in both {
        one.wait().expect(0);
    }
    assert_eq!(read(at, TWIN), read(at, "copy/certificate.pem"));
    server.stop().expect(0);
}

#[test]
fn a_fetch_that_is_killed_leaves_the_whole_twin_or_none() {
    let (folder, _server, _) = with_alice();
    let at = folder.path();
    fetch(at).expect(0);
    let twin = read(at, TWIN);
    let kills = at_each(WRITES, |point: KillPoint| {
        let _ = fs::remove_file(at.join(TWIN));
        let done = point.run(at, &["x509", "fetch", "--identity", "alice"]);
        assert!(
            fs::read_to_string(at.join(TWIN)).is_ok_and(|found| found == twin) || !at.join(TWIN).exists()
        );
        fetch(at).expect(0);
        assert_eq!(read(at, TWIN), twin, "{point:?}");
        run(at, &["status", "--identity", "alice"]).expect(0);
        done
    });
    assert!(kills > 3, "only {kills} kills");
}

#[test]
fn another_file_of_that_name_is_never_replaced() {
    let (folder, _server, _) = with_alice();
    let at = folder.path();
    let other = ca_certificate(at, &[]).expect(0).stdout;
    for text in ["mine\n", &other] {
        fs::write(at.join(TWIN), text).expect("written");
        let refused = fetch(at).expect(1);
        assert!(
            refused.stderr.contains("is not an X.509 certificate of this identity"),
            "{}",
            refused.stderr
        );
        assert_eq!(read(at, TWIN), text);
    }
    fs::remove_file(at.join(TWIN)).expect("removed");
    fetch(at).expect(0);
}

/// After a change of the CA's key, the former key signs the twins of its own certificates, if it has a certificate.
#[test]
fn the_key_that_signed_the_certificate_signs_its_twin() {
    for has_certificate in [true, false] {
        let folder = folder_with_alice();
        let at = folder.path();
        if has_certificate {
            write_ca_certificate(at, "ca.pem");
        }
        rollover(at, &[]).expect(0);
        let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
        let ca = server.address("serving");
        let done = run(at, &["x509", "fetch", "--identity", "alice", "--ca", &ca]);
        if has_certificate {
            done.expect(0);
            openssl_verify(at, &[]);
            // A reader of the new certificate accepts it with the cross certificate.
            let both = ca_certificate(at, &["--cross"]).expect(0).stdout;
            fs::write(at.join("ca.pem"), ca_certificate(at, &[]).expect(0).stdout).expect("written");
            fs::write(at.join("cross.pem"), both).expect("written");
            openssl_verify(at, &["-untrusted", &at.join("cross.pem").display().to_string()]);
            run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        } else {
            let refused = done.expect(3);
            let (refusal, next) = ("refused (not_allowed)", "renew the identity");
            assert!(refused.stderr.contains(refusal) && refused.stderr.contains(next), "{}", refused.stderr);
            run(at, &["renew", "--identity", "alice", "--ca", &ca]).expect(0);
            run(at, &["x509", "fetch", "--identity", "alice", "--ca", &ca]).expect(0);
            write_ca_certificate(at, "ca.pem");
            openssl_verify(at, &[]);
        }
    }
}

/// A CA that answers each request with `body`.
fn answering(body: Vec<u8>) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in socket.incoming() {
            let mut stream = stream.expect("a client");
            let mut header = [0; 4];
            stream.read_exact(&mut header).expect("a header");
            let mut request = vec![0; u32::from_be_bytes(header) as usize];
            stream.read_exact(&mut request).expect("a request");
            let length = u32::try_from(body.len()).expect("short").to_be_bytes();
            stream.write_all(&[&length[..], &body].concat()).expect("sent");
        }
    });
    address
}

#[test]
fn an_earlier_ca_and_a_foreign_twin_leave_the_identity_as_it_is() {
    let (folder, _server, _) = with_alice();
    let at = folder.path();
    let body = |response: Response<'_>| {
        let mut out = [0; 5120];
        let length = response.encode(&mut out).expect("room");
        out[..length].to_vec()
    };
    let ca = answering(body(Response::Refused(Code::UnknownType.into())));
    let refused = run(at, &["x509", "fetch", "--identity", "alice", "--ca", &ca]).expect(3);
    for text in ["the identity in alice is complete", "ask its operator to update it", "minipki x509 fetch"] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
    let ca = answering(body(Response::X509("MAA=")));
    let refused = run(at, &["x509", "fetch", "--identity", "alice", "--ca", &ca]).expect(4);
    assert!(refused.stderr.contains("is not the twin of the certificate"), "{}", refused.stderr);
    let refused = run(at, &["x509", "fetch", "--identity", "alice", "--ca", "127.0.0.1:1"]).expect(5);
    assert!(refused.stderr.contains("then: minipki x509 fetch --identity alice"), "{}", refused.stderr);
    assert!(!at.join(TWIN).exists());
    fetch(at).expect(0);
}

#[test]
fn a_check_of_the_ca_finds_a_changed_twin() {
    let (folder, server, _) = with_alice();
    let at = folder.path();
    fetch(at).expect(0);
    server.stop().expect(0);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    let ledger = Connection::open(at.join("ca/ledger.sqlite")).expect("opened");
    let twin: Vec<u8> =
        ledger.query_row("SELECT certificate FROM twins", [], |row| row.get(0)).expect("a twin");
    let mut changed = twin;
    *changed.last_mut().expect("a byte") ^= 1;
    ledger.execute("UPDATE twins SET certificate = ?1", [&changed]).expect("changed");
    drop(ledger);
    let found = run(at, &["ca", "check", "--dir", "ca"]);
    assert_ne!(found.code, Some(0), "{found:?}");
    assert!(format!("{}{}", found.stdout, found.stderr).contains("X.509 twin"), "{found:?}");
}
