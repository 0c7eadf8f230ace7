//! A CA whose key another CA certifies: an intermediate under a root of openssl, and an imported CA.

use std::fs;
use std::path::Path;

use minipki_core::crypto::rsa::KeySize;
use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::ca::{chmod, openssl_key};
use minipki_tests::program::{Done, run, start};
use tempfile::TempDir;

use super::cli::enrolled;
use super::keys_at_rest::by_openssl;
use super::passphrase::write;
use super::rollover::rollover;
use super::x509_ca_certificate::{ca_certificate, ders, described};
use super::x509_sign::{P256, csr, sign};

/// The extensions of a CA certificate by a parent that names keys by SHA-1.
pub(crate) const CA: &str = "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
    subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

pub(crate) fn file(at: &Path, name: &str) -> String {
    at.join(name).display().to_string()
}

pub(crate) fn read(at: &Path, name: &str) -> String {
    fs::read_to_string(at.join(name)).expect("a file of text")
}

/// Has openssl make a root, in `NAME.pem` and `NAME.key`.
fn root(at: &Path, name: &str) {
    let (key, pem) = (file(at, &format!("{name}.key")), file(at, &format!("{name}.pem")));
    let subject = format!("/CN={name}");
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    let names = ["-subj", &subject, "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl(&[&made[..], &names, &["-keyout", &key, "-out", &pem]].concat(), b"");
}

/// Has the root sign `request` as that of a CA with these extensions, into `out`.
pub(crate) fn parent_signs(at: &Path, request: &str, extensions: &str, out: &str, more: &[&str]) {
    write(at, "extensions", extensions);
    let signed = ["x509", "-req", "-in", &file(at, request), "-CA", &file(at, "root.pem")];
    let by = ["-CAkey", &file(at, "root.key"), "-CAcreateserial", "-extfile", &file(at, "extensions")];
    openssl(&[&signed[..], &by, &["-out", &file(at, out)], more].concat(), b"");
}

pub(crate) fn install(at: &Path, chain: &str) -> Done {
    run(at, &["ca", "install-chain", "--dir", "ca", chain])
}

/// An intermediate without its chain, and a root.
pub(crate) fn intermediate() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    root(folder.path(), "root");
    let init = ["ca", "init", "--dir", "ca", "--intermediate", "--organization", "ACME"];
    let done = run(folder.path(), &init).expect(0);
    assert!(done.stderr.contains("minipki ca install-chain --dir ca FILE"), "{}", done.stderr);
    folder
}

/// Makes the certificate of a server in `leaf.pem`, which openssl must accept under the root with `chain.pem`.
pub(crate) fn signs_under_the_root(at: &Path) {
    let request = csr(P256, "/CN=not used", "DNS:www.example.org");
    let _ = fs::remove_file(at.join("leaf.pem"));
    let more = [
        "--profile",
        "tls-server",
        "--allow-name",
        "www.example.org",
        "--validity",
        "5d",
        "--out",
        "leaf.pem",
    ];
    sign(at, &request, &more).expect(0);
    fs::write(at.join("chain.pem"), ca_certificate(at, &[]).expect(0).stdout).expect("written");
    verify(at, "leaf.pem", &[]);
}

/// Has openssl verify `leaf` under the root, with the certificates in `chain.pem` between.
fn verify(at: &Path, leaf: &str, more: &[&str]) {
    let arguments =
        ["verify", "-x509_strict", "-CAfile", &file(at, "root.pem"), "-untrusted", &file(at, "chain.pem")];
    openssl(&[&arguments[..], more, &[&file(at, leaf)]].concat(), b"");
}

