//! The console over TLS, with a certificate that the CA issues or one from files, and openssl for a browser.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use minipki_fixtures::{openssl, openssl_fails};
use minipki_keys::CaFolder;
use minipki_tests::program::{Running, run, start};
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

/// The host and the port of a link.
fn host(link: &str) -> &str {
    link.split('/').nth(2).expect("a host")
}

/// Has openssl open a link, trusting what is in a file, if the certificate is also for that name.
fn visit<T>(openssl: impl FnOnce(&[&str], &[u8]) -> T, link: &str, trusted: &Path, name: [&str; 2]) -> T {
    let (_, query) = link.split_once("/enter").expect("a link");
    let host = host(link);
    let request = format!("GET /enter{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let trusted = trusted.to_str().expect("a path in UTF-8");
    let address = format!("127.0.0.1:{}", host.rsplit(':').next().expect("a port"));
    let arguments = ["s_client", "-connect", &address, "-CAfile", trusted];
    let arguments = [&arguments[..], &["-verify_return_error", "-ign_eof", "-quiet"], &name].concat();
    openssl(&arguments, request.as_bytes())
}

/// What the console answers to a client that trusts it.
fn answer(link: &str, trusted: &Path, name: [&str; 2]) -> String {
    String::from_utf8_lossy(&visit(openssl, link, trusted, name)).into_owned()
}

/// The cookie of an answer that lets in: for this host alone, and never in clear.
fn lets_in(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-minipki-console-"), "{cookie}");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/;"), "{cookie}");
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
}

const BY_ADDRESS: [&str; 2] = ["-verify_ip", "127.0.0.1"];
const BY_NAME: [&str; 2] = ["-verify_hostname", "ca.example"];
const BY_ANOTHER: [&str; 2] = ["-verify_hostname", "evil.example"];

/// Writes the root of a certificate that the CA in `ca` issues for `names` now; gives its file.
fn root(folder: &Path, names: &[&str]) -> PathBuf {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let ca = CaFolder::open(&folder.join("ca")).expect("a CA");
    let file = folder.join("root.pem");
    fs::write(&file, ca.tls_identity(&names).expect("issued").root_pem).expect("written");
    file
}

#[test]
fn tls_shows_a_certificate_that_the_ca_issued_for_these_names_alone() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued", "--name", "ca.example"]);
    assert!(link.starts_with("https://ca.example:"), "{link}");
    // A root of an earlier start is another certificate of the same CA and key: a client that trusts it still connects.
    let root = root(folder.path(), &["ca.example", "127.0.0.1", "localhost"]);

    let refused = visit(openssl_fails, &link, &root, BY_ANOTHER);
    assert!(refused.to_lowercase().contains("hostname mismatch"), "{refused}");
    // Whoever refused has sent nothing: the link was not opened yet.
    lets_in(&answer(&link, &root, BY_ADDRESS));
    let again = answer(&link, &root, BY_NAME);
    assert!(again.starts_with("HTTP/1.1 403"), "{again}");
    let log = program.stop().expect(0).stderr;
    assert!(log.contains("fingerprint="), "{log}");
}

#[test]
fn tls_on_loopback_has_no_secret_name_that_its_certificate_would_show() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let root = root(folder.path(), &["127.0.0.1", "localhost"]);
    // The root of one start is good for the next.
    for _ in 0..2 {
        let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
        assert!(link.starts_with("https://127.0.0.1:"), "{link}");
        let shown = String::from_utf8(openssl(&["s_client", "-connect", host(&link)], b"")).expect("text");
        let (_, rest) = shown.split_once("-----BEGIN").expect("a certificate");
        let (body, _) = rest.split_once("-----END").expect("its end");
        let pem = format!("-----BEGIN{body}-----END CERTIFICATE-----\n");
        let names = openssl(&["x509", "-noout", "-ext", "subjectAltName"], pem.as_bytes());
        let names = String::from_utf8(names).expect("text");
        let (_, names) = names.trim().split_once('\n').expect("names");
        assert_eq!(names.trim(), "IP Address:127.0.0.1, DNS:localhost");
        lets_in(&answer(&link, &root, BY_ADDRESS));
        program.stop().expect(0);
    }
}

