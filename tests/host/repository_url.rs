//! The public URL of the CA and the shards of its lists: in certificates and lists, with openssl as their reader, which fetches
//! the lists by itself.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use minipki_fixtures::{openssl, openssl_fails};
use minipki_tests::http::get;
use minipki_tests::loopback::free_port;
use minipki_tests::program::{Running, run, start};
use tempfile::TempDir;

use super::rollover::{made, rollover};
use super::x509_ca_certificate::{described, write_ca_certificate};
use super::x509_ca_crl::{crl, revoke, server, verify};
use super::x509_sign::serial;

/// Serves the CA with its repository on this port.
fn serve(at: &Path, port: u16) -> Running {
    let http = format!("127.0.0.1:{port}");
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--http", &http];
    let mut program = start(at, &serve);
    program.address("serving");
    program
}

fn public_url(at: &Path, more: &[&str]) -> minipki_tests::program::Done {
    run(at, &[&["ca", "public-url", "--dir", "ca"], more].concat())
}

/// Has openssl verify a certificate with the list that it fetches.
fn verify_by_download<T>(openssl: impl FnOnce(&[&str], &[u8]) -> T, at: &Path, name: &str) -> T {
    let [root, leaf] = ["ca.pem", name].map(|name| at.join(name).display().to_string());
    openssl(&["verify", "-x509_strict", "-crl_check", "-crl_download", "-CAfile", &root, &leaf], b"")
}

/// The URIs in a certificate after `before`.
fn uris(pem: &str, before: &str) -> Vec<String> {
    let shown = described(pem);
    let lines = shown.lines().filter_map(|line| line.trim().strip_prefix(before)).map(str::to_owned);
    lines.collect()
}

