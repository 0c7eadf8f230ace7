//! The X.509 certificates of the CA's own keys, with the built program. openssl and the validator of the core read them.

use std::fs;
use std::path::Path;

use minipki_core::encoding::pem;
use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::KeyUsage;
use minipki_core::x509::{Certificate, PathValidator, Profile, TrustAnchor, WorkSpace};
use minipki_fixtures::{openssl, openssl_fails};
use minipki_provider::x509::ALL;
use minipki_tests::kill_points::{KillPoint, WRITES, at_each};
use minipki_tests::program::{Done, run, start};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::rollover::{AFTER_COMMIT, RENAMES, interrupted, made, rollover};

const CERTIFICATE: [&str; 4] = ["ca", "certificate", "--dir", "ca"];

pub(crate) fn ca_certificate(at: &Path, more: &[&str]) -> Done {
    run(at, &[&CERTIFICATE[..], more].concat())
}

/// Writes the CA's certificate to the file `name`.
pub(crate) fn write_ca_certificate(at: &Path, name: &str) {
    ca_certificate(at, &["--out", name]).expect(0);
}

/// The certificates in a file of PEM, in DER.
pub(crate) fn ders(text: &str) -> Vec<Vec<u8>> {
    let end = "-----END CERTIFICATE-----\n";
    text.split_inclusive(end)
        .map(|one| {
            let mut room = vec![0; one.len()];
            pem::decode("CERTIFICATE", one.as_bytes(), &mut room).expect("PEM").to_vec()
        })
        .collect()
}

fn read(at: &Path, name: &str) -> String {
    fs::read_to_string(at.join(name)).expect("a file of text")
}