#[test]
fn the_root_of_the_consoles_certificate_vouches_for_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let path = |name: &str| folder.path().join(name).display().to_string();
    openssl(
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path("key")],
        b"",
    );
    // A certificate with these extensions, as the holder of the key `ca` can issue it under the certificate `issuer`.
    let issue_under = |issuer: &str, ca: &str, extensions: &str, subject: &str| {
        let (key, request, certificate) = (path("key"), path("request"), path("leaf.pem"));
        openssl(&["req", "-new", "-key", &key, "-subj", subject, "-out", &request], b"");
        let file = path("extensions");
        fs::write(&file, extensions).expect("written");
        let sign = ["x509", "-req", "-in", &request, "-CA", &path(issuer), "-CAkey", &path(ca), "-days", "1"];
        openssl(&[&sign[..], &["-extfile", &file, "-out", &certificate]].concat(), b"");
    };
    let issue =
        |extensions: &str, subject: &str| issue_under("root.pem", "ca/ca-key.pem", extensions, subject);
    let (trusted, leaf) = (path("root.pem"), path("leaf.pem"));
    let verify = ["verify", "-x509_strict", "-CAfile", &trusted, &leaf];
    let good = ["DNS:ca.example", "DNS:below.ca.example", "IP:192.0.2.7", "IP:2001:db8::7"];
    let bad = [
        "DNS:evil.example",
        "DNS:example",
        "IP:192.0.2.8",
        "IP:127.0.0.1",
        "IP:10.0.0.1",
        "IP:2001:db8::8",
        "IP:::1",
        "email:root@ca.example",
        "email:root@example.org",
        "URI:https://ca.example/",
        "URI:spiffe://example.org/x",
    ];
    let common = "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
                  keyUsage=critical,digitalSignature\n";
    for names in
        [&["ca.example", "192.0.2.7", "2001:db8::7"][..], &["ca.example"], &["192.0.2.7"], &["2001:db8::7"]]
    {
        root(folder.path(), names);
        let permits = |name: &str| {
            let (_, value) = name.split_once(':').expect("a kind");
            names.iter().any(|own| value == *own || value.ends_with(&format!(".{own}")))
        };
        for name in good.into_iter().chain(bad) {
            issue(&format!("{common}subjectAltName={name}\n"), "/CN=somebody");
            if permits(name) {
                openssl(&verify, b"");
            } else {
                let refused = openssl_fails(&verify, b"");
                assert!(
                    refused.contains("permitted subtree violation")
                        || refused.contains("excluded subtree violation"),
                    "{name} under a root for {names:?}: {refused}"
                );
            }
        }
    }
    root(folder.path(), &["ca.example"]);
    // An e-mail address in the subject, a CA below it, and a certificate that is not for a server.
    issue(&format!("{common}subjectAltName=DNS:ca.example\n"), "/CN=x/emailAddress=root@example.org");
    assert!(openssl_fails(&verify, b"").contains("subtree violation"));
    issue(
        "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=critical,keyCertSign\n",
        "/CN=sub",
    );
    fs::rename(path("leaf.pem"), path("sub.pem")).expect("there");
    issue_under("sub.pem", "key", &format!("{common}subjectAltName=DNS:ca.example\n"), "/CN=below");
    let sub = path("sub.pem");
    let below = ["verify", "-CAfile", &trusted, "-untrusted", &sub, &leaf];
    assert!(openssl_fails(&below, b"").contains("path length"), "{}", openssl_fails(&below, b""));
    issue(&format!("{common}subjectAltName=DNS:ca.example\nextendedKeyUsage=clientAuth\n"), "/CN=x");
    let client = ["verify", "-purpose", "sslclient", "-CAfile", &trusted, &leaf];
    assert!(openssl_fails(&client, b"").contains("purpose"), "{}", openssl_fails(&client, b""));
}

#[test]
fn each_certificate_has_a_random_serial_number_of_twenty_octets() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let ca = CaFolder::open(&folder.path().join("ca")).expect("a CA");
    let names = ["ca.example".to_owned()];
    let mut serials = BTreeSet::new();
    for _ in 0..4 {
        let identity = ca.tls_identity(&names).expect("issued");
        for certificate in [&identity.root, &identity.certificate] {
            let shown = openssl(&["x509", "-inform", "DER", "-noout", "-serial"], certificate);
            let serial = String::from_utf8(shown).expect("text").trim().replace("serial=", "");
            assert_eq!(serial.len(), 40, "{serial}");
            assert!(serial.as_bytes()[0] < b'8', "{serial} is positive in 20 octets");
            serials.insert(serial);
        }
    }
    assert_eq!(serials.len(), 8, "each is another: {serials:?}");
}

#[test]
fn what_stops_the_consoles_certificate_is_named() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let console = |name: &str| {
        let arguments = ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued", "--name", name];
        run(folder.path(), &arguments).expect(1).stderr
    };
    for wrong in ["no host", "ca.example:9080", "https://ca.example", "-", "ä.example"] {
        let refused = console(wrong);
        assert!(refused.contains("no host name") && refused.contains("--name"), "{refused}");
    }
    let key = folder.path().join("ca/ca-key.pem");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n").expect("written");
    let refused = console("ca.example");
    assert!(refused.contains("cannot sign an X.509 certificate"), "{refused}");
    assert!(!refused.contains("could not be generated"), "{refused}");
}

#[test]
fn tls_shows_the_certificate_of_the_files_to_whoever_trusts_it() {
    let folder = TempDir::new().expect("a folder");
    self_signed(folder.path(), "own");
    self_signed(folder.path(), "other");
    let files = ["--tls-cert", "own.crt", "--tls-key", "own.key"];
    let (program, link) = console(folder.path(), "127.0.0.1:0", &files);
    // The certificate has this name, and none that the console could make up.
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");

    let refused = visit(openssl_fails, &link, &folder.path().join("other.crt"), BY_ADDRESS);
    assert!(refused.contains("self-signed certificate"), "{refused}");
    lets_in(&answer(&link, &folder.path().join("own.crt"), BY_ADDRESS));
    let log = program.stop().expect(0).stderr;
    assert!(!log.contains("reached from other machines"), "{log}");

    // With it the console may listen on every address, and says so.
    let files = [&files[..], &["--name", "ca.example"]].concat();
    let (mut program, link) = console(folder.path(), "0.0.0.0:0", &files);
    assert!(link.starts_with("https://ca.example:"), "{link}");
    program.line("the console can be reached from other machines");
    lets_in(&answer(&link, &folder.path().join("own.crt"), BY_NAME));
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