/// Waits until a change is visible: at most a second.
fn wait_for(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_secs(10), "the change is not visible");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn certificates_name_the_public_url_and_openssl_fetches_the_list_from_it() {
    let folder = made();
    let at = folder.path();
    let port = free_port();
    let program = serve(at, port);
    write_ca_certificate(at, "ca.pem");
    assert!(public_url(at, &[]).expect(0).stderr.contains("no public URL"));
    let without = described(&server(at, "before.example"));
    assert!(
        !without.contains("CRL Distribution Points") && !without.contains("Authority Information Access")
    );

    let url = format!("http://127.0.0.1:{port}");
    public_url(at, &[&format!("{url}/")]).expect(0);
    assert_eq!(public_url(at, &[]).expect(0).stdout, format!("{url}\n"));
    // The CA that is being served uses it at once.
    let pem = server(at, "www.example");
    let key = described(&pem).to_lowercase();
    let (_, key) = key.split_once("authority key identifier: \n").expect("a key");
    let key = key.lines().next().expect("a line").trim().replace(':', "");
    assert_eq!(uris(&pem, "URI:"), [format!("{url}/crl/{key}/0.crl")]);
    assert_eq!(uris(&pem, "CA Issuers - URI:"), [format!("{url}/ca/{key}.crt")]);
    assert_eq!(uris(&pem, "OCSP - URI:"), [format!("{url}/ocsp")]);
    wait_for(|| get(&format!("127.0.0.1:{port}"), "/ca.crt").status == 200);
    let issuer = get(&format!("127.0.0.1:{port}"), &format!("/ca/{key}.crt")).expect(200).body;
    let ca = fs::read_to_string(at.join("ca.pem")).expect("text");
    assert_eq!(issuer, super::x509_ca_certificate::ders(&ca)[0]);

    verify_by_download(openssl, at, "www.example.pem");
    run(at, &["x509", "verify", "www.example.pem", "--trust", "ca.pem"]).expect(0);
    // One list is for all certificates, also for those that name no list.
    let list = crl(at, &["--out", "ca.crl"]).expect(0);
    assert!(list.stdout.is_empty());
    for name in ["before.example.pem", "www.example.pem"] {
        verify(openssl, at, ["ca.pem", "ca.crl", name]);
        run(at, &["x509", "verify", name, "--trust", "ca.pem", "--crl", "ca.crl"]).expect(0);
    }
    revoke(at, &pem, "superseded");
    std::thread::sleep(Duration::from_millis(1100));
    let refused = verify_by_download(openssl_fails, at, "www.example.pem");
    assert!(refused.contains("certificate revoked"), "{refused}");

    // The same request gets a certificate with the new URL.
    public_url(at, &["http://pki.example.org"]).expect(0);
    assert_eq!(uris(&server(at, "next.example"), "OCSP - URI:"), ["http://pki.example.org/ocsp"]);
    let removed = public_url(at, &["--remove"]).expect(0).stderr;
    assert!(removed.contains("lately http://pki.example.org."), "{removed}");
    assert!(!described(&server(at, "last.example")).contains("CRL Distribution Points"));
    program.stop().expect(0);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_public_url_is_plain_http() {
    let folder = made();
    let at = folder.path();
    for (url, text) in [
        ("https://pki.example.org", "Lists are signed"),
        ("pki.example.org", "expected http://HOST"),
        ("http://a?b", "expected http://HOST"),
    ] {
        let refused = public_url(at, &[url]).expect(2).stderr;
        assert!(refused.contains(text), "{refused}");
        run(at, &["ca", "init", "--dir", "other", "--public-url", url]).expect(2);
    }
    assert!(public_url(at, &[]).expect(0).stdout.is_empty());
    assert!(!at.join("other").exists());
}

#[test]
fn several_lists_have_each_revoked_certificate_once_and_name_their_address() {
    const SHARDS: u32 = 3;
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let init = ["ca", "init", "--dir", "ca", "--crl-shards", "3"];
    let refused = run(at, &init).expect(2).stderr;
    assert!(refused.contains("give --public-url"), "{refused}");
    assert!(!at.join("ca").exists());
    for count in ["0", "1001", "-1"] {
        run(at, &["ca", "init", "--dir", "ca", "--public-url", "http://a", "--crl-shards", count]).expect(2);
    }
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    run(at, &[&init[..], &["--public-url", &url]].concat()).expect(0);
    let program = serve(at, port);
    write_ca_certificate(at, "ca.pem");
    let names: Vec<_> = (0..9).map(|number| format!("n{number}.example")).collect();
    let pems: Vec<_> = names.iter().map(|name| server(at, name)).collect();
    let shard_of = |pem: &str| {
        let digits = serial(pem).replace(':', "");
        digits.chars().fold(0, |rest, digit| (rest * 16 + digit.to_digit(16).expect("a digit")) % SHARDS)
    };
    let shards: Vec<_> = pems.iter().map(|pem| shard_of(pem)).collect();
    let is_revoked = |number: usize| number.is_multiple_of(2);
    for (number, pem) in pems.iter().enumerate() {
        let named = uris(pem, "URI:");
        assert!(named[0].ends_with(&format!("/{}.crl", shards[number])), "{named:?}");
        if is_revoked(number) {
            revoke(at, pem, "superseded");
        }
    }
    std::thread::sleep(Duration::from_millis(1100));
    let address = format!("127.0.0.1:{port}");
    let mut entries = 0;
    for shard in 0..SHARDS {
        let list = get(&address, &format!("/crl/{shard}.crl")).expect(200).body;
        let shown =
            String::from_utf8(openssl(&["crl", "-inform", "DER", "-noout", "-text"], &list)).expect("text");
        let (_, point) = shown.split_once("Issuing Distribution Point: critical").expect("an extension");
        assert!(point.contains(&url) && point.contains(&format!("/{shard}.crl")), "{shown}");
        entries += shown.matches("Serial Number:").count();
        fs::write(at.join(format!("{shard}.crl")), list).expect("written");
        let made = crl(at, &["--shard", &shard.to_string(), "--out", &format!("made{shard}.crl")]);
        made.expect(0);
    }
    get(&address, "/crl/3.crl").expect(404);
    get(&address, "/crl/00.crl").expect(404);
    assert_eq!(entries, (0..9).filter(|number| is_revoked(*number)).count());
    for (number, name) in names.iter().enumerate() {
        let leaf = format!("{name}.pem");
        let code = if is_revoked(number) { 4 } else { 0 };
        match is_revoked(number) {
            true => assert!(verify_by_download(openssl_fails, at, &leaf).contains("certificate revoked")),
            false => drop(verify_by_download(openssl, at, &leaf)),
        }
        // Its own list, and another one, which says nothing about it.
        let own = |list: &str| run(at, &["x509", "verify", &leaf, "--trust", "ca.pem", "--crl", list]);
        own(&format!("{}.crl", shards[number])).expect(code);
        own(&format!("made{}.crl", shards[number])).expect(code);
        let other = format!("{}.crl", (shards[number] + 1) % SHARDS);
        let refused = own(&other).expect(4).stderr;
        assert!(!refused.contains("with the reason"), "{refused}");
        verify(openssl_fails, at, ["ca.pem", &other, &leaf]);
    }

    // Certificates with the earlier URL find the lists, which name both addresses.
    public_url(at, &["http://pki.example.org"]).expect(0);
    let later = server(at, "later.example");
    std::thread::sleep(Duration::from_millis(1100));
    let good = (0..9).find(|number| !is_revoked(*number)).expect("one");
    verify_by_download(openssl, at, &format!("{}.pem", names[good]));
    let shard = shard_of(&later);
    fs::write(at.join("later.crl"), get(&address, &format!("/crl/{shard}.crl")).expect(200).body)
        .expect("written");
    verify(openssl, at, ["ca.pem", "later.crl", "later.example.pem"]);
    run(at, &["x509", "verify", "later.example.pem", "--trust", "ca.pem", "--crl", "later.crl"]).expect(0);

    // Without a URL the lists would have no names.
    let refused = public_url(at, &["--remove"]).expect(1).stderr;
    assert!(refused.contains("needs a public URL"), "{refused}");
    let which = crl(at, &[]).expect(1).stderr;
    assert!(which.contains("--shard NUMBER"), "{which}");
    crl(at, &["--shard", "3"]).expect(1);
    program.stop().expect(0);

    // Cross certificates name the list of the key that has signed them.
    rollover(at, &[]).expect(0);
    let cross = super::x509_ca_certificate::ca_certificate(at, &["--cross"]).expect(0).stdout;
    let all: Vec<_> = cross.split_inclusive("-----END CERTIFICATE-----\n").collect();
    assert_eq!(all.len(), 3);
    let named: Vec<_> = all.iter().map(|pem| uris(pem, "URI:").len()).collect();
    assert_eq!(named, [0, 1, 1]);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn an_unfinished_ca_keeps_its_publication() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    openssl(&["genrsa", "-out", &at.join("key.pem").display().to_string(), "2048"], b"");
    let import =
        ["ca", "import", "--key", "key.pem", "--dir", "imported", "--public-url", "http://a.example"];
    run(at, &import).expect(0);
    assert_eq!(run(at, &["ca", "public-url", "--dir", "imported"]).expect(0).stdout, "http://a.example\n");
    let init = ["ca", "init", "--dir", "ca"];
    let published = ["--public-url", "http://pki.example.org", "--crl-shards", "2"];
    run(at, &[&init[..], &published].concat()).expect(0);
    // As after a creation that was interrupted before its last step.
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    let other = run(at, &[&init[..], &["--public-url", "http://other.example"]].concat()).expect(1).stderr;
    assert!(other.contains("another public URL or another number"), "{other}");
    run(at, &[&init[..], &published].concat()).expect(0);
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    run(at, &init).expect(0);
    assert_eq!(public_url(at, &[]).expect(0).stdout, "http://pki.example.org\n");
    // A backup has it too.
    run(at, &["ca", "backup", "--dir", "ca", "--to", "backup.tar"]).expect(0);
    run(at, &["ca", "restore", "--from", "backup.tar", "--dir", "restored"]).expect(0);
    let restored = run(at, &["ca", "public-url", "--dir", "restored"]).expect(0).stdout;
    assert_eq!(restored, "http://pki.example.org\n");
}
