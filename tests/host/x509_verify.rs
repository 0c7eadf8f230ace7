//! `minipki x509 verify`: chains that openssl has made, and its verdicts beside those of `openssl verify`.

use std::fs;
use std::path::Path;

use minipki_tests::program::run;
use minipki_tests::x509::{CA, SERVER, chain, issue, join, openssl, to_der};
use serde_json::Value;
use tempfile::TempDir;

/// A certificate that both programs refuse.
struct Refused {
    leaf: &'static str,
    /// The options of `minipki x509 verify`.
    own: &'static [&'static str],
    /// The same options of `openssl verify`.
    theirs: &'static [&'static str],
    /// The check that fails.
    check: &'static str,
    /// A part of the reason.
    seen: &'static str,
}

/// Checks that both programs refuse the certificate, and the reason.
fn check(folder: &Path, Refused { leaf, own, theirs, check, seen }: &Refused) {
    let verdict = openssl(folder, &[&["verify", "-x509_strict"], *theirs, &[*leaf]].concat());
    assert!(!verdict.status.success(), "openssl accepts {leaf} with {theirs:?}");
    let arguments = [&["x509", "verify", leaf], *own].concat();
    let done = run(folder, &arguments).expect(4);
    assert!(done.stderr.contains(&format!("(check {check}, ")), "{leaf} {own:?}: {done:?}");
    assert!(done.stderr.contains(seen) && done.stderr.contains(" next: "), "{done:?}");
    assert!(done.stdout.contains(&format!("    FAILED       {check}: ")), "{done:?}");
    let json = run(folder, &[&arguments[..], &["--json"]].concat()).expect(4).stdout;
    let json: Value = serde_json::from_str(&json).expect("one JSON value");
    assert_eq!((&json["valid"], &json["error"]["check"]), (&Value::Bool(false), &Value::from(*check)));
}

/// The trusted root for each program.
const TRUST: &[&str] = &["--trust", "root.pem"];
const THEIR_TRUST: &[&str] = &["-CAfile", "root.pem"];

#[test]
fn chains_of_each_kind_of_key_have_the_verdicts_of_openssl() {
    for kind in ["rsa", "p256", "ed25519"] {
        let folder = TempDir::new().expect("a folder for the test");
        let at = folder.path();
        chain(at, kind);
        // (own options, openssl's, the failed check)
        let cases: [(&[&str], &[&str], Option<&str>); 10] = [
            (&[], &[], None),
            (&["--purpose", "server"], &["-purpose", "sslserver"], None),
            (&["--purpose", "client"], &["-purpose", "sslclient"], Some("purpose")),
            (&["--purpose", "time-stamping"], &["-purpose", "timestampsign"], Some("purpose")),
            (&["--name", "www.example.com"], &["-verify_hostname", "www.example.com"], None),
            (&["--name", "dns:WWW.example.COM."], &["-verify_hostname", "WWW.example.COM"], None),
            (
                &["--name", "mail.example.com"],
                &["-verify_hostname", "mail.example.com"],
                Some("subject_name"),
            ),
            (&["--name", "192.0.2.1"], &["-verify_ip", "192.0.2.1"], Some("subject_name")),
            (&["--at", "2099-01-01"], &["-attime", "4070908800"], Some("not_after")),
            (&["--at", "2001-01-01T00:00:00Z"], &["-attime", "978307200"], Some("not_before")),
        ];
        for (own, theirs, failed) in cases {
            let trust = ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "inter.pem"];
            let verdict = openssl(at, &[&trust[..], theirs, &["leaf.pem"]].concat());
            assert_eq!(verdict.status.success(), failed.is_none(), "{kind}: openssl {theirs:?}");
            for provider in ["aws-lc", "portable"] {
                let trust = ["--trust", "root.pem", "--untrusted", "inter.pem", "--provider", provider];
                let arguments = [&["x509", "verify", "leaf.pem", "--json"], &trust[..], own].concat();
                let done = run(at, &arguments).expect(if failed.is_some() { 4 } else { 0 });
                let json: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
                let found = json["error"].get("check").and_then(Value::as_str);
                assert_eq!(found, failed, "{kind} {arguments:?}: {json}");
            }
        }
    }
}

