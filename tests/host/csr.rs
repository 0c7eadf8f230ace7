//! `minipki csr`: keys and requests that openssl reads, in folders where nothing is overwritten.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minipki_tests::program::{Done, run};
use minipki_tests::x509::openssl_succeeds;
use serde_json::Value;
use tempfile::TempDir;

use super::passphrase::write;

fn csr(folder: &Path, kind: &str, more: &[&str]) -> Done {
    let arguments =
        ["csr", "--key-type", kind, "--subject", "CN=www.example.com,O=Example,C=DE", "--out", "out"];
    run(folder, &[&arguments[..], more].concat())
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

#[test]
fn openssl_verifies_a_request_with_each_kind_of_key() {
    for (kind, text) in [
        ("rsa2048", "Public-Key: (2048 bit)"),
        ("rsa3072", "Public-Key: (3072 bit)"),
        ("rsa4096", "Public-Key: (4096 bit)"),
        ("p256", "ASN1 OID: prime256v1"),
        ("ed25519", "ED25519 Public-Key:"),
    ] {
        let folder = TempDir::new().expect("a folder for the test");
        let at = folder.path();
        let names = [
            "--dns",
            "www.example.com",
            "--dns",
            "*.example.com",
            "--ip",
            "192.0.2.1",
            "--ip",
            "2001:db8::1",
        ];
        let more = ["--email", "alice@example.com", "--uri", "spiffe://example.com/service"];
        let done = csr(at, kind, &[&names[..], &more].concat()).expect(0);
        assert_eq!(done.stdout, "out/request.pem\n");
        let files = ["out", "out/key.pem", "out/request.pem"].map(|file| mode(at.join(file)));
        assert_eq!(files, [0o700, 0o600, 0o644], "{kind}");
        let shown = openssl_succeeds(at, &["req", "-verify", "-in", "out/request.pem", "-noout", "-text"]);
        for expected in [
            text,
            "Subject: C = DE, O = Example, CN = www.example.com",
            "DNS:www.example.com, DNS:*.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, \
             email:alice@example.com, URI:spiffe://example.com/service",
        ] {
            assert!(shown.contains(expected), "{kind}: {expected} in {shown}");
        }
        let key = openssl_succeeds(at, &["pkey", "-in", "out/key.pem", "-check", "-pubout"]);
        let of_request = openssl_succeeds(at, &["req", "-in", "out/request.pem", "-noout", "-pubkey"]);
        assert!(key.contains(&of_request), "{kind}: {key}");
        let explained = run(at, &["inspect", "out"]).expect(0).stdout;
        assert!(explained.contains("out/request.pem\nX.509 certificate request: "), "{kind}: {explained}");
        assert!(
            explained.contains("out/key.pem\n") && explained.contains("never shown"),
            "{kind}: {explained}"
        );
    }
}

#[test]
fn nothing_is_overwritten_and_a_second_attempt_is_safe() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    csr(at, "p256", &["--dns", "www.example.com"]).expect(0);
    let read = |file: &str| fs::read(at.join("out").join(file)).expect("the file exists");
    let (key, request) = (read("key.pem"), read("request.pem"));
    let again = csr(at, "p256", &["--dns", "other.example.com"]).expect(1).stderr;
    assert!(again.contains("out has a request already, which is not overwritten"), "{again}");
    assert_eq!((read("key.pem"), read("request.pem")), (key.clone(), request));

    // An attempt that ended after the key: the request is made for that key.
    fs::remove_file(at.join("out/request.pem")).expect("the file exists");
    let other = csr(at, "ed25519", &[]).expect(1).stderr;
    assert!(
        other.contains("and the --key-type is ed25519") && other.contains("choose another --out"),
        "{other}"
    );
    assert_eq!(read("key.pem"), key);
    assert!(!at.join("out/request.pem").exists());
    let done = csr(at, "p256", &["--json"]).expect(0);
    let json: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
    assert_eq!((&json["continued"], &json["key_type"]), (&Value::Bool(true), &Value::from("p256")));
    assert_eq!(read("key.pem"), key);
    openssl_succeeds(at, &["req", "-verify", "-in", "out/request.pem", "-noout"]);
    assert!(done.stderr.contains("It has no --dns, --ip, --email or --uri."), "{done:?}");

    // The key of an identity is not taken, and stays.
    fs::create_dir(at.join("open")).expect("a folder");
    fs::set_permissions(at.join("open"), fs::Permissions::from_mode(0o777)).expect("a mode");
    let open = run(at, &["csr", "--key-type", "p256", "--subject", "a", "--out", "open"]).expect(1).stderr;
    assert!(open.contains("other users can write into open"), "{open}");
    fs::write(at.join("file"), "").expect("the file is written");
    let file = run(at, &["csr", "--key-type", "p256", "--subject", "a", "--out", "file"]).expect(1).stderr;
    assert!(file.contains("file") && file.contains(" next: "), "{file}");
    let missing =
        run(at, &["csr", "--key-type", "p256", "--subject", "a", "--out", "no/folder"]).expect(1).stderr;
    assert!(missing.contains("no does not exist"), "{missing}");
}

#[test]
fn a_passphrase_encrypts_the_key() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    write(at, "secret", "passphrase");
    csr(at, "rsa2048", &["--passphrase-file", "secret"]).expect(0);
    let key = fs::read_to_string(at.join("out/key.pem")).expect("text");
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    openssl_succeeds(at, &["pkey", "-in", "out/key.pem", "-passin", "file:secret", "-noout"]);
    fs::remove_file(at.join("out/request.pem")).expect("the file exists");
    let locked = csr(at, "rsa2048", &[]).expect(1).stderr;
    assert!(locked.contains("out/key.pem"), "{locked}");
    csr(at, "rsa2048", &["--passphrase-file", "secret"]).expect(0);
    openssl_succeeds(at, &["req", "-verify", "-in", "out/request.pem", "-noout"]);
}

#[test]
fn subjects_and_names_that_no_ca_would_take_are_refused() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    let long = format!("CN={}", "a".repeat(65));
    for (option, value, expected) in [
        ("--subject", "", "the subject is empty"),
        ("--subject", "/CN=www.example.com/O=Example", "the parts have commas between them"),
        ("--subject", "CN=a,C=Germany", "C is a country by its two letters"),
        ("--subject", long.as_str(), "has 65 characters, and 64 are allowed"),
        ("--subject", "NOPE=a", "expected for example CN=www.example.com"),
        ("--dns", "https://www.example.com", "expected the name of a host"),
        ("--dns", "*", "expected the name of a host"),
        ("--ip", "www.example.com", "expected an IP address"),
        ("--email", "alice", "expected an e-mail address"),
        ("--uri", "nothing", "expected a URI"),
    ] {
        let mut arguments = vec!["csr", "--key-type", "p256", "--out", "out", option, value];
        if option != "--subject" {
            arguments.extend(["--subject", "CN=a"]);
        }
        let refused = run(at, &arguments).expect(2).stderr;
        assert!(refused.contains(expected), "{option} {value}: {refused}");
        assert!(!at.join("out").exists(), "nothing is made");
    }
    // A name alone is a common name.
    run(at, &["csr", "--key-type", "p256", "--subject", "Alice, Example", "--out", "alice"]).expect(0);
    let subject = openssl_succeeds(at, &["req", "-in", "alice/request.pem", "-noout", "-subject"]);
    assert_eq!(subject.trim(), "subject=CN = \"Alice, Example\"");
}
