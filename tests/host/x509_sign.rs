//! Certificates of TLS servers and clients by certification requests, with the built program. openssl makes the requests,
//! and openssl and the validator of the core read the certificates.

use std::fs;
use std::path::Path;
use std::process::Command;

use minipki_core::time::{Now, UnixTime};
use minipki_core::x509::extension::{ExtendedKeyUsage, KeyUsage};
use minipki_core::x509::{
    Certificate, Check, PathValidator, PeerName, Profile, TrustAnchor, ValidPath, WorkSpace, oid,
};
use minipki_fixtures::{openssl, openssl_fails};
use minipki_provider::x509::ALL;
use minipki_tests::kill_points::{KillPoint, WRITES, at_each};
use minipki_tests::program::{Done, run, start};

use super::rollover::{made, rollover};
use super::x509_ca_certificate::{ca_certificate, count, ders, described, write_ca_certificate};

/// The keys that can be certified, as arguments of `openssl genpkey`.
pub(crate) const KEYS: [&[&str]; 5] = [
    &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    &["-algorithm", "ED25519"],
];

pub(crate) const P256: &[&str] = KEYS[2];

/// Has openssl make a key and a request for the names `alt_names`, and returns the request in PEM.
pub(crate) fn csr(key: &[&str], subject: &str, alt_names: &str) -> String {
    let key = openssl(&[&["genpkey", "-quiet"], key].concat(), b"");
    csr_of(&key, subject, alt_names)
}

/// A request by this key, in PEM.
pub(crate) fn csr_of(key: &[u8], subject: &str, alt_names: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    fs::write(&file, key).expect("written");
    let names = format!("subjectAltName={alt_names}");
    let mut arguments = vec!["req", "-new", "-key", file.to_str().expect("UTF-8"), "-subj", subject];
    if !alt_names.is_empty() {
        arguments.extend(["-addext", &names]);
    }
    String::from_utf8(openssl(&arguments, b"")).expect("PEM")
}

/// Signs the request `csr` with these arguments.
pub(crate) fn sign(at: &Path, csr: &str, more: &[&str]) -> Done {
    fs::write(at.join("csr.pem"), csr).expect("written");
    run(at, &[&["ca", "sign", "--dir", "ca", "--csr", "csr.pem"], more].concat())
}

pub(crate) const SERVER: [&str; 4] = ["--profile", "tls-server", "--allow-name", "www.example.org"];

/// A server's request, and its certificate in PEM.
pub(crate) fn server(at: &Path) -> (String, String) {
    let csr = csr(P256, "/CN=not used", "DNS:www.example.org");
    let pem = sign(at, &csr, &SERVER).expect(0).stdout;
    (csr, pem)
}

/// Has the core verify the certificate `leaf` under `root`, an hour after its begin.
fn validate(
    root: &[u8],
    leaf: &[u8],
    profile: Profile,
    check: impl FnOnce(&mut PathValidator<'_>, &Certificate<'_>),
    then: impl FnOnce(&ValidPath<'_, '_>),
) {
    let anchors = [TrustAnchor::from_certificate(Certificate::parse(root).expect("sound"))];
    let certificate = Certificate::parse(leaf).expect("sound");
    let now = UnixTime::new(certificate.not_before().get() + 3600).expect("a time");
    let mut validator = PathValidator::new(&ALL, Now::Exact(now));
    validator.profile = profile;
    validator.key_usage = KeyUsage::DIGITAL_SIGNATURE;
    check(&mut validator, &certificate);
    let mut space = WorkSpace::new();
    then(&validator.validate(&certificate, &[], &anchors, &mut space).expect("a valid path"));
}

