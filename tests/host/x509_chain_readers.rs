//! The readers of an intermediate trust the root of its parent alone. They get the documents of its repository, its OCSP answers,
//! and the console over TLS.

use std::fs;
use std::path::Path;
use std::time::Duration;

use minipki_fixtures::openssl;
use minipki_tests::http::get;
use minipki_tests::program::run;
use minipki_tests::x509::openssl as openssl_in;

use super::console_tls::{BY_ADDRESS, answer, console, opens_session};
use super::passphrase::write;
use super::repository::{key_id, serve};
use super::rollover::rollover;
use super::x509_ca_certificate::{ca_certificate, ders};
use super::x509_chain::{CA, file, install, intermediate, parent_signs, read, signs_under_the_root};

/// The serving program looks at the ledger at most once a second.
fn seen() {
    std::thread::sleep(Duration::from_millis(1100));
}

/// Has openssl ask for the status of `leaf.pem`. It trusts the root, and knows the intermediate `issuer`.
fn ask(at: &Path, address: &str, issuer: &str) -> String {
    let url = format!("http://{address}/ocsp");
    let trust = ["-CAfile", "root.pem", "-verify_other", issuer];
    let ask = ["ocsp", "-url", &url, "-issuer", issuer, "-cert", "leaf.pem"];
    let done = openssl_in(at, &[&ask[..], &trust].concat());
    let shown = format!("{}{}", String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    assert!(shown.contains("Response verify OK"), "{shown}");
    shown
}

/// Fetches the list by the key of the intermediate `issuer`, and has openssl verify `leaf.pem` with it.
fn verify_with_list(at: &Path, address: &str, issuer: &str) {
    let path = format!("/crl/{}/0.crl", key_id(at, issuer));
    fs::write(at.join("0.crl"), get(address, &path).expect(200).body).expect("written");
    let files = [("-CAfile", "root.pem"), ("-untrusted", issuer), ("-CRLfile", "0.crl")];
    let files = files.map(|(option, name)| [option.to_owned(), file(at, name)]).concat();
    let leaf = file(at, "leaf.pem");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    openssl(&[&["verify", "-x509_strict", "-crl_check"][..], &files, &[&leaf]].concat(), b"");
}

#[test]
fn the_repository_of_an_intermediate_has_its_documents_under_the_root() {
    let folder = intermediate();
    let at = folder.path();
    run(at, &["ca", "public-url", "--dir", "ca", "http://pki.example.org"]).expect(0);
    let (program, address) = serve(at, &[]);
    for path in ["/ca.crt", "/ca.pem", "/crl/0.crl"] {
        get(&address, path).expect(404);
    }
    get(&address, "/crl.json").expect(200);

    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    write(at, "all.pem", &[read(at, "root.pem"), read(at, "signed.pem")].concat());
    install(at, "all.pem").expect(0);
    signs_under_the_root(at);
    seen();
    // Both names of the key are that of the parent, and not that of the CA's own method.
    let key = key_id(at, "signed.pem");
    let shown = openssl(&["x509", "-noout", "-text", "-in", &file(at, "leaf.pem")], b"");
    let shown = String::from_utf8(shown).expect("text");
    assert!(shown.replace(':', "").to_lowercase().matches(&key).count() >= 3, "{key}: {shown}");
    for path in [format!("/crl/{key}/0.crl"), format!("/ca/{key}.crt"), "/ocsp".to_owned()] {
        assert!(shown.contains(&format!("URI:http://pki.example.org{path}\n")), "{path}: {shown}");
    }
    for path in ["/ca.crt", &format!("/ca/{key}.crt")] {
        assert_eq!([get(&address, path).expect(200).body], *ders(&read(at, "signed.pem")));
    }
    assert_eq!(get(&address, "/ca.pem").expect(200).text(), ca_certificate(at, &[]).expect(0).stdout);
    verify_with_list(at, &address, "signed.pem");
    assert!(ask(at, &address, "signed.pem").contains("leaf.pem: good"));

    // A later chain of the same key, while the CA is served.
    parent_signs(at, "ca/ca.csr", CA, "later.pem", &["-days", "25"]);
    install(at, "later.pem").expect(0);
    seen();
    assert_eq!([get(&address, "/ca.crt").expect(200).body], *ders(&read(at, "later.pem")));
    for issuer in ["signed.pem", "later.pem"] {
        verify_with_list(at, &address, issuer);
        assert!(ask(at, &address, issuer).contains("leaf.pem: good"));
    }
    program.stop().expect(0);

    // The former key has its documents while the present one waits.
    rollover(at, &[]).expect(0);
    let (program, address) = serve(at, &[]);
    get(&address, "/ca.crt").expect(404);
    assert_eq!([get(&address, &format!("/ca/{key}.crt")).expect(200).body], *ders(&read(at, "later.pem")));
    verify_with_list(at, &address, "later.pem");
    assert!(ask(at, &address, "later.pem").contains("leaf.pem: good"));
    program.stop().expect(0);
}

#[test]
fn the_console_of_an_intermediate_sends_its_chain() {
    let folder = intermediate();
    let at = folder.path();
    let more = ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued"];
    let refused = run(at, &more).expect(1);
    assert!(refused.stderr.contains("`minipki ca install-chain`"), "{}", refused.stderr);
    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    write(at, "all.pem", &[read(at, "root.pem"), read(at, "signed.pem")].concat());
    install(at, "all.pem").expect(0);
    let (program, link) = console(at, "127.0.0.1:0", &["--tls-issued"]);
    // The client has the root alone.
    opens_session(&answer(&link, &at.join("root.pem"), BY_ADDRESS));
    program.stop().expect(0);
}

#[test]
fn a_backup_of_an_intermediate_has_its_chain() {
    let folder = intermediate();
    let at = folder.path();
    parent_signs(at, "ca/ca.csr", CA, "signed.pem", &["-days", "20"]);
    install(at, "signed.pem").expect(0);
    signs_under_the_root(at);
    run(at, &["ca", "backup", "--dir", "ca", "--to", "backup.tar"]).expect(0);
    run(at, &["ca", "restore", "--from", "backup.tar", "--dir", "restored"]).expect(0);
    let printed = run(at, &["ca", "certificate", "--dir", "restored"]).expect(0).stdout;
    assert_eq!(ders(&printed), ders(&read(at, "signed.pem")));
    run(at, &["ca", "check", "--dir", "restored"]).expect(0);
}