/// The text of openssl about a certificate.
pub(crate) fn described(pem: &str) -> String {
    let shown = openssl(&["x509", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb"], pem.as_bytes());
    String::from_utf8(shown).expect("text")
}

/// Has the core and openssl verify `certificate` under the trusted `root`, both in DER, an hour from now.
fn accepts(at: &Path, root: &str, certificate: &[u8]) {
    let anchor = &ders(&read(at, root))[0];
    let anchors = [TrustAnchor::from_certificate(Certificate::parse(anchor).expect("sound"))];
    let certificate_of = Certificate::parse(certificate).expect("sound");
    let now = UnixTime::new(certificate_of.not_before().get() + 3600).expect("a time");
    let mut validator = PathValidator::new(&ALL, Now::Exact(now));
    for (profile, usage) in
        [(Profile::RFC5280, KeyUsage::KEY_CERT_SIGN), (Profile::WEB_PKI, KeyUsage::CRL_SIGN)]
    {
        // A server is not a CA by the rules of the Web PKI.
        validator.profile = profile.without(minipki_core::x509::Check::ServerNotCa);
        validator.profile = validator.profile.without(minipki_core::x509::Check::ServerPurpose);
        validator.profile = validator.profile.without(minipki_core::x509::Check::ServerAltName);
        validator.profile = validator.profile.without(minipki_core::x509::Check::CommonName);
        validator.key_usage = usage;
        let mut space = WorkSpace::new();
        validator.validate(&certificate_of, &[], &anchors, &mut space).expect("a valid path");
    }
    let (root, file) = (at.join(root).display().to_string(), at.join("checked.der"));
    fs::write(&file, certificate).expect("written");
    let file = file.display().to_string();
    openssl(&["verify", "-x509_strict", "-CAfile", &root, &file], b"");
}

#[test]
fn the_ca_certificate_is_made_once_and_stays_the_same() {
    let folder = made();
    let at = folder.path();
    let first = ca_certificate(at, &[]).expect(0);
    assert!(first.stderr.contains("has an X.509 certificate now"), "{}", first.stderr);
    let second = ca_certificate(at, &["--out", "ca.pem"]).expect(0);
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("", ""));
    assert_eq!(read(at, "ca.pem"), first.stdout);
    // The CA may be served meanwhile.
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    server.address("serving");
    ca_certificate(at, &["--der", "--out", "ca.der"]).expect(0);
    server.stop().expect(0);
    let der = fs::read(at.join("ca.der")).expect("a file");
    assert_eq!(ders(&first.stdout)[0], der);
    accepts(at, "ca.pem", &der);

    let certificate = Certificate::parse(&der).expect("sound");
    assert_eq!(certificate.serial().len(), 16);
    let end = certificate.not_after().get() - certificate.not_before().get();
    assert_eq!(end, 7305 * 24 * 60 * 60 + 300);
    let shown = described(&first.stdout);
    let hash = Sha256::digest(certificate.public_key().key());
    let id: Vec<_> = hash[..20].iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [
        "Issuer: CN=minipki-ca\n",
        "Subject: CN=minipki-ca\n",
        "X509v3 Basic Constraints: critical\n                CA:TRUE\n",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
        &format!("X509v3 Subject Key Identifier: \n                {}\n", id.join(":")),
        "Signature Algorithm: sha256WithRSAEncryption",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("Name Constraints"), "{shown}");
    let list = run(at, &["ca", "list", "--dir", "ca"]).expect(0).stdout;
    assert_eq!(list.matches(" minipki-ca").count(), 1, "{list}");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn the_operator_chooses_the_fields_at_the_first_call_and_nothing_changes_them() {
    let folder = made();
    let at = folder.path();
    let organization = "A/B, \"C\"; +<é>=#\\";
    let fields = ["--organization", organization, "--country", "DE", "--validity", "400d"];
    let names = ["--permitted-dns", "example.org", "--permitted-ip", "192.0.2.0/24"];
    let all = [&fields[..], &names, &["--out", "ca.pem"]].concat();
    ca_certificate(at, &all).expect(0);
    // The same call again is safe, and a call without them.
    ca_certificate(at, &all).expect(0);
    let pem = ca_certificate(at, &[]).expect(0).stdout;
    assert_eq!(pem, read(at, "ca.pem"));
    accepts(at, "ca.pem", &ders(&pem)[0]);
    let shown = described(&pem);
    for text in [
        "Subject: CN=minipki-ca,O=A/B\\, \\\"C\\\"\\; \\+\\<é\\>=#\\\\,C=DE\n",
        "X509v3 Name Constraints: critical",
        "DNS:example.org",
        "IP:192.0.2.0/255.255.255.0",
        "email:minipki.invalid",
        "Excluded:\n                  IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    for other in [
        &["--organization", "Other"][..],
        &["--country", "DE"],
        &["--validity", "401d"],
        &["--permitted-dns", "example.org"],
    ] {
        let refused = ca_certificate(at, other).expect(1);
        assert!(refused.stderr.contains("it has other fields than these options give"), "{}", refused.stderr);
        assert!(refused.stderr.contains("leave these options out"), "{}", refused.stderr);
    }
    // Another file is not replaced.
    let refused = ca_certificate(at, &["--out", "ca/anchor.json"]).expect(1);
    assert!(refused.stderr.contains("exists, and is not an X.509 certificate"), "{}", refused.stderr);
}

#[test]
fn options_that_no_certificate_can_have_are_refused_before_anything_is_made() {
    let folder = made();
    let at = folder.path();
    for (options, text) in [
        (["--country", "de"], "two capital letters"),
        (["--country", "DEU"], "two capital letters"),
        (["--organization", ""], "1 to 64 characters"),
        (["--organization", &"x".repeat(65)], "1 to 64 characters"),
        (["--organization", "a\nb"], "no control character"),
        (["--permitted-dns", "192.0.2.1"], "is not a DNS name"),
        (["--permitted-dns", "a..b"], "neither a DNS name nor an IP address"),
        (["--validity", "9000y"], "beyond the year 9999"),
    ] {
        let refused = ca_certificate(at, &options).expect(1);
        assert!(refused.stderr.contains(text) && refused.stdout.is_empty(), "{}", refused.stderr);
    }
    let refused = ca_certificate(at, &["--permitted-ip", "192.0.2.0/33"]).expect(2);
    assert!(refused.stderr.contains("192.0.2.0/24 or 2001:db8::/32"), "{}", refused.stderr);
    assert_eq!(count(at), 0);
}

/// The number of certificates in the ledger.
pub(crate) fn count(at: &Path) -> u32 {
    let ledger = Connection::open(at.join("ca/ledger.sqlite")).expect("opened");
    ledger.query_row("SELECT count(*) FROM certificates", [], |row| row.get(0)).expect("read")
}

#[test]
fn a_ca_of_an_earlier_version_gets_a_certificate_and_loses_nothing() {
    let folder = minipki_tests::program::folder_with_alice();
    let at = folder.path();
    let path = at.join("ca/ledger.sqlite");
    let ledger = Connection::open(&path).expect("opened");
    let earlier = "DROP TABLE requests; DROP TABLE twins; DROP TABLE chains; DROP TABLE public_urls; ALTER TABLE owner DROP COLUMN crl_shards;
                   PRAGMA user_version = 6;";
    ledger.execute_batch(earlier).expect("like the earlier version");
    drop(ledger);
    let pem = ca_certificate(at, &[]).expect(0).stdout;
    assert_eq!(ca_certificate(at, &[]).expect(0).stdout, pem);
    assert_eq!(count(at), 2);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    run(at, &["verify", "--anchor", "ca/anchor.json", "alice/certificate.json"]).expect(0);
}

#[test]
fn several_processes_that_make_it_at_once_get_the_same() {
    let folder = made();
    let at = folder.path();
    let processes: Vec<_> = (0..6).map(|_| start(at, &CERTIFICATE)).collect();
    let made: Vec<_> = processes.into_iter().map(|process| process.wait().expect(0).stdout).collect();
    assert!(made.iter().all(|pem| *pem == made[0] && !pem.is_empty()), "{made:?}");
    assert_eq!(count(at), 1);
}

#[test]
fn a_kill_at_any_write_leaves_no_certificate_or_the_one_of_later_calls() {
    let folder = made();
    let at = folder.path();
    let whole = at.join("whole");
    fs::rename(at.join("ca"), &whole).expect("moved");
    let kills = at_each(WRITES, |point: KillPoint| {
        let _ = fs::remove_dir_all(at.join("ca"));
        let _ = fs::remove_file(at.join("ca.pem"));
        let copied = std::process::Command::new("cp").arg("-a").args([&whole, &at.join("ca")]).status();
        assert!(copied.expect("cp runs").success());
        let done = point.run(at, &[&CERTIFICATE[..], &["--out", "ca.pem"]].concat());
        let written = fs::read_to_string(at.join("ca.pem")).ok();
        let pem = ca_certificate(at, &[]).expect(0).stdout;
        assert!(written.is_none_or(|written| written == pem), "{point:?}");
        assert_eq!(ca_certificate(at, &[]).expect(0).stdout, pem, "{point:?}");
        assert_eq!(count(at), 1, "{point:?}");
        done
    });
    assert!(kills > 10, "only {kills} kills");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn after_a_change_of_the_key_each_key_certifies_the_other() {
    let folder = made();
    let at = folder.path();
    ca_certificate(at, &["--organization", "A School", "--out", "old.pem"]).expect(0);
    rollover(at, &["--bits", "3072"]).expect(0);
    let refused = ca_certificate(at, &["--organization", "Another School"]).expect(1);
    assert!(refused.stderr.contains("other fields than these options give"), "{}", refused.stderr);
    write_ca_certificate(at, "new.pem");
    let all = ca_certificate(at, &["--cross"]).expect(0).stdout;
    assert_eq!(ca_certificate(at, &["--cross"]).expect(0).stdout, all);
    let ders = ders(&all);
    assert_eq!(ders.len(), 3);
    assert!(all.starts_with(&read(at, "new.pem")));
    accepts(at, "new.pem", &ders[0]);
    // The certificate of the new key by the old one, and that of the old key by the new one.
    accepts(at, "old.pem", &ders[1]);
    accepts(at, "new.pem", &ders[2]);
    let parsed: Vec<_> = ders.iter().map(|der| Certificate::parse(der).expect("sound")).collect();
    let old = self::ders(&read(at, "old.pem"));
    let old = Certificate::parse(&old[0]).expect("sound");
    let keys = parsed.iter().map(|one| one.public_key().der());
    let [new_key, old_key] = [parsed[0].public_key().der(), old.public_key().der()];
    assert!(keys.eq([new_key, new_key, old_key]));
    for one in &parsed {
        assert_eq!(one.subject().contents(), old.subject().contents());
        assert_eq!(one.issuer().contents(), old.subject().contents());
    }
    assert!(parsed[1].not_after() <= old.not_after() && parsed[2].not_after() <= old.not_after());
    for (root, der) in [("new.pem", &ders[1]), ("old.pem", &ders[2])] {
        fs::write(at.join("wrong.der"), der).expect("written");
        let file = |name: &str| at.join(name).display().to_string();
        openssl_fails(&["verify", "-x509_strict", "-CAfile", &file(root), &file("wrong.der")], b"");
    }
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn an_interrupted_change_of_the_key_makes_one_cross_certificate() {
    for (number, step) in (1..).zip(RENAMES) {
        let folder = made();
        let at = folder.path();
        write_ca_certificate(at, "old.pem");
        interrupted(at, number, &[]);
        run(at, &["ca", "rollover", "--dir", "ca", "--finish"]).expect(0);
        if number < AFTER_COMMIT {
            rollover(at, &[]).expect(0);
        }
        write_ca_certificate(at, "new.pem");
        let ders = ders(&ca_certificate(at, &["--cross"]).expect(0).stdout);
        assert_eq!(ders.len(), 3, "{step}");
        accepts(at, "old.pem", &ders[1]);
        accepts(at, "new.pem", &ders[2]);
        assert_eq!(count(at), 4, "{step}");
        run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    }
}

#[test]
fn without_a_certificate_of_the_former_key_there_is_no_cross_certificate() {
    let folder: TempDir = made();
    let at = folder.path();
    rollover(at, &[]).expect(0);
    write_ca_certificate(at, "ca.pem");
    assert_eq!(ca_certificate(at, &["--cross"]).expect(0).stdout, read(at, "ca.pem"));
    assert_eq!(count(at), 1);
}

#[test]
fn a_ca_certificate_with_permitted_names_permits_no_other() {
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
    ];
    let common = "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
                  keyUsage=critical,digitalSignature\n";
    for names in
        [&["ca.example", "192.0.2.7", "2001:db8::7"][..], &["ca.example"], &["192.0.2.7"], &["2001:db8::7"]]
    {
        let folder = made();
        let at = folder.path();
        let path = |name: &str| at.join(name).display().to_string();
        let options = names.iter().flat_map(|name| match name.contains(".example") {
            true => ["--permitted-dns", name],
            false => ["--permitted-ip", name],
        });
        ca_certificate(at, &[&["--out", "ca.pem"][..], &options.collect::<Vec<_>>()].concat()).expect(0);
        let (key, request, leaf, trusted) = (path("key"), path("request"), path("leaf.pem"), path("ca.pem"));
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key], b"");
        let issue = |extensions: &str, subject: &str| {
            openssl(&["req", "-new", "-key", &key, "-subj", subject, "-out", &request], b"");
            let (file, ca_key) = (path("extensions"), path("ca/ca-key.pem"));
            fs::write(&file, extensions).expect("written");
            let sign = ["x509", "-req", "-in", &request, "-CA", &trusted, "-CAkey", &ca_key, "-days", "1"];
            openssl(&[&sign[..], &["-extfile", &file, "-out", &leaf]].concat(), b"");
        };
        let verify = ["verify", "-x509_strict", "-CAfile", &trusted, &leaf];
        let is_permitted = |name: &str| {
            let (_, value) = name.split_once(':').expect("a kind");
            names.iter().any(|own| value == *own || value.ends_with(&format!(".{own}")))
        };
        let refused = || {
            let refused = openssl_fails(&verify, b"");
            assert!(refused.contains("subtree violation"), "under a CA certificate for {names:?}: {refused}");
        };
        for name in good.into_iter().chain(bad) {
            issue(&format!("{common}subjectAltName={name}\n"), "/CN=subject");
            if is_permitted(name) { drop(openssl(&verify, b"")) } else { refused() }
        }
        issue(common, "/CN=x/emailAddress=root@example.org");
        refused();
    }
}

#[test]
fn a_certificate_of_the_cas_own_key_is_not_revoked() {
    let folder = made();
    let at = folder.path();
    let pem = ca_certificate(at, &[]).expect(0).stdout;
    let serial = super::x509_sign::serial(&pem);
    let refused =
        run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial, "--reason", "key_compromise"]);
    let refused = refused.expect(1).stderr;
    assert!(
        refused.contains("for a key of the CA itself") && refused.contains("minipki ca rollover"),
        "{refused}"
    );
    rollover(at, &[]).expect(0);
    // Also not that of a former key, and the CA goes on.
    run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial, "--reason", "key_compromise"]).expect(1);
    assert_ne!(ca_certificate(at, &[]).expect(0).stdout, pem);
}
