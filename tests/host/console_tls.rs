//! The console over TLS, with a certificate from files. openssl is the client.

use std::fs;
use std::path::Path;

use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::program::{Running, run, start};
use tempfile::TempDir;

/// Makes a key and a self-signed certificate in `NAME.key` and `NAME.crt`.
pub(crate) fn self_signed(folder: &Path, name: &str) {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (certificate, key) = (file("crt"), file("key"));
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let named = ["-subj", "/CN=console", "-addext", "subjectAltName=IP:127.0.0.1,DNS:ca.example"];
    openssl(&[&made[..], &named, &["-keyout", &key, "-out", &certificate]].concat(), b"");
}

/// Starts a console in `folder` over TLS. Returns it with its link.
pub(crate) fn console(folder: &Path, listen: &str, options: &[&str]) -> (Running, String) {
    let mut program = start(folder, &[&["console", "--dir", "ca", "--listen", listen], options].concat());
    let link = program.line("https://").trim_end().to_owned();
    (program, link)
}

/// The host and the port of a link.
pub(crate) fn host(link: &str) -> &str {
    link.split('/').nth(2).expect("a host")
}

/// Opens a link with openssl. It trusts the certificate in `trusted` and expects `name`.
pub(crate) fn open<T>(
    openssl: impl FnOnce(&[&str], &[u8]) -> T,
    link: &str,
    trusted: &Path,
    name: [&str; 2],
) -> T {
    let (_, query) = link.split_once("/enter").expect("a link");
    let host = host(link);
    let request = format!("GET /enter{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let trusted = trusted.to_str().expect("a path in UTF-8");
    let address = format!("127.0.0.1:{}", host.rsplit(':').next().expect("a port"));
    let arguments = ["s_client", "-connect", &address, "-CAfile", trusted];
    let arguments = [&arguments[..], &["-verify_return_error", "-ign_eof", "-quiet"], &name].concat();
    openssl(&arguments, request.as_bytes())
}

/// The console's response to a client that trusts it.
pub(crate) fn answer(link: &str, trusted: &Path, name: [&str; 2]) -> String {
    String::from_utf8_lossy(&open(openssl, link, trusted, name)).into_owned()
}

/// Checks that a response opens a session, with a cookie for this host and for TLS only.
pub(crate) fn opens_session(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-minipki-console-"), "{cookie}");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/;"), "{cookie}");
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
}

pub(crate) const BY_ADDRESS: [&str; 2] = ["-verify_ip", "127.0.0.1"];
pub(crate) const BY_NAME: [&str; 2] = ["-verify_hostname", "ca.example"];
pub(crate) const BY_ANOTHER: [&str; 2] = ["-verify_hostname", "evil.example"];

#[test]
fn tls_shows_the_certificate_of_the_files() {
    let folder = TempDir::new().expect("a folder");
    self_signed(folder.path(), "own");
    self_signed(folder.path(), "other");
    let files = ["--tls-cert", "own.crt", "--tls-key", "own.key"];
    let (program, link) = console(folder.path(), "127.0.0.1:0", &files);
    // The link has a name of the certificate, and no generated name.
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");

    let refused = open(openssl_fails, &link, &folder.path().join("other.crt"), BY_ADDRESS);
    assert!(refused.contains("self-signed certificate"), "{refused}");
    opens_session(&answer(&link, &folder.path().join("own.crt"), BY_ADDRESS));
    let log = program.stop().expect(0).stderr;
    assert!(!log.contains("reached from other machines"), "{log}");

    // With a certificate the console may listen on every address. It warns about that.
    let files = [&files[..], &["--name", "ca.example"]].concat();
    let (mut program, link) = console(folder.path(), "0.0.0.0:0", &files);
    assert!(link.starts_with("https://ca.example:"), "{link}");
    program.line("the console can be reached from other machines");
    opens_session(&answer(&link, &folder.path().join("own.crt"), BY_NAME));
    program.stop().expect(0);
}

#[test]
fn unusable_tls_files_are_named_with_advice() {
    let folder = TempDir::new().expect("a folder");
    self_signed(folder.path(), "own");
    self_signed(folder.path(), "other");
    fs::write(folder.path().join("empty"), "").expect("written");
    fs::write(folder.path().join("torn"), "-----BEGIN CERTIFICATE-----\nMIIB").expect("written");
    let next = "give a readable PEM file";
    let pair = "give a certificate and its own key";
    for (certificate, key, named, why, advice) in [
        ("none.crt", "own.key", "none.crt has no readable certificate", "No such file", next),
        ("own.crt", "none.key", "none.key has no readable private key", "No such file", next),
        ("own.key", "own.crt", "own.key has no readable certificate", "no items found", next),
        ("own.crt", "own.crt", "own.crt has no readable private key", "no items found", next),
        ("empty", "own.key", "empty has no readable certificate", "no items found", next),
        ("torn", "own.key", "torn has no readable certificate", "missing section end", next),
        (".", "own.key", ". has no readable certificate", "directory", next),
        ("own.crt", "other.key", "own.crt and other.key cannot be used", "mismatch", pair),
    ] {
        let refused = run(
            folder.path(),
            &[
                "console",
                "--dir",
                "ca",
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                certificate,
                "--tls-key",
                key,
            ],
        )
        .expect(1);
        for words in [named, why, advice] {
            assert!(refused.stderr.to_lowercase().contains(&words.to_lowercase()), "{words}: {refused:#?}");
        }
        assert_eq!(refused.stdout, "", "a link was printed");
    }
    // A certificate without a key, or the reverse, is a usage error.
    for (half, missing) in
        [(["--tls-cert", "own.crt"], "--tls-key"), (["--tls-key", "own.key"], "--tls-cert")]
    {
        let refused = run(folder.path(), &[&["console", "--dir", "ca"], &half[..]].concat()).expect(2);
        assert!(refused.stderr.contains(missing), "{refused:#?}");
    }
}