#[test]
fn an_intermediate_asks_its_parent_and_issues_under_it() {
    let folder = intermediate();
    let at = folder.path();
    let request = openssl(&["req", "-noout", "-text", "-verify", "-in", &file(at, "ca/ca.csr")], b"");
    let request = String::from_utf8(request).expect("text");
    for expected in ["O = ACME, CN = minipki-ca", "CA:TRUE", "Certificate Sign, CRL Sign"] {
        let compact = expected.replace(" = ", "=");
        assert!(request.contains(expected) || request.contains(&compact), "{expected}: {request}");
    }
    assert_eq!(
        run(at, &["ca", "csr", "--dir", "ca", "--organization", "ACME"]).expect(0).stdout,
        read(at, "ca/ca.csr")
    );

    // Until the chain is there, JSON works and X.509 says what is missing.
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let ca = server.address("serving");
    enrolled(at, &ca, "alice");
    let fetch = ["x509", "fetch", "--identity", "alice"];
    let refused = run(at, &fetch).expect(3);
    assert!(refused.stderr.contains("refused (not_allowed)"), "{}", refused.stderr);
    let more = ["--profile", "tls-server", "--allow-name", "www.example.org"];
    let unsigned = sign(at, &csr(P256, "/CN=x", "DNS:www.example.org"), &more);
    for refused in [ca_certificate(at, &[]), unsigned, run(at, &["ca", "crl", "--dir", "ca"])] {
        let refused = refused.expect(1);
        assert!(refused.stderr.contains("`minipki ca install-chain`"), "{}", refused.stderr);
    }
    run(at, &["status", "--identity", "alice"]).expect(0);

    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    let done = install(at, "signed.pem").expect(0);
    assert!(done.stderr.contains("Readers need the root"), "{}", done.stderr);
    // With its root, in any order and with a foreign certificate, it is the same chain.
    root(at, "other");
    let all = [read(at, "root.pem"), read(at, "other.pem"), read(at, "signed.pem")].concat();
    write(at, "all.pem", &all);
    install(at, "all.pem").expect(0);
    let printed = ca_certificate(at, &[]).expect(0).stdout;
    assert_eq!(ders(&printed), [ders(&read(at, "signed.pem")), ders(&read(at, "root.pem"))].concat());
    let refused = ca_certificate(at, &["--organization", "Other"]).expect(1);
    assert!(refused.stderr.contains("leave these options out"), "{}", refused.stderr);
    signs_under_the_root(at);
    assert!(described(&read(at, "leaf.pem")).contains("Issuer: CN=minipki-ca,O=ACME"));
    // The server takes it without a restart.
    run(at, &fetch).expect(0);
    verify(at, "alice/certificate.pem", &[]);
    run(at, &["ca", "crl", "--dir", "ca", "--out", "ca.crl"]).expect(0);
    verify(at, "leaf.pem", &["-crl_check", "-CRLfile", &file(at, "ca.crl")]);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
    server.stop().expect(0);
}