#[test]
fn each_kind_of_key_gets_a_certificate_that_openssl_and_the_core_accept() {
    let folder = made();
    let at = folder.path();
    write_ca_certificate(at, "ca.pem");
    let root = &ders(&fs::read_to_string(at.join("ca.pem")).expect("text"))[0];
    let names =
        "DNS:www.example.org,DNS:*.example.net,IP:192.0.2.7,IP:2001:db8::7,email:a@example.org,URI:urn:a:b";
    let allowed =
        ["www.example.org", "*.example.net", "192.0.2.0/24", "2001:db8::7", "a@example.org", "urn:a:b"];
    let allowed: Vec<_> = allowed.iter().flat_map(|name| ["--allow-name", name]).collect();
    for key in KEYS {
        let csr = csr(key, "/CN=not used", names);
        let out = ["--profile", "tls-peer", "--out", "leaf.pem", "--validity", "30d"];
        let done = sign(at, &csr, &[&out[..], &allowed].concat()).expect(0);
        assert!(
            done.stdout.is_empty() && done.stderr.contains("of www.example.org, valid until"),
            "{done:?}"
        );
        let pem = fs::read_to_string(at.join("leaf.pem")).expect("text");
        let leaf = &ders(&pem)[0];
        let web = Profile::WEB_PKI.without(Check::KeyKind);
        for purpose in [oid::SERVER_AUTH, oid::CLIENT_AUTH] {
            validate(
                root,
                leaf,
                web,
                |validator, _| validator.purpose = Some(purpose),
                |path| {
                    for name in [
                        PeerName::Dns("www.example.org"),
                        PeerName::Dns("any.example.net"),
                        PeerName::Ip([192, 0, 2, 7].into()),
                        PeerName::Ip("2001:db8::7".parse().expect("an address")),
                        PeerName::Email("a@example.org"),
                        PeerName::Uri("urn:a:b"),
                    ] {
                        path.require_name(&name).expect("its name");
                    }
                    path.require_name(&PeerName::Dns("other.example.org")).expect_err("not its name");
                },
            );
        }
        let certificate = Certificate::parse(leaf).expect("sound");
        assert_eq!(certificate.serial().len(), 16);
        let life = certificate.not_after().get() - certificate.not_before().get();
        assert_eq!(life, 30 * 24 * 60 * 60 + 300);
        let file = |name: &str| at.join(name).display().to_string();
        for purpose in ["sslserver", "sslclient"] {
            let verify = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", &file("ca.pem")];
            let named = ["-verify_hostname", "www.example.org", "-verify_ip", "192.0.2.7", &file("leaf.pem")];
            openssl(&[&verify[..], &named].concat(), b"");
        }
        let verify =
            ["verify", "-CAfile", &file("ca.pem"), "-verify_hostname", "evil.example", &file("leaf.pem")];
        openssl_fails(&verify, b"");
        let shown = described(&pem);
        let uses = if key[1] == "RSA" { "Digital Signature, Key Encipherment" } else { "Digital Signature" };
        for text in [
            "Issuer: CN=minipki-ca\n",
            "Subject: CN=www.example.org\n",
            "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
            &format!("X509v3 Key Usage: critical\n                {uses}\n"),
            "TLS Web Server Authentication, TLS Web Client Authentication\n",
            "X509v3 Subject Key Identifier",
            "X509v3 Authority Key Identifier",
        ] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        let request_key = openssl(&["req", "-noout", "-pubkey"], csr.as_bytes());
        assert_eq!(openssl(&["x509", "-noout", "-pubkey"], pem.as_bytes()), request_key);
    }
    let list = run(at, &["ca", "list", "--dir", "ca", "--subject", "www.example.org"]).expect(0).stdout;
    assert_eq!(list.matches("www.example.org").count(), KEYS.len(), "{list}");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn the_profile_decides_the_purpose_and_a_client_is_named_by_the_operator() {
    let folder = made();
    let at = folder.path();
    let root = &ders(&ca_certificate(at, &[]).expect(0).stdout)[0];
    for (profile, purposes) in
        [("tls-server", [true, false]), ("tls-client", [false, true]), ("tls-peer", [true, true])]
    {
        let alt_names = if profile == "tls-client" { "" } else { "DNS:www.example.org" };
        let csr = csr(P256, "/CN=somebody", alt_names);
        let more = ["--profile", profile, "--subject", "alice", "--allow-name", ".example.org", "--der"];
        let out = ["--out", "leaf.der"];
        sign(at, &csr, &[&more[..], &out].concat()).expect(0);
        let leaf = fs::read(at.join("leaf.der")).expect("a file");
        validate(
            root,
            &leaf,
            Profile::RFC5280,
            |_, certificate| {
                let listed =
                    certificate.extension::<ExtendedKeyUsage<'_>>().expect("sound").expect("present").value;
                assert_eq!(
                    [oid::SERVER_AUTH, oid::CLIENT_AUTH].map(|purpose| listed.contains(purpose)),
                    purposes
                );
            },
            |_| (),
        );
        let shown = String::from_utf8(openssl(&["x509", "-inform", "DER", "-noout", "-subject"], &leaf));
        assert!(shown.expect("text").contains("alice"));
    }
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_request_is_refused_with_its_reason_and_nothing_is_recorded() {
    let folder = made();
    let at = folder.path();
    ca_certificate(at, &["--permitted-dns", "example.org", "--permitted-dns", "example.net"]).expect(0);
    let good = csr(P256, "/CN=x", "DNS:www.example.org,DNS:example.net");
    let key = |arguments: &[&str]| csr(arguments, "/CN=x", "DNS:www.example.org");
    let allow = ["--allow-name", ".example.org", "--allow-name", "example.net"];
    let profile = |name| [&["--profile", name][..], &allow].concat();
    let server = profile("tls-server");
    let changed = {
        let der = openssl(&["req", "-outform", "DER"], good.as_bytes());
        let last = der.len() - 1;
        let der: Vec<u8> = der.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == last)).collect();
        fs::write(at.join("changed.der"), der).expect("written");
        ["ca", "sign", "--dir", "ca", "--csr", "changed.der"]
    };
    for (csr, arguments, code, texts) in [
        (
            &*good,
            vec!["--profile", "tls-server"],
            3,
            &["www.example.org, example.net", "--allow-name 'www.example.org' --allow-name 'example.net'"][..],
        ),
        (
            &*good,
            vec!["--profile", "tls-server", "--allow-name", ".example.org"],
            3,
            &["not allowed: example.net"],
        ),
        (&*csr(P256, "/CN=alice", ""), server.clone(), 3, &["needs a DNS name or an IP address"]),
        (
            &*csr(P256, "/CN=alice", ""),
            profile("tls-client"),
            3,
            &["the request says \"alice\"", "--subject NAME"],
        ),
        (&*good, [&server[..], &["--subject", "minipki-ca"]].concat(), 3, &["is the name of the CA itself"]),
        (&*good, [&server[..], &["--validity", "3653d"]].concat(), 0, &["valid until"]),
        (
            &*csr(P256, "/CN=x", "DNS:www.example.com"),
            vec!["--profile", "tls-server", "--allow-name", "www.example.com"],
            3,
            &["was not signed", "name_constraints"],
        ),
        (&*csr(P256, "/CN=x", "DNS:a..b"), server.clone(), 4, &["the malformed name a..b"]),
        (
            &*csr(P256, "/CN=x", "otherName:1.2.3.4;UTF8:x"),
            server.clone(),
            4,
            &["neither a DNS name, nor an IP address"],
        ),
        (
            &*key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
            server.clone(),
            4,
            &["the key of the certification request is not accepted", "2048, 3072 or 4096"],
        ),
        (
            &*key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
            server.clone(),
            4,
            &["the key of the certification request is not accepted"],
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            server.clone(),
            1,
            &["not a certification request", "BEGIN CERTIFICATE REQUEST"],
        ),
        ("nothing", server.clone(), 4, &["not a certification request"]),
    ] {
        let before = count(at);
        let done = sign(at, csr, &arguments).expect(code);
        assert!(texts.iter().all(|text| done.stderr.contains(text)), "{texts:?}: {}", done.stderr);
        assert_eq!(count(at) - before, u32::from(code == 0), "{texts:?}");
    }
    let done = run(at, &[&changed[..], &server].concat()).expect(4);
    assert!(done.stderr.contains("is not by its key"), "{}", done.stderr);
    assert_eq!(count(at), 2);
    for name in ["--allow-name=", "--allow-name=a..b", "--allow-name=192.0.2.0/33"] {
        let refused = sign(at, &good, &["--profile", "tls-server", name]).expect(2);
        assert!(refused.stderr.contains("neither a DNS name, nor a domain"), "{}", refused.stderr);
    }
}

