//! The console over TLS with certificates by the CA. openssl and curl are the clients.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use minipki_ca::ports::CertificateFormat;
use minipki_ca::{SubjectName, TlsCertificates, TlsServerRequest};
use minipki_fixtures::{openssl, openssl_fails, vector_path};
use minipki_provider::HostProvider;
use minipki_server::CaService;
use minipki_tests::ca::{chmod, id};
use minipki_tests::program::{run, start};
use tempfile::TempDir;

use super::console_tls::{
    BY_ADDRESS, BY_ANOTHER, BY_NAME, answer, console, host, open, opens_session, self_signed,
};

/// Has the CA in `ca` issue a certificate for `names`.
fn issue(folder: &Path, names: &[&str]) -> TlsCertificates {
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    let request = TlsServerRequest {
        subject_id: id("console"),
        public_key: openssl(&["pkey", "-pubout", "-outform", "DER"], &key),
        names: names.iter().map(|name| SubjectName::host(name).expect("a name")).collect(),
        more_names: Vec::new(),
    };
    let service = CaService::open(HostProvider::default(), &folder.join("ca")).expect("a CA");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(service.issue_tls_server(request)).expect("issued")
}

/// Writes the CA certificate to a file with this name.
fn ca_certificate(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    run(folder, &[&["ca", "certificate", "--dir", "ca", "--out", name], options].concat()).expect(0);
    folder.join(name)
}

/// The names in the certificate that the console at `link` shows, and the number of certificates that it sends.
fn shown(link: &str) -> (String, usize) {
    let address = format!("127.0.0.1:{}", host(link).rsplit(':').next().expect("a port"));
    let shown = String::from_utf8(openssl(&["s_client", "-showcerts", "-connect", &address], b""));
    let shown = shown.expect("text");
    let (_, rest) = shown.split_once("-----BEGIN").expect("a certificate");
    let (body, _) = rest.split_once("-----END").expect("the end of the text");
    let pem = format!("-----BEGIN{body}-----END CERTIFICATE-----\n");
    let names = openssl(&["x509", "-noout", "-ext", "subjectAltName"], pem.as_bytes());
    let names = String::from_utf8(names).expect("text");
    let (_, names) = names.trim().split_once('\n').expect("names");
    (names.trim().to_owned(), shown.matches("-----BEGIN CERTIFICATE").count())
}

/// Gets a page of the console with curl, which trusts the CA certificate in `trusted` alone.
fn curl(link: &str, trusted: &Path) -> Output {
    let port = host(link).rsplit(':').next().expect("a port");
    let (resolve, trusted) = (format!("ca.example:{port}:127.0.0.1"), trusted.to_str().expect("a path"));
    let arguments =
        ["--silent", "--show-error", "--include", "--cacert", trusted, "--resolve", &resolve, link];
    Command::new("curl").args(arguments).output().expect("curl runs")
}

#[test]
fn a_client_trusts_the_console_by_the_ca_certificate_and_for_its_names_alone() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued", "--name", "ca.example"]);
    assert!(link.starts_with("https://ca.example:"), "{link}");
    let trusted = ca_certificate(folder.path(), "ca.pem", &[]);

    let refused = open(openssl_fails, &link, &trusted, BY_ANOTHER);
    assert!(refused.to_lowercase().contains("hostname mismatch"), "{refused}");
    self_signed(folder.path(), "other");
    let refused = curl(&link, &folder.path().join("other.crt"));
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    // The clients that refused have sent nothing, so the link is still unused.
    let curled = curl(&link, &trusted);
    let answer = String::from_utf8_lossy(&curled.stdout).into_owned();
    assert!(curled.status.success() && answer.starts_with("HTTP/1.1 303"), "{curled:?}");
    let again = super::console_tls::answer(&link, &trusted, BY_NAME);
    assert!(again.starts_with("HTTP/1.1 403"), "{again}");
    assert_eq!(shown(&link), ("DNS:ca.example, IP Address:127.0.0.1, DNS:localhost".to_owned(), 1));
    let log = program.stop().expect(0).stderr;
    let pem = fs::read(&trusted).expect("a file");
    let print = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], &pem);
    let print = String::from_utf8(print).expect("text").trim().to_lowercase().replace(':', "");
    let (_, print) = print.split_once('=').expect("a fingerprint");
    assert!(log.contains(&format!("ca_certificate={print}")), "{log}");
    assert!(log.contains("console-root.pem of an earlier version must import"), "{log}");
}