#[test]
fn a_later_key_of_an_intermediate_waits_for_its_own_chain() {
    let folder = intermediate();
    let at = folder.path();
    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    install(at, "signed.pem").expect(0);
    signs_under_the_root(at);
    let (leaf, chain) = (read(at, "leaf.pem"), read(at, "chain.pem"));
    rollover(at, &[]).expect(0);
    let refused = ca_certificate(at, &[]).expect(1);
    assert!(refused.stderr.contains("`minipki ca install-chain`"), "{}", refused.stderr);
    let refused = install(at, "signed.pem").expect(1);
    assert!(refused.stderr.contains("is for the key of this CA"), "{}", refused.stderr);
    run(at, &["ca", "csr", "--dir", "ca", "--out", "next.csr"]).expect(0);
    parent_signs(at, "next.csr", CA, "next.pem", &["-days", "25"]);
    install(at, "next.pem").expect(0);
    signs_under_the_root(at);
    assert_ne!(read(at, "chain.pem"), chain);
    // The earlier certificates stay valid under the earlier chain.
    fs::write(at.join("chain.pem"), chain).expect("written");
    fs::write(at.join("leaf.pem"), leaf).expect("written");
    verify(at, "leaf.pem", &[]);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_wrong_chain_is_refused_with_its_reason_and_changes_nothing() {
    let folder = intermediate();
    let at = folder.path();
    let usage = "keyUsage=critical,keyCertSign,cRLSign\n";
    let constraints = "basicConstraints=critical,CA:true\n";
    for (extensions, more, reason) in [
        (usage, &["-days", "20"][..], "has no basicConstraints of a CA"),
        ("basicConstraints=CA:false\n", &["-days", "20"], "has no basicConstraints of a CA"),
        (constraints, &["-days", "20"], "has not both keyCertSign and cRLSign"),
        (
            &format!("{constraints}keyUsage=keyCertSign\n"),
            &["-days", "20"],
            "has not both keyCertSign and cRLSign",
        ),
        (CA, &["-days", "-1"], "it is "),
    ] {
        parent_signs(at, "ca/ca.csr", extensions, "wrong.pem", more);
        let refused = install(at, "wrong.pem").expect(1);
        assert!(refused.stderr.contains(reason), "{reason}: {}", refused.stderr);
    }
    // The issuer of the same name has another key.
    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    let own = read(at, "signed.pem");
    root(at, "root");
    write(at, "wrong.pem", &[own, read(at, "root.pem")].concat());
    let refused = install(at, "wrong.pem").expect(1);
    assert!(refused.stderr.contains("the chain is not valid"), "{}", refused.stderr);
    let refused = install(at, "root.pem").expect(1);
    assert!(refused.stderr.contains("none of the certificates"), "{}", refused.stderr);
    install(at, "ca/ca.csr").expect(1);
    ca_certificate(at, &[]).expect(1);
    // After the first chain the name stays.
    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    install(at, "signed.pem").expect(0);
    let key = file(at, "ca/ca-key.pem");
    let subject = ["req", "-new", "-key", &key, "-subj", "/CN=other", "-out", &file(at, "other.csr")];
    openssl(&subject, b"");
    parent_signs(at, "other.csr", CA, "wrong.pem", &["-days", "20"]);
    let refused = install(at, "wrong.pem").expect(1);
    assert!(refused.stderr.contains("the X.509 name of this CA is"), "{}", refused.stderr);
    // So does the identifier of the key, which is in what the key has signed.
    let other = CA.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=0102030405");
    parent_signs(at, "ca/ca.csr", &other, "wrong.pem", &["-days", "20"]);
    let refused = install(at, "wrong.pem").expect(1);
    assert!(
        refused.stderr.contains("subjectKeyIdentifier of the certificate is 0102030405"),
        "{}",
        refused.stderr
    );
    signs_under_the_root(at);
}

/// A self-signed CA of openssl in `old.pem`, with its key in `old.key`.
fn old_ca(at: &Path, extensions: &[&str]) {
    fs::write(at.join("old.key"), openssl_key(KeySize::Bits2048)).expect("written");
    chmod(&at.join("old.key"), 0o600);
    let made =
        ["req", "-x509", "-key", &file(at, "old.key"), "-days", "30", "-subj", "/O=Old/OU=PKI/CN=Old Root"];
    let all: Vec<_> = extensions.iter().flat_map(|extension| ["-addext", extension]).collect();
    openssl(&[&made[..], &all, &["-out", &file(at, "old.pem")]].concat(), b"");
}

const USAGE: &str = "keyUsage=critical,keyCertSign,cRLSign";

fn import(at: &Path, more: &[&str]) -> Done {
    let import = ["ca", "import", "--key", "old.key", "--name", "old-ca", "--dir", "ca"];
    run(at, &[&import[..], more].concat())
}

#[test]
fn an_imported_ca_keeps_its_x509_certificate_and_its_name() {
    for form in ["pkcs8", "pkcs1", "encrypted"] {
        let folder = TempDir::new().expect("a folder");
        let at = folder.path();
        old_ca(at, &[USAGE]);
        write(at, "right", "right");
        let key = fs::read(at.join("old.key")).expect("a file");
        let (key, more) = match form {
            "pkcs1" => (openssl(&["rsa", "-traditional"], &key), &[][..]),
            "encrypted" => (by_openssl(&key, &[]), &["--passphrase-file", "right"][..]),
            _ => (key, &[][..]),
        };
        fs::write(at.join("old.key"), &key).expect("written");
        import(at, &[&["--certificate", "old.pem"], more].concat()).expect(0);
        assert_eq!(fs::read(at.join("old.key")).expect("a file"), key, "the file stays as it is");
        let printed = run(at, &[&["ca", "certificate", "--dir", "ca"], more].concat()).expect(0).stdout;
        assert_eq!(ders(&printed), ders(&read(at, "old.pem")));
        let request = csr(P256, "/CN=x", "DNS:www.example.org");
        let allowed = ["--profile", "tls-server", "--allow-name", "www.example.org", "--validity", "5d"];
        let leaf = sign(at, &request, &[&allowed[..], more].concat()).expect(0).stdout;
        fs::write(at.join("leaf.pem"), leaf).expect("written");
        let verify = ["verify", "-x509_strict", "-CAfile", &file(at, "old.pem"), &file(at, "leaf.pem")];
        openssl(&verify, b"");
        run(at, &[&["ca", "check", "--dir", "ca"], more].concat()).expect(0);
        if form == "pkcs8" {
            // A later key has the same name, and both keys vouch for each other.
            rollover(at, &[]).expect(0);
            let crossed = ca_certificate(at, &["--cross"]).expect(0).stdout;
            assert_eq!(ders(&crossed).len(), 3);
            // openssl takes the first issuer that it finds, so the self-signed one must not be among them.
            let end = "-----END CERTIFICATE-----\n";
            let (_, cross) = crossed.split_once(end).expect("three certificates");
            write(at, "cross.pem", cross);
            fs::write(at.join("new.pem"), ca_certificate(at, &[]).expect(0).stdout).expect("written");
            assert!(described(&read(at, "new.pem")).contains("Subject: CN=Old Root,OU=PKI,O=Old"));
            for root in ["old.pem", "new.pem"] {
                let leaf = sign(at, &csr(P256, "/CN=x", "DNS:www.example.org"), &allowed).expect(0).stdout;
                fs::write(at.join("new-leaf.pem"), leaf).expect("written");
                for leaf in ["leaf.pem", "new-leaf.pem"] {
                    let verify = ["verify", "-CAfile", &file(at, root), "-untrusted", &file(at, "cross.pem")];
                    openssl(&[&verify[..], &[&file(at, leaf)]].concat(), b"");
                }
            }
            run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        }
    }
}

#[test]
fn an_import_with_a_wrong_certificate_makes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    old_ca(at, &[USAGE]);
    root(at, "other");
    write(at, "text.pem", "no certificate\n");
    let refused = import(at, &["--certificate", "other.pem"]).expect(1);
    assert!(refused.stderr.contains("is for the key of this CA"), "{}", refused.stderr);
    import(at, &["--certificate", "text.pem"]).expect(1);
    import(at, &["--certificate", "missing.pem"]).expect(1);
    old_ca(at, &["keyUsage=digitalSignature"]);
    let refused = import(at, &["--certificate", "old.pem"]).expect(1);
    assert!(refused.stderr.contains("keyCertSign and cRLSign"), "{}", refused.stderr);
    assert!(!at.join("ca").exists());
    // Without the certificate, the CA makes one, or takes it later while it has none.
    import(at, &[]).expect(0);
    old_ca(at, &[USAGE]);
    install(at, "old.pem").expect(0);
    assert_eq!(ders(&ca_certificate(at, &[]).expect(0).stdout), ders(&read(at, "old.pem")));
    let verify = ["verify", "-CAfile", &file(at, "other.pem"), &file(at, "old.pem")];
    openssl_fails(&verify, b"");
}

#[test]
fn the_request_of_an_intermediate_is_printed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let named = ["--organization", "ACME", "--country", "DE"];
    let alone = run(at, &[&["ca", "init", "--dir", "ca"], &named[..]].concat()).expect(2).stderr;
    assert!(alone.contains("--intermediate"), "{alone}");
    run(at, &[&["ca", "init", "--dir", "ca", "--intermediate"], &named[..]].concat()).expect(0);
    let made = fs::read_to_string(at.join("ca/ca.csr")).expect("text");
    assert_eq!(run(at, &["ca", "csr", "--dir", "ca"]).expect(0).stdout, made);
}