#[test]
fn a_certificate_that_would_outlive_the_ca_is_refused() {
    let folder = made();
    let at = folder.path();
    ca_certificate(at, &["--validity", "10d"]).expect(0);
    let csr = csr(P256, "/CN=x", "DNS:www.example.org");
    let refused = sign(at, &csr, &[&SERVER[..], &["--validity", "11d"]].concat()).expect(3);
    assert!(refused.stderr.contains("would end after the CA certificate"), "{}", refused.stderr);
    sign(at, &csr, &[&SERVER[..], &["--validity", "9d"]].concat()).expect(0);
}

#[test]
fn the_same_request_gets_the_same_certificate_until_it_is_revoked() {
    let folder = made();
    let at = folder.path();
    let (csr, first) = server(at);
    // The CA may be served meanwhile.
    let mut running = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    running.address("serving");
    let again = sign(at, &csr, &SERVER).expect(0);
    assert_eq!(again.stdout, first);
    assert!(again.stderr.contains("the certificate of an earlier request"), "{}", again.stderr);
    running.stop().expect(0);
    // Another profile, lifetime or name is another request.
    for more in [&["--validity", "91d"][..], &["--subject", "other"]] {
        assert_ne!(sign(at, &csr, &[&SERVER[..], more].concat()).expect(0).stdout, first);
    }
    let serial = serial(&first);
    run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial, "--reason", "superseded"]).expect(0);
    let second = sign(at, &csr, &SERVER).expect(0).stdout;
    assert_ne!(second, first);
    assert_eq!(sign(at, &csr, &SERVER).expect(0).stdout, second);
    // A new key of the CA signs again.
    rollover(at, &[]).expect(0);
    assert_ne!(sign(at, &csr, &SERVER).expect(0).stdout, second);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