#[test]
fn tls_on_loopback_uses_no_secret_host_name() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let trusted = ca_certificate(folder.path(), "ca.pem", &[]);
    // The CA certificate is imported once, for each start.
    for _ in 0..2 {
        let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
        assert!(link.starts_with("https://127.0.0.1:"), "{link}");
        assert_eq!(shown(&link).0, "IP Address:127.0.0.1, DNS:localhost");
        opens_session(&answer(&link, &trusted, BY_ADDRESS));
        let log = program.stop().expect(0).stderr;
        assert!(!log.contains("console-root.pem"), "{log}");
    }
}

#[test]
fn a_ca_certificate_that_does_not_permit_the_consoles_name_is_named_with_the_next_step() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let trusted = ca_certificate(folder.path(), "ca.pem", &["--permitted-dns", "ca.example"]);
    let started = ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued"];
    for (names, name) in [
        (&[][..], "127.0.0.1"),
        (&["--name", "localhost"], "localhost"),
        (&["--name", "evil.example"], "evil.example"),
        (&["--name", "ca.example", "--name", "evil.example"], "evil.example"),
    ] {
        let refused = run(folder.path(), &[&started[..], names].concat()).expect(1);
        let text = format!("the CA certificate does not permit {name},");
        assert!(refused.stderr.contains(&text) && refused.stderr.contains("--name"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "", "a link was printed");
    }
    // Names that nobody has asked for are left out.
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued", "--name", "x.ca.example"]);
    assert_eq!(shown(&link).0, "DNS:x.ca.example");
    opens_session(&answer(&link, &trusted, ["-verify_hostname", "x.ca.example"]));
    let log = program.stop().expect(0).stderr;
    for name in ["127.0.0.1", "localhost"] {
        let left_out = |line: &&str| line.contains("does not permit this name") && line.contains(name);
        assert_eq!(log.lines().filter(left_out).count(), 1, "{name}: {log}");
    }

    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let trusted = ca_certificate(folder.path(), "ca.pem", &["--permitted-ip", "127.0.0.0/8"]);
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
    assert_eq!(shown(&link).0, "IP Address:127.0.0.1");
    opens_session(&answer(&link, &trusted, BY_ADDRESS));
    program.stop().expect(0);
}

#[test]
fn clients_that_have_imported_the_certificate_of_any_key_of_the_ca_trust_the_console() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut imported = vec![ca_certificate(folder.path(), "0.pem", &[])];
    let (mut program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
    program.line("the console's certificate");
    assert_eq!(shown(&link).1, 1);
    for change in 1..3 {
        run(folder.path(), &["ca", "rollover", "--dir", "ca"]).expect(0);
        // The running console gets a certificate by the new key.
        program.line("the console's certificate");
        assert_eq!(shown(&link).1, 1 + change);
        imported.push(ca_certificate(folder.path(), &format!("{change}.pem"), &[]));
        for trusted in &imported {
            let refused = open(openssl_fails, &link, trusted, BY_ANOTHER);
            assert!(refused.to_lowercase().contains("hostname mismatch"), "{refused}");
            let answer = answer(&link, trusted, BY_ADDRESS);
            assert!(answer.starts_with("HTTP/1.1"), "{answer}");
        }
    }
    program.stop().expect(0);
    run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn each_certificate_has_a_random_serial_number_of_sixteen_octets() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut serials = BTreeSet::new();
    for _ in 0..4 {
        let issued = issue(folder.path(), &["ca.example"]);
        for issued in [&issued.authority, &issued.server] {
            let shown = openssl(&["x509", "-inform", "DER", "-noout", "-serial"], &issued.certificate);
            let serial = String::from_utf8(shown).expect("text").trim().replace("serial=", "");
            assert_eq!(serial.len(), 32, "{serial}");
            assert!(serial.as_bytes()[0] < b'8', "{serial} is positive in 16 octets");
            serials.insert(serial);
        }
    }
    assert_eq!(serials.len(), 5, "the CA certificate is made once: {serials:?}");
}

