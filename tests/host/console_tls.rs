//! The console over TLS, with a certificate that the CA issues or one from files, and openssl for a browser.

use std::fs;
use std::path::Path;

use minipki_tests::program::{Running, run, start};
use minipki_tests::{openssl, openssl_fails};
use tempfile::TempDir;

/// Makes a key and a certificate of it that signs itself, as an operator may: `NAME.crt` and `NAME.key`.
fn self_signed(folder: &Path, name: &str) {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (certificate, key) = (file("crt"), file("key"));
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let named = ["-subj", "/CN=console", "-addext", "subjectAltName=IP:127.0.0.1,DNS:ca.example"];
    openssl(&[&made[..], &named, &["-keyout", &key, "-out", &certificate]].concat(), b"");
}

/// A console in `folder` over TLS, and the link that it printed.
fn console(folder: &Path, listen: &str, options: &[&str]) -> (Running, String) {
    let mut program = start(folder, &[&["console", "--dir", "ca", "--listen", listen], options].concat());
    let link = program.line("https://").trim_end().to_owned();
    (program, link)
}

/// Has openssl open a link at `address`, trusting what is in a file, if the certificate is also for that name.
fn visit<T>(
    openssl: impl FnOnce(&[&str], &[u8]) -> T,
    (link, address): (&str, &str),
    trusted: &Path,
    name: [&str; 2],
) -> T {
    let (_, query) = link.split_once("/enter").expect("a link");
    let request = format!("GET /enter{query} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let trusted = trusted.to_str().expect("a path in UTF-8");
    let arguments = ["s_client", "-connect", address, "-CAfile", trusted];
    let arguments = [&arguments[..], &["-verify_return_error", "-ign_eof", "-quiet"], &name].concat();
    openssl(&arguments, request.as_bytes())
}

/// What the console answers to a client that trusts it.
fn answer(place: (&str, &str), trusted: &Path, name: [&str; 2]) -> String {
    String::from_utf8_lossy(&visit(openssl, place, trusted, name)).into_owned()
}

const BY_ADDRESS: [&str; 2] = ["-verify_ip", "127.0.0.1"];
const BY_NAME: [&str; 2] = ["-verify_hostname", "ca.example"];
const BY_ANOTHER: [&str; 2] = ["-verify_hostname", "evil.example"];

#[test]
fn tls_shows_a_certificate_that_the_ca_issued_for_these_names_alone() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued", "--name", "ca.example"]);
    let address = link.split('/').nth(2).expect("an address");
    let names = ["ca.example", "127.0.0.1", "localhost"].map(str::to_owned);
    let root = minipki::keys::CaFolder::open(&folder.path().join("ca"))
        .and_then(|ca| ca.tls_identity(&names))
        .expect("the same root again")
        .root_pem;
    let file = folder.path().join("root.pem");
    fs::write(&file, root).expect("written");

    let refused = visit(openssl_fails, (&link, address), &file, BY_ANOTHER);
    assert!(refused.to_lowercase().contains("hostname mismatch"), "{refused}");
    // Whoever refused has sent nothing: the link was not opened yet.
    let entered = answer((&link, address), &file, BY_ADDRESS);
    assert!(entered.starts_with("HTTP/1.1 303") && entered.contains("; Secure"), "{entered}");
    let again = answer((&link, address), &file, BY_NAME);
    assert!(again.starts_with("HTTP/1.1 403"), "{again}");
    let log = program.stop().expect(0).stderr;
    assert!(log.contains("fingerprint="), "{log}");
}

#[test]
fn tls_shows_the_certificate_of_the_files_to_whoever_trusts_it() {
    let folder = TempDir::new().expect("a folder");
    self_signed(folder.path(), "own");
    self_signed(folder.path(), "other");
    let files = ["--tls-cert", "own.crt", "--tls-key", "own.key"];
    let (program, link) = console(folder.path(), "127.0.0.1:0", &files);
    let address = link.split('/').nth(2).expect("an address");

    let refused = visit(openssl_fails, (&link, address), &folder.path().join("other.crt"), BY_ADDRESS);
    assert!(refused.contains("self-signed certificate"), "{refused}");
    let entered = answer((&link, address), &folder.path().join("own.crt"), BY_ADDRESS);
    assert!(entered.starts_with("HTTP/1.1 303") && entered.contains("; Secure"), "{entered}");
    let log = program.stop().expect(0).stderr;
    assert!(!log.contains("reached from other machines"), "{log}");

    // With it the console may listen on every address, and says so.
    let files = [&files[..], &["--name", "ca.example"]].concat();
    let (mut program, link) = console(folder.path(), "0.0.0.0:0", &files);
    let port = link.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port");
    assert!(link.starts_with("https://ca.example:"), "{link}");
    program.line("the console can be reached from other machines");
    let entered = answer((&link, &format!("127.0.0.1:{port}")), &folder.path().join("own.crt"), BY_NAME);
    assert!(entered.starts_with("HTTP/1.1 303"), "{entered}");
    program.stop().expect(0);
}

#[test]
fn files_that_do_not_serve_are_named_with_what_to_do() {
    let folder = TempDir::new().expect("a folder");
    self_signed(folder.path(), "own");
    self_signed(folder.path(), "other");
    fs::write(folder.path().join("empty"), "").expect("written");
    fs::write(folder.path().join("torn"), "-----BEGIN CERTIFICATE-----\nMIIB").expect("written");
    let next = "give a PEM file that has one";
    let pair = "give a certificate with the key that it was made for";
    for (certificate, key, named, why, advice) in [
        ("none.crt", "own.key", "none.crt: no certificate", "No such file", next),
        ("own.crt", "none.key", "none.key: no private key", "No such file", next),
        ("own.key", "own.crt", "own.key: no certificate", "no items found", next),
        ("own.crt", "own.crt", "own.crt: no private key", "no items found", next),
        ("empty", "own.key", "empty: no certificate", "no items found", next),
        ("torn", "own.key", "torn: no certificate", "missing section end", next),
        (".", "own.key", ".: no certificate", "directory", next),
        ("own.crt", "other.key", "own.crt and other.key do not serve", "mismatch", pair),
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
        assert_eq!(refused.stdout, "", "no link to what does not serve");
    }
    // Half a pair is a mistake of the command line.
    for (half, missing) in
        [(["--tls-cert", "own.crt"], "--tls-key"), (["--tls-key", "own.key"], "--tls-cert")]
    {
        let refused = run(folder.path(), &[&["console", "--dir", "ca"], &half[..]].concat()).expect(2);
        assert!(refused.stderr.contains(missing), "{refused:#?}");
    }
}
