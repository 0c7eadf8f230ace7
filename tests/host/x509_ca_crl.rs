//! The lists of revoked X.509 certificates, with the built program and openssl as their reader.

use std::fs;
use std::path::Path;

use minipki_core::encoding::pem;
use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::program::{Done, run};
use rusqlite::Connection;

use super::rollover::{fingerprint, made, rollover};
use super::x509_ca_certificate::{ca_certificate, write_ca_certificate};
use super::x509_sign::{P256, csr, serial, sign};

fn crl(at: &Path, more: &[&str]) -> Done {
    run(at, &[&["ca", "crl", "--dir", "ca"], more].concat())
}

fn revoke(at: &Path, pem: &str, reason: &str) {
    run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial(pem), "--reason", reason]).expect(0);
}

/// A new certificate of the server `name`, in the file `name.pem`.
fn server(at: &Path, name: &str) -> String {
    let csr = csr(P256, "/CN=x", &format!("DNS:{name}"));
    let out = format!("{name}.pem");
    sign(at, &csr, &["--profile", "tls-server", "--allow-name", name, "--out", &out]).expect(0);
    fs::read_to_string(at.join(out)).expect("text")
}

fn described(crl: &str) -> String {
    String::from_utf8(openssl(&["crl", "-noout", "-text"], crl.as_bytes())).expect("text")
}

/// The cRLNumber.
fn number(crl: &str) -> u128 {
    let shown = String::from_utf8(openssl(&["crl", "-noout", "-crlnumber"], crl.as_bytes())).expect("text");
    let digits = shown.trim().strip_prefix("crlNumber=0x").or(shown.trim().strip_prefix("crlNumber="));
    u128::from_str_radix(digits.expect("a number"), 16).expect("hexadecimal digits")
}

/// Has openssl verify the certificate in `leaf` under `root` with the list in `list`.
fn verify<T>(openssl: impl FnOnce(&[&str], &[u8]) -> T, at: &Path, [root, list, leaf]: [&str; 3]) -> T {
    let file = |name: &str| at.join(name).display().to_string();
    let (root, list, leaf) = (file(root), file(list), file(leaf));
    let check = ["verify", "-x509_strict", "-crl_check", "-CAfile", &root, "-CRLfile", &list, &leaf];
    openssl(&check, b"")
}

#[test]
fn openssl_accepts_the_list_and_refuses_what_it_has() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let [good, bad, held] = ["good.example", "bad.example", "held.example"].map(|name| server(at, name));
    let first = crl(at, &["--out", "ca.crl"]).expect(0);
    assert!(first.stderr.contains("revoked or on hold: 0") && first.stdout.is_empty(), "{}", first.stderr);
    let empty = fs::read_to_string(at.join("ca.crl")).expect("text");
    assert!(described(&empty).contains("No Revoked Certificates"), "{}", described(&empty));
    for name in ["good", "bad", "held"] {
        verify(openssl, at, ["ca.pem", "ca.crl", &format!("{name}.example.pem")]);
    }

    revoke(at, &bad, "superseded");
    revoke(at, &held, "certificate_hold");
    crl(at, &["--out", "ca.crl"]).expect(0);
    let list = fs::read_to_string(at.join("ca.crl")).expect("text");
    let ca = at.join("ca.pem").display().to_string();
    openssl(&["crl", "-noout", "-CAfile", &ca, "-verify"], list.as_bytes());
    let shown = described(&list);
    for text in [
        "Version 2 (0x1)",
        "Issuer: CN = minipki-ca",
        "X509v3 Authority Key Identifier",
        "X509v3 CRL Number",
        "X509v3 CRL Reason Code: \n                Superseded",
        "X509v3 CRL Reason Code: \n                Certificate Hold",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let plain = |pem: &str| serial(pem).replace(':', "").to_uppercase();
    assert!(
        shown.contains(&plain(&bad)) && shown.contains(&plain(&held)) && !shown.contains(&plain(&good)),
        "{shown}"
    );
    verify(openssl, at, ["ca.pem", "ca.crl", "good.example.pem"]);
    for name in ["bad", "held"] {
        let refused = verify(openssl_fails, at, ["ca.pem", "ca.crl", &format!("{name}.example.pem")]);
        assert!(refused.contains("certificate revoked"), "{refused}");
    }
    // The end of a hold, and the growth of the number.
    run(at, &["ca", "unhold", "--dir", "ca", "--serial", &serial(&held)]).expect(0);
    crl(at, &["--out", "ca.crl"]).expect(0);
    let last = fs::read_to_string(at.join("ca.crl")).expect("text");
    verify(openssl, at, ["ca.pem", "ca.crl", "held.example.pem"]);
    assert!(number(&empty) < number(&list) && number(&list) < number(&last));
    assert_eq!([number(&empty) >> 40, number(&list) >> 40, number(&last) >> 40], [0, 2, 3]);

    // PEM and DER are the same list, if they are of the same second.
    let der = crl(at, &["--der", "--out", "ca.der"]).expect(0);
    assert!(der.stdout.is_empty());
    openssl(&["crl", "-inform", "DER", "-in", &at.join("ca.der").display().to_string(), "-noout"], b"");
    crl(at, &["--der", "--out", "ca.der"]).expect(0);
    let refused = crl(at, &["--out", "ca.pem"]).expect(1);
    assert!(refused.stderr.contains("is not a list of revoked X.509 certificates"), "{}", refused.stderr);
}