#[test]
fn a_certificate_of_the_console_is_short_lived_and_ends_with_the_ca_certificate_at_the_latest() {
    for (validity, seconds) in [("1y", 7 * 24 * 60 * 60), ("2d", 2 * 24 * 60 * 60)] {
        let folder = TempDir::new().expect("a folder");
        run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
        ca_certificate(folder.path(), "ca.pem", &["--validity", validity]);
        let issued = issue(folder.path(), &["ca.example"]);
        let lasts = issued.validity.not_after().get() - issued.validity.not_before().get();
        assert!((seconds..=seconds + 300).contains(&lasts), "{validity}: {lasts}");
    }
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    ca_certificate(folder.path(), "ca.pem", &["--validity", "1s"]);
    std::thread::sleep(Duration::from_secs(2));
    let arguments = ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued"];
    let refused = run(folder.path(), &arguments).expect(1).stderr;
    assert!(refused.contains("the CA certificate has ended at") && refused.contains("rollover"), "{refused}");
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

/// Copies the CA of an earlier version with this ledger.
fn earlier_ca(folder: &Path, ledger: &str) {
    let ca = folder.join("ca");
    fs::create_dir(&ca).expect("made");
    for file in fs::read_dir(vector_path(ledger)).expect("the fixture") {
        let file = file.expect("a file").path();
        let copy = ca.join(file.file_name().expect("a name"));
        fs::copy(&file, &copy).expect("copied");
        chmod(&copy, 0o600);
    }
    chmod(&ca, 0o700);
}

#[test]
fn a_console_with_a_certificate_starts_with_a_ca_whose_ledger_is_migrated() {
    let folder = TempDir::new().expect("a folder");
    earlier_ca(folder.path(), "ledger/schema-3");
    let command = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let mut server = start(folder.path(), &[&command[..], &["--tls-issued"]].concat());
    server.line("https://");
    server.stop().expect(0);
}

#[test]
fn certificates_of_earlier_consoles_stay_in_the_ledger_and_their_root_must_be_replaced_once() {
    let folder = TempDir::new().expect("a folder");
    earlier_ca(folder.path(), "ledger/schema-6");
    let (program, link) = console(folder.path(), "127.0.0.1:0", &["--tls-issued"]);
    let ledger = rusqlite::Connection::open(folder.path().join("ca/ledger.sqlite")).expect("opened");
    let read = |id: u32| -> Vec<u8> {
        let read = "SELECT certificate FROM certificates WHERE id = ?1";
        ledger.query_row(read, [id], |row| row.get(0)).expect("read")
    };
    // The root and the console's certificate of the earlier version, then those of this one.
    let [root, server] = [1, 2].map(|id| {
        let file = folder.path().join(format!("{id}.pem"));
        fs::write(&file, CertificateFormat::X509.text(&read(id))).expect("written");
        file
    });
    let [old, own] = [&root, &server].map(|file| file.to_str().expect("a path"));
    openssl(&["verify", "-no_check_time", "-x509_strict", "-CAfile", old, own], b"");
    open(openssl_fails, &link, &root, BY_ADDRESS);
    opens_session(&answer(&link, &ca_certificate(folder.path(), "ca.pem", &[]), BY_ADDRESS));
    let log = program.stop().expect(0).stderr;
    assert!(log.contains("console-root.pem of an earlier version must import"), "{log}");
    let report = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0).stdout;
    assert!(report.contains('4'), "{report}");
    // The rows are verified, also those of the earlier version.
    for id in [1, 2] {
        let mut bad = read(id);
        *bad.last_mut().expect("a signature") ^= 1;
        let update = "UPDATE certificates SET certificate = ?1 WHERE id = ?2";
        let good = std::mem::replace(&mut bad, read(id));
        ledger.execute(update, (&good, id)).expect("changed");
        let report = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1).stdout;
        assert!(report.contains(&format!("row {id}")), "{report}");
        ledger.execute(update, (&bad, id)).expect("changed back");
    }
}