#[test]
fn each_refusal_names_the_certificate_the_check_and_the_next_step() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    issue(at, "p256", "other", None, CA);
    issue(at, "p256", "below", Some("leaf"), SERVER);
    join(at, &["leaf.pem", "inter.pem"], "leaf-inter.pem");
    let limited = format!("{CA}nameConstraints=critical,permitted;DNS:example.org\n");
    issue(at, "p256", "limited", Some("root"), &limited);
    issue(at, "p256", "outside", Some("limited"), SERVER);
    issue(at, "p256", "short", Some("root"), &CA.replace("CA:TRUE", "CA:TRUE,pathlen:0"));
    issue(at, "p256", "deeper", Some("short"), CA);
    issue(at, "p256", "deep", Some("deeper"), SERVER);
    join(at, &["short.pem", "deeper.pem"], "short-deeper.pem");
    issue(at, "p256", "strange", Some("root"), "1.2.3.4=critical,DER:0500\n");
    issue(at, "p256", "unsigned", Some("root"), &SERVER.replace("digitalSignature", "nonRepudiation"));
    let mut changed = to_der(at, "leaf.pem", "changed.der");
    *changed.last_mut().expect("a signature") ^= 1;
    fs::write(at.join("changed.der"), changed).expect("the file is written");

    let cases = [
        Refused {
            leaf: "leaf.pem",
            own: &["--trust", "other.pem", "--untrusted", "inter.pem"],
            theirs: &["-CAfile", "other.pem", "-untrusted", "inter.pem"],
            check: "issuer",
            seen: "inter.pem: its issuer CN=root is not among the given certificates",
        },
        Refused {
            leaf: "leaf.pem",
            own: TRUST,
            theirs: THEIR_TRUST,
            check: "issuer",
            seen: "leaf.pem: its issuer CN=inter is not among the given certificates",
        },
        Refused {
            leaf: "other.pem",
            own: TRUST,
            theirs: THEIR_TRUST,
            check: "issuer",
            seen: "other.pem: it is self-signed, and CN=other is not among the trusted CAs",
        },
        Refused {
            leaf: "below.pem",
            own: &["--trust", "root.pem", "--untrusted", "leaf-inter.pem"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "leaf-inter.pem"],
            check: "basic_constraints",
            seen: "leaf-inter.pem, certificate 1: it has issued a certificate, and its basicConstraints say that it is no CA",
        },
        Refused {
            leaf: "outside.pem",
            own: &["--trust", "root.pem", "--untrusted", "limited.pem"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "limited.pem"],
            check: "name_constraints",
            seen: "dns:www.example.com (constraints: permitted dns:example.org)",
        },
        Refused {
            leaf: "deep.pem",
            own: &["--trust", "root.pem", "--untrusted", "short-deeper.pem"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "short-deeper.pem"],
            check: "path_length",
            seen: "short-deeper.pem, certificate 2: an issuer above it allows fewer intermediates",
        },
        Refused {
            leaf: "strange.pem",
            own: TRUST,
            theirs: THEIR_TRUST,
            check: "critical_extension",
            seen: "its critical extension 1.2.3.4 is not known",
        },
        Refused {
            leaf: "unsigned.pem",
            own: &["--trust", "root.pem", "--purpose", "server"],
            theirs: &["-CAfile", "root.pem", "-purpose", "sslserver"],
            check: "key_usage",
            seen: "unsigned.pem: its key may be used only for nonRepudiation",
        },
        Refused {
            leaf: "changed.der",
            own: &["--trust", "root.pem", "--untrusted", "inter.pem"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "inter.pem"],
            check: "signature",
            seen: "changed.der: its signature is not by the key of its issuer CN=inter",
        },
        Refused {
            leaf: "leaf.pem",
            own: &["--trust", "root.pem", "--untrusted", "inter.pem", "--name", "example.com"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "inter.pem", "-verify_hostname", "example.com"],
            check: "subject_name",
            seen: "it is for dns:www.example.com, and not for dns:example.com",
        },
        Refused {
            leaf: "leaf.pem",
            own: &["--trust", "root.pem", "--untrusted", "inter.pem", "--purpose", "client"],
            theirs: &["-CAfile", "root.pem", "-untrusted", "inter.pem", "-purpose", "sslclient"],
            check: "purpose",
            seen: "it allows only these purposes: serverAuth",
        },
    ];
    for case in &cases {
        check(at, case);
    }
    // A trusted certificate that another CA has signed is an anchor, too, and its name constraints count.
    let limited = run(at, &["x509", "verify", "outside.pem", "--trust", "limited.pem"]).expect(4);
    assert!(limited.stderr.contains("check name_constraints, "), "{limited:?}");
}