/// The serial number of a certificate in PEM, as MiniPKI writes it.
pub(crate) fn serial(pem: &str) -> String {
    let der = &ders(pem)[0];
    let serial: Vec<_> =
        Certificate::parse(der).expect("sound").serial().iter().map(|byte| format!("{byte:02x}")).collect();
    serial.join(":")
}

#[test]
fn a_compromised_key_gets_no_certificate() {
    let folder = made();
    let at = folder.path();
    let key = openssl(&[&["genpkey", "-quiet"], P256].concat(), b"");
    let first = sign(at, &csr_of(&key, "/CN=x", "DNS:www.example.org"), &SERVER).expect(0).stdout;
    run(at, &["ca", "revoke", "--dir", "ca", "--serial", &serial(&first), "--reason", "key_compromise"])
        .expect(0);
    let list = run(at, &["ca", "list", "--dir", "ca", "--subject", "www.example.org"]).expect(0).stdout;
    assert!(list.contains("revoked"), "{list}");
    for names in ["DNS:www.example.org", "DNS:www.example.org,DNS:example.org"] {
        let csr = csr_of(&key, "/CN=x", names);
        let refused = sign(at, &csr, &[&SERVER[..], &["--allow-name", "example.org"]].concat()).expect(3);
        assert!(refused.stderr.contains("was reported as compromised"), "{}", refused.stderr);
    }
    assert_eq!(count(at), 2);
}

#[test]
fn several_processes_with_one_request_get_one_certificate() {
    let folder = made();
    let at = folder.path();
    fs::write(at.join("csr.pem"), csr(P256, "/CN=x", "DNS:www.example.org")).expect("written");
    let arguments = [&["ca", "sign", "--dir", "ca", "--csr", "csr.pem"][..], &SERVER].concat();
    let processes: Vec<_> = (0..6).map(|_| start(at, &arguments)).collect();
    let made: Vec<_> = processes.into_iter().map(|process| process.wait().expect(0).stdout).collect();
    assert!(made.iter().all(|pem| *pem == made[0] && !pem.is_empty()), "{made:?}");
    assert_eq!(count(at), 2, "the CA certificate, and one of the server");
}

#[test]
fn a_kill_at_any_write_leaves_no_certificate_or_the_one_of_later_calls() {
    let folder = made();
    let at = folder.path();
    ca_certificate(at, &[]).expect(0);
    fs::write(at.join("csr.pem"), csr(P256, "/CN=x", "DNS:www.example.org")).expect("written");
    let whole = at.join("whole");
    fs::rename(at.join("ca"), &whole).expect("moved");
    let arguments = [&["ca", "sign", "--dir", "ca", "--csr", "csr.pem"][..], &SERVER].concat();
    let kills = at_each(WRITES, |point: KillPoint| {
        let _ = fs::remove_dir_all(at.join("ca"));
        let _ = fs::remove_file(at.join("leaf.pem"));
        let copied = Command::new("cp").arg("-a").args([&whole, &at.join("ca")]).status();
        assert!(copied.expect("cp runs").success());
        let done = point.run(at, &[&arguments[..], &["--out", "leaf.pem"]].concat());
        let written = fs::read_to_string(at.join("leaf.pem")).ok();
        let pem = run(at, &arguments).expect(0).stdout;
        assert!(written.is_none_or(|written| written == pem), "{point:?}");
        assert_eq!(count(at), 2, "{point:?}");
        done
    });
    assert!(kills > 10, "only {kills} kills");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}
