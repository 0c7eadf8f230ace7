//! The console over TLS, with an issued certificate or one from files. openssl is the client.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use minipki_ca::ports::CertificateFormat;
use minipki_ca::{TlsCertificates, TlsServerRequest};
use minipki_fixtures::{openssl, openssl_fails, vector_path};
use minipki_provider::HostProvider;
use minipki_server::CaService;
use minipki_tests::ca::{chmod, id};
use minipki_tests::program::{Running, run, start};
use tempfile::TempDir;

/// Makes a key and a self-signed certificate in `NAME.key` and `NAME.crt`.
fn self_signed(folder: &Path, name: &str) {
    let file = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    let (certificate, key) = (file("crt"), file("key"));
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let named = ["-subj", "/CN=console", "-addext", "subjectAltName=IP:127.0.0.1,DNS:ca.example"];
    openssl(&[&made[..], &named, &["-keyout", &key, "-out", &certificate]].concat(), b"");
}

/// Starts a console in `folder` over TLS. Returns it with its link.
fn console(folder: &Path, listen: &str, options: &[&str]) -> (Running, String) {
    let mut program = start(folder, &[&["console", "--dir", "ca", "--listen", listen], options].concat());
    let link = program.line("https://").trim_end().to_owned();
    (program, link)
}

/// The host and the port of a link.
fn host(link: &str) -> &str {
    link.split('/').nth(2).expect("a host")
}

/// Opens a link with openssl. It trusts the certificate in `trusted` and expects `name`.
fn open<T>(openssl: impl FnOnce(&[&str], &[u8]) -> T, link: &str, trusted: &Path, name: [&str; 2]) -> T {
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
fn answer(link: &str, trusted: &Path, name: [&str; 2]) -> String {
    String::from_utf8_lossy(&open(openssl, link, trusted, name)).into_owned()
}

/// Checks that a response opens a session, with a cookie for this host and for TLS only.
fn opens_session(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-minipki-console-"), "{cookie}");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/;"), "{cookie}");
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
}

const BY_ADDRESS: [&str; 2] = ["-verify_ip", "127.0.0.1"];
const BY_NAME: [&str; 2] = ["-verify_hostname", "ca.example"];
const BY_ANOTHER: [&str; 2] = ["-verify_hostname", "evil.example"];

/// Has the CA in `ca` issue a certificate for `names`.
fn issue(folder: &Path, names: &[&str]) -> TlsCertificates {
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    let request = TlsServerRequest {
        subject_id: id("console"),
        public_key: openssl(&["pkey", "-pubout", "-outform", "DER"], &key),
        names: names.iter().map(|name| (*name).try_into().expect("a name")).collect(),
    };
    let service = CaService::open(HostProvider::default(), &folder.join("ca")).expect("a CA");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(service.issue_tls_server(request)).expect("issued")
}

/// Writes the root of a certificate that the CA in `ca` issues for `names` now; returns its file.
fn root(folder: &Path, names: &[&str]) -> PathBuf {
    let file = folder.join("root.pem");
    let root = issue(folder, names).root.certificate;
    fs::write(&file, CertificateFormat::X509.text(&root)).expect("written");
    file
}

#[test]
fn tls_shows_a_certificate_that_the_ca_issued_for_these_names_alone() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued", "--name", "ca.example"]);
    assert!(link.starts_with("https://ca.example:"), "{link}");
    // Each start makes a new root certificate with the same key. A client that trusts an older root still connects.
    let root = root(folder.path(), &["ca.example", "127.0.0.1", "localhost"]);

    let refused = open(openssl_fails, &link, &root, BY_ANOTHER);
    assert!(refused.to_lowercase().contains("hostname mismatch"), "{refused}");
    // The client that refused has sent nothing, so the link is still unused.
    opens_session(&answer(&link, &root, BY_ADDRESS));
    let again = answer(&link, &root, BY_NAME);
    assert!(again.starts_with("HTTP/1.1 403"), "{again}");
    let log = program.stop().expect(0).stderr;
    assert!(log.contains("fingerprint="), "{log}");
}

#[test]
fn tls_on_loopback_uses_no_secret_host_name() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let root = root(folder.path(), &["127.0.0.1", "localhost"]);
    // The root of one start is valid for the next.
    for _ in 0..2 {
        let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
        assert!(link.starts_with("https://127.0.0.1:"), "{link}");
        let shown = String::from_utf8(openssl(&["s_client", "-connect", host(&link)], b"")).expect("text");
        let (_, rest) = shown.split_once("-----BEGIN").expect("a certificate");
        let (body, _) = rest.split_once("-----END").expect("the end of the text");
        let pem = format!("-----BEGIN{body}-----END CERTIFICATE-----\n");
        let names = openssl(&["x509", "-noout", "-ext", "subjectAltName"], pem.as_bytes());
        let names = String::from_utf8(names).expect("text");
        let (_, names) = names.trim().split_once('\n').expect("names");
        assert_eq!(names.trim(), "IP Address:127.0.0.1, DNS:localhost");
        opens_session(&answer(&link, &root, BY_ADDRESS));
        program.stop().expect(0);
    }
}

