//! GnuTLS: `certtool`.

use minipki_tests::judges;

use super::issued::{Issued, KINDS, PROFILES, REASONS};
use super::{CLIENT_AUTH, Judgement, SERVER_AUTH};

pub(super) fn judge(issued: &Issued, judgement: &mut Judgement) {
    let mut verify = |what: &str, good: bool, arguments: &[&str]| {
        let done =
            judges::run(issued.at(), "certtool", &[&["--verify-profile", "medium"], arguments].concat());
        judgement.expect(["gnutls", what], good, &done, |done| {
            let line = done.stdout.lines().rev().find(|line| line.contains("output:"));
            line.unwrap_or(&done.stderr).to_owned()
        });
    };
    for (profile, kind) in PROFILES.into_iter().flat_map(|profile| KINDS.map(|kind| (profile, kind))) {
        let name = format!("{profile}-{kind}");
        let file = format!("{name}.pem");
        verify(&name, true, &["--certificate-info", "--infile", &file]);
        for (purpose, others) in [(SERVER_AUTH, "tls-client"), (CLIENT_AUTH, "tls-server")] {
            let under_ca = ["--verify", "--load-ca-certificate", "ca.pem", "--infile", &file];
            let with_crl = ["--load-crl", "full.crl", "--verify-purpose", purpose];
            verify(&name, profile != others, &[&under_ca[..], &with_crl].concat());
        }
        if profile != "tls-client" {
            for (host, good) in [("www.example.org", true), ("example.org", false)] {
                let named = ["--infile", &file, "--verify-hostname", host];
                verify(&name, good, &[&["--verify", "--load-ca-certificate", "ca.pem"], &named[..]].concat());
            }
        }
    }
    for (host, good) in [("a.example.net", true), ("example.net", false), ("a.b.example.net", false)] {
        let named = ["--infile", "wildcard.pem", "--verify-hostname", host];
        verify("wildcard", good, &[&["--verify", "--load-ca-certificate", "ca.pem"], &named[..]].concat());
    }
    for (root, chain, good) in [
        ("ca", &["tls-server-rsa", "ca"][..], true),
        ("limited", &["limited-server"], true),
        ("limited", &["outside"], false),
        ("ca", &["outside"], true),
        ("ca", &["next-server", "next-by-ca"], true),
        ("next", &["next-server"], true),
        ("next", &["tls-server-rsa", "ca-by-next"], true),
        ("next", &["tls-server-rsa"], false),
    ] {
        let (root, file) = (format!("{root}.pem"), issued.joined(chain));
        verify(&file, good, &["--verify", "--load-ca-certificate", &root, "--infile", &file]);
    }
    let whole = issued.joined(&["next-server", "next-by-ca", "ca"]);
    verify(&whole, true, &["--verify-chain", "--infile", &whole]);
    for (root, crl, good) in [
        ("ca.pem", "empty.crl", true),
        ("ca.pem", "full.crl", true),
        ("next.pem", "next.crl", true),
        ("next.pem", "full.crl", false),
    ] {
        verify(crl, true, &["--crl-info", "--infile", crl]);
        verify(crl, good, &["--verify-crl", "--load-ca-certificate", root, "--infile", crl]);
    }
    for reason in REASONS {
        let file = format!("{reason}.pem");
        let arguments = ["--verify", "--load-ca-certificate", "ca.pem", "--infile", &file, "--load-crl"];
        verify(reason, true, &[&arguments[..], &["empty.crl"]].concat());
        verify(reason, false, &[&arguments[..], &["full.crl"]].concat());
    }
}
