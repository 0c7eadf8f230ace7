//! `minipki x509 verify` with CRLs that openssl has made, beside `openssl verify -crl_check_all`.

use std::fs;

use minipki_tests::program::run;
use minipki_tests::x509::{SERVER, chain, issue, join, openssl, openssl_succeeds, revoke};
use tempfile::TempDir;

#[test]
fn crls_have_the_verdicts_of_openssl() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    issue(at, "p256", "stolen", Some("inter"), SERVER);
    revoke(at, "root", &[]);
    revoke(at, "inter", &["stolen.pem"]);
    join(at, &["root.crl", "inter.crl"], "both.crl");
    openssl_succeeds(at, &["crl", "-in", "inter.crl", "-outform", "der", "-out", "inter.der"]);
    let mut changed = fs::read(at.join("inter.der")).expect("the list");
    *changed.last_mut().expect("a signature") ^= 1;
    fs::write(at.join("changed.der"), changed).expect("the file is written");
    openssl_succeeds(at, &["crl", "-inform", "der", "-in", "changed.der", "-out", "changed.pem"]);
    join(at, &["root.crl", "changed.pem"], "changed.crl");
    // Two months later: 30 days after the end of the lists. Both programs get the same second.
    let later = in_days(60);
    for (leaf, crl, time, expected) in [
        ("leaf.pem", "both.crl", None, None),
        ("stolen.pem", "both.crl", None, Some(", as both.crl, CRL 2 says")),
        ("leaf.pem", "inter.crl", None, Some("there is no CRL of its issuer CN=root")),
        ("leaf.pem", "root.crl", None, Some("there is no CRL of its issuer CN=inter")),
        ("leaf.pem", "both.crl", Some(&later), Some("(crl_next_update, RFC 5280 §5.1.2.5)")),
        ("leaf.pem", "changed.crl", None, Some("(crl_signature, RFC 5280 §6.3.3 (g))")),
    ] {
        let trust = ["--trust", "root.pem", "--untrusted", "inter.pem", "--crl", crl];
        let mut own = [&["x509", "verify", leaf], &trust[..]].concat();
        let trust = ["-CAfile", "root.pem", "-untrusted", "inter.pem", "-CRLfile", crl];
        let mut theirs = [&["verify", "-x509_strict", "-crl_check_all"], &trust[..]].concat();
        if let Some((time, seconds)) = time {
            own.extend(["--at", time]);
            theirs.extend(["-attime", seconds]);
        }
        let verdict = openssl(at, &[&theirs[..], &[leaf]].concat());
        assert_eq!(verdict.status.success(), expected.is_none(), "openssl {theirs:?}");
        let Some(expected) = expected else {
            let done = run(at, &own).expect(0).stdout;
            assert!(done.contains("    passed       revocation: "), "{done}");
            continue;
        };
        let done = run(at, &own).expect(4);
        assert!(done.stderr.contains(expected), "{own:?}: {done:?}");
        assert!(done.stderr.contains("(check revocation, "), "{done:?}");
        // The path itself is valid, and shown.
        assert!(done.stdout.contains("    trust anchor  CN=root\n"), "{done:?}");
    }
    let reason =
        run(at, &["x509", "verify", "stolen.pem", "--trust", "root.pem", "--untrusted", "inter.pem"]);
    let reason = reason.expect(0).stdout;
    assert!(reason.contains("    not checked  revocation: ") && reason.contains("because there is no --crl"));
    let revoked =
        ["--trust", "root.pem", "--untrusted", "inter.pem", "--crl", "root.crl", "--crl", "inter.der"];
    let revoked = run(at, &[&["x509", "verify", "stolen.pem"], &revoked[..]].concat()).expect(4).stderr;
    assert!(revoked.contains(" with the reason keyCompromise, as inter.der says"), "{revoked}");
    let other =
        run(at, &["x509", "verify", "leaf.pem", "--trust", "root.pem", "--crl", "leaf.pem"]).expect(1);
    assert!(other.stderr.contains("leaf.pem: it has no CRL"), "{other:?}");

    let shown = run(at, &["inspect", "inter.der"]).expect(0).stdout;
    for text in ["X.509 CRL", "CN=inter", "reason keyCompromise", "cRLNumber", "authorityKeyIdentifier"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
}

#[test]
fn an_ocsp_response_is_explained() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    issue(at, "p256", "stolen", Some("inter"), SERVER);
    revoke(at, "inter", &["stolen.pem"]);
    openssl_succeeds(
        at,
        &[
            [
                "ocsp",
                "-index",
                "inter.index",
                "-CA",
                "inter.pem",
                "-rsigner",
                "inter.pem",
                "-rkey",
                "inter.key",
            ],
            [
                "-issuer",
                "inter.pem",
                "-cert",
                "stolen.pem",
                "-ndays",
                "1",
                "-no_nonce",
                "-respout",
                "answer.der",
            ],
        ]
        .concat(),
    );
    let shown = run(at, &["inspect", "answer.der"]).expect(0).stdout;
    for text in ["OCSP response: ", "successful", "CN=inter", "revoked at ", "keyCompromise", "SHA-1 "] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
}

/// The time after these days, for both programs: in RFC 3339, and in seconds since 1970.
fn in_days(days: u64) -> (String, String) {
    let now = minipki_os::clock::now().expect("a clock");
    let then = minipki_core::time::UnixTime::new(now.get() + days * 86_400).expect("a time");
    (then.to_string(), then.get().to_string())
}