#[test]
fn the_root_of_the_consoles_certificate_permits_no_other_certificate() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let path = |name: &str| folder.path().join(name).display().to_string();
    openssl(
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path("key")],
        b"",
    );
    // Makes a certificate with these extensions under the certificate `issuer`, with the key `ca`.
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
            issue(&format!("{common}subjectAltName={name}\n"), "/CN=subject");
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
    // An e-mail address in the subject, a subordinate CA, and a certificate for a client.
    issue(&format!("{common}subjectAltName=DNS:ca.example\n"), "/CN=x/emailAddress=root@example.org");
    assert!(openssl_fails(&verify, b"").contains("subtree violation"));
    issue(
        "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=critical,keyCertSign\n",
        "/CN=sub",
    );
    fs::rename(path("leaf.pem"), path("sub.pem")).expect("the file exists");
    issue_under("sub.pem", "key", &format!("{common}subjectAltName=DNS:ca.example\n"), "/CN=below");
    let sub = path("sub.pem");
    let below = ["verify", "-CAfile", &trusted, "-untrusted", &sub, &leaf];
    assert!(openssl_fails(&below, b"").contains("path length"), "{}", openssl_fails(&below, b""));
    issue(&format!("{common}subjectAltName=DNS:ca.example\nextendedKeyUsage=clientAuth\n"), "/CN=x");
    let client = ["verify", "-purpose", "sslclient", "-CAfile", &trusted, &leaf];
    assert!(openssl_fails(&client, b"").contains("purpose"), "{}", openssl_fails(&client, b""));
}

#[test]
fn each_certificate_has_a_random_serial_number_of_sixteen_octets() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut serials = BTreeSet::new();
    for _ in 0..4 {
        let issued = issue(folder.path(), &["ca.example"]);
        for issued in [&issued.root, &issued.server] {
            let shown = openssl(&["x509", "-inform", "DER", "-noout", "-serial"], &issued.certificate);
            let serial = String::from_utf8(shown).expect("text").trim().replace("serial=", "");
            assert_eq!(serial.len(), 32, "{serial}");
            assert!(serial.as_bytes()[0] < b'8', "{serial} is positive in 16 octets");
            serials.insert(serial);
        }
    }
    assert_eq!(serials.len(), 8, "all differ: {serials:?}");
}

#[test]
fn an_obstacle_to_the_consoles_certificate_is_named() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let key = folder.path().join("ca/ca-key.pem");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n").expect("written");
    let arguments =
        ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued", "--name", "ca.example"];
    let refused = run(folder.path(), &arguments).expect(1).stderr;
    assert!(refused.contains("ca-key.pem") && refused.contains("minipki ca restore"), "{refused}");
}

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

#[test]
fn the_consoles_certificate_is_recorded_as_all_others_also_while_another_process_issues() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut server = start(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    let (program, _) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
    // The name of a TLS server is no client's name, so a client may have it.
    let enroll = [
        "enroll",
        "--ca",
        &address,
        "--anchor",
        "ca/anchor.json",
        "--subject",
        "console",
        "--out",
        "console",
    ];
    run(folder.path(), &enroll).expect(0);
    program.stop().expect(0);
    server.stop().expect(0);
    let listed = run(folder.path(), &["ca", "list", "--dir", "ca", "--json"]).expect(0).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let rows: Vec<_> = listed.as_array().expect("an array").iter().collect();
    let formats: Vec<_> = rows.iter().map(|row| row["format"].as_str().expect("a format")).collect();
    assert_eq!(formats, ["x509", "x509", "json"]);
    assert!(rows[..2].iter().all(|row| row["serial_number"].is_null()), "{listed}");
    assert!(rows[..2].iter().all(|row| row["serial_hex"].as_str().is_some_and(|serial| serial.len() == 32)));
    assert_eq!((&rows[1]["subject_id"], &rows[2]["subject_id"]), (&"console".into(), &"console".into()));
    // Each is verified, with its columns.
    run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
    let ledger = rusqlite::Connection::open(folder.path().join("ca/ledger.sqlite")).expect("opened");
    for (column, wrong) in [
        ("subject_id", "'x'"),
        ("not_after", "not_after + 1"),
        ("certificate", "x'30'"),
        ("subject_key", "x'30'"),
    ] {
        let read = format!("SELECT {column} FROM certificates WHERE id = 2");
        let good: rusqlite::types::Value = ledger.query_row(&read, [], |row| row.get(0)).expect("read");
        let write = |value: &str| format!("UPDATE certificates SET {column} = {value} WHERE id = 2");
        ledger.execute(&write(wrong), []).expect("changed");
        let report = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1).stdout;
        assert!(report.contains("row 2"), "{column}: {report}");
        ledger.execute(&write("?1"), [good]).expect("changed back");
    }
    // So is each changed byte, also between the signed part and the signature of 256 bytes.
    let read = "SELECT certificate FROM certificates WHERE id = 2";
    let good: Vec<u8> = ledger.query_row(read, [], |row| row.get(0)).expect("read");
    let write = |bytes: &[u8]| {
        ledger.execute("UPDATE certificates SET certificate = ?1 WHERE id = 2", [bytes]).expect("changed")
    };
    let end = good.len() - 256;
    for at in (0..good.len()).step_by(41).chain(end - 24..end) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        write(&bad);
        let report = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1).stdout;
        assert!(report.contains("row 2"), "byte {at}: {report}");
    }
    write(&good);
    run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_console_with_a_certificate_starts_with_a_ca_whose_ledger_is_migrated() {
    let folder = TempDir::new().expect("a folder");
    let ca = folder.path().join("ca");
    fs::create_dir(&ca).expect("made");
    for file in fs::read_dir(vector_path("ledger/schema-3")).expect("the fixture") {
        let file = file.expect("a file").path();
        let copy = ca.join(file.file_name().expect("a name"));
        fs::copy(&file, &copy).expect("copied");
        chmod(&copy, 0o600);
    }
    chmod(&ca, 0o700);
    let command = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let mut server = start(folder.path(), &[&command[..], &["--tls-issued"]].concat());
    server.line("https://");
    server.stop().expect(0);
}