#[test]
fn a_valid_certificate_shows_its_path_and_each_check() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    chain(at, "p256");
    // The others of the file are intermediates.
    let arguments = ["x509", "verify", "fullchain.pem", "--trust", "root.pem", "--name", "www.example.com"];
    let done = run(at, &arguments).expect(0);
    for line in [
        "    certificate   CN=leaf\n                  fullchain.pem, certificate 1\n",
        "    intermediate  CN=inter\n                  fullchain.pem, certificate 2\n",
        "    trust anchor  CN=root\n                  root.pem\n",
        "    passed       signature: The key of the issuer has signed the certificate. (RFC 5280 §6.1.3 (a)(1))\n",
        "    passed       subject_name: The certificate has the expected name. (RFC 9525 §6; RFC 5280 §4.2.1.6)\n",
        "    not checked  revocation: ",
        "    not checked  wildcard: A wildcard stands before at least two labels. (CA/B BR 3.2.2.6)\n                 \
         because only with --profile web-pki\n",
    ] {
        assert!(done.stdout.contains(line), "{line:?} in {}", done.stdout);
    }
    let json =
        run(at, &[&arguments[..], &["--purpose", "server", "--profile", "web-pki", "--json"]].concat());
    // The common name is no name of subjectAltName.
    let json: Value = serde_json::from_str(&json.expect(4).stdout).expect("one JSON value");
    assert_eq!(json["error"]["check"], "common_name", "{json}");
    assert_eq!(json["certificate"]["subject"], "CN=leaf", "{json}");

    // A certificate by the rules of the web.
    issue(at, "p256", "www.example.com", Some("inter"), SERVER);
    let web = ["x509", "verify", "www.example.com.pem", "--untrusted", "inter.pem", "--trust", "root.pem"];
    let done = run(at, &[&web[..], &["--purpose", "server", "--profile", "web-pki"]].concat()).expect(0);
    assert!(done.stdout.contains("    passed       common_name: "), "{done:?}");

    // Order, unneeded certificates and the root among the intermediates do not matter.
    join(at, &["root.pem", "inter.pem", "leaf.pem"], "mixed.pem");
    run(at, &["x509", "verify", "leaf.pem", "--trust", "root.pem", "--untrusted", "mixed.pem"]).expect(0);
    // A root that is given twice, in DER and in PEM.
    to_der(at, "root.pem", "root.der");
    let twice = ["--trust", "root.der", "--trust", "root.pem", "--untrusted", "inter.pem"];
    run(at, &[&["x509", "verify", "leaf.pem"], &twice[..]].concat()).expect(0);
}

#[test]
fn names_of_each_kind() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    issue(at, "p256", "root", None, CA);
    let names = "subjectAltName=DNS:*.example.com,IP:192.0.2.1,IP:2001:db8::1,email:alice@example.com,\
                 URI:spiffe://example.com/service\n";
    issue(at, "p256", "leaf", Some("root"), names);
    let verify = |name: &str| run(at, &["x509", "verify", "leaf.pem", "--trust", "root.pem", "--name", name]);
    for name in [
        "www.example.com",
        "192.0.2.1",
        "ip:192.0.2.1",
        "2001:db8::1",
        "[2001:db8::1]",
        "alice@example.com",
        "email:alice@EXAMPLE.com",
        "uri:spiffe://example.com/service",
    ] {
        verify(name).expect(0);
    }
    for name in
        ["example.com", "a.b.example.com", "192.0.2.2", "bob@example.com", "uri:spiffe://example.com/"]
    {
        verify(name).expect(4);
    }
    for (name, expected) in [
        ("https://www.example.com/", "expected the host alone"),
        ("w_w.example.com", "no underscore"),
        ("münchen.example", "its ASCII form: xn--..."),
        ("ip:example.com", "expected an IP address after ip:"),
        ("", "expected the name of a host"),
    ] {
        let refused = verify(name).expect(2).stderr;
        assert!(refused.contains(expected), "{name:?}: {refused}");
    }
}

#[test]
fn purposes_have_the_verdicts_of_openssl() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    issue(at, "p256", "root", None, CA);
    // The purpose, its name in extKeyUsage, and its name for `openssl verify`, which does not know all.
    let purposes = [
        ("server", "serverAuth", Some("sslserver")),
        ("client", "clientAuth", Some("sslclient")),
        ("email", "emailProtection", Some("smimesign")),
        ("time-stamping", "critical,timeStamping", Some("timestampsign")),
        ("code-signing", "codeSigning", None),
        ("ocsp-signing", "OCSPSigning", None),
    ];
    for (own, name, _) in purposes {
        issue(
            at,
            "p256",
            own,
            Some("root"),
            &format!("keyUsage=critical,digitalSignature\nextendedKeyUsage={name}\n"),
        );
        let leaf = format!("{own}.pem");
        for (purpose, _, theirs) in purposes {
            let good = purpose == own;
            let done = run(at, &["x509", "verify", &leaf, "--trust", "root.pem", "--purpose", purpose]);
            let done = done.expect(if good { 0 } else { 4 });
            assert!(good || done.stderr.contains("(check purpose, "), "{own} {purpose}: {done:?}");
            if let Some(theirs) = theirs {
                let arguments = ["verify", "-x509_strict", "-CAfile", "root.pem", "-purpose", theirs, &leaf];
                assert_eq!(openssl(at, &arguments).status.success(), good, "{leaf} {theirs}");
            }
        }
        run(at, &["x509", "verify", &leaf, "--trust", "root.pem"]).expect(0);
    }
}