#[test]
fn the_list_can_be_used_for_its_lifetime_and_json_certificates_are_in_it() {
    let folder = minipki_tests::program::folder_with_alice();
    let at = folder.path();
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"]).expect(0);
    let done = crl(at, &[]).expect(0);
    assert!(done.stderr.contains("revoked or on hold: 1.\nThe revocation number is 1."), "{}", done.stderr);
    for (more, seconds) in [(&[][..], 7 * 86400), (&["--lifetime", "1h"], 3600)] {
        let list = crl(at, more).expect(0).stdout;
        let shown = String::from_utf8(openssl(
            &["crl", "-noout", "-lastupdate", "-nextupdate", "-dateopt", "iso_8601"],
            list.as_bytes(),
        ));
        let shown = shown.expect("text");
        let time = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)).expect("a time");
            line.replace(' ', "T")
                .replace('Z', "+00:00")
                .parse::<minipki_core::time::UnixTime>()
                .expect("a time")
                .get()
        };
        assert_eq!(time("nextUpdate=") - time("lastUpdate="), seconds, "{shown}");
    }
}

#[test]
fn an_entry_leaves_the_list_a_week_after_the_end_of_its_certificate() {
    let folder = made();
    let at = folder.path();
    let pem = server(at, "old.example");
    revoke(at, &pem, "cessation_of_operation");
    let listed = || described(&crl(at, &[]).expect(0).stdout).contains("Serial Number");
    assert!(listed());
    let end_before = |seconds: u64| {
        let ledger = Connection::open(at.join("ca/ledger.sqlite")).expect("opened");
        let end = minipki_tests::server::now().get() - seconds;
        // The list reads the copy of this column alone.
        ledger.execute("UPDATE revoked SET not_after = ?1", [end as i64]).expect("changed");
    };
    end_before(7 * 86400 - 600);
    assert!(listed(), "at least one list must show it after its end");
    end_before(7 * 86400 + 600);
    assert!(!listed());
}

#[test]
fn after_a_change_of_the_key_the_lists_of_both_keys_have_all_certificates() {
    let folder = made();
    let at = folder.path();
    let old = fingerprint(at);
    write_ca_certificate(at, "old.pem");
    let [first, _] = ["a.example", "b.example"].map(|name| server(at, name));
    rollover(at, &[]).expect(0);
    write_ca_certificate(at, "new.pem");
    let [second, _] = ["c.example", "d.example"].map(|name| server(at, name));
    revoke(at, &first, "superseded");
    revoke(at, &second, "superseded");
    crl(at, &["--out", "new.crl"]).expect(0);
    crl(at, &["--key", &old, "--out", "old.crl"]).expect(0);
    for (root, list, good, bad) in [("old.pem", "old.crl", "b", "a"), ("new.pem", "new.crl", "d", "c")] {
        verify(openssl, at, [root, list, &format!("{good}.example.pem")]);
        let refused = verify(openssl_fails, at, [root, list, &format!("{bad}.example.pem")]);
        assert!(refused.contains("certificate revoked"), "{refused}");
        let shown = described(&fs::read_to_string(at.join(list)).expect("text"));
        assert_eq!(shown.matches("Serial Number").count(), 2, "{shown}");
    }
    // With the certificate of the new key by the old one, a reader of the old certificate accepts the new servers.
    let cross = ca_certificate(at, &["--cross"]).expect(0).stdout;
    let end = "-----END CERTIFICATE-----\n";
    fs::write(at.join("cross.pem"), cross.split_inclusive(end).nth(1).expect("a certificate"))
        .expect("written");
    let file = |name: &str| at.join(name).display().to_string();
    let chain = ["verify", "-x509_strict", "-CAfile", &file("old.pem"), "-untrusted", &file("cross.pem")];
    openssl(&[&chain[..], &[&file("d.example.pem")]].concat(), b"");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_list_by_a_key_without_a_certificate_is_refused() {
    let folder = made();
    let at = folder.path();
    let old = fingerprint(at);
    rollover(at, &[]).expect(0);
    let refused = crl(at, &["--key", &old]).expect(1);
    assert!(refused.stderr.contains("has no X.509 certificate"), "{}", refused.stderr);
    let unknown = crl(at, &["--key", &"0".repeat(64)]).expect(1);
    assert!(unknown.stderr.contains("has no key 0000"), "{}", unknown.stderr);
    // The present key gets its certificate.
    let list = crl(at, &[]).expect(0).stdout;
    let mut room = vec![0; list.len()];
    pem::decode("X509 CRL", list.as_bytes(), &mut room).expect("PEM");
}
