//! X.509 certificates in the console: the CA certificate, and the page of each certificate.

use std::fs;
use std::path::{Path, PathBuf};

use minipki_fixtures::openssl;
use minipki_tests::console::{Browser, TestConsole};
use minipki_tests::program::run;

/// The folder around the CA's folder.
fn around(console: &TestConsole) -> PathBuf {
    console.ca().parent().expect("a folder").to_owned()
}

/// Has the CA sign the certificate of a server, `www.pem`.
fn sign(at: &Path) -> String {
    let path = |name: &str| at.join(name).display().to_string();
    let (key, csr) = (path("www.key"), path("www.csr"));
    let make =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/"];
    let named = ["-addext", "subjectAltName=DNS:www.example.org", "-keyout", &key, "-out", &csr];
    openssl(&[&make[..], &named].concat(), b"");
    let sign = ["ca", "sign", "--dir", "ca", "--csr", "www.csr", "--profile", "tls-server"];
    run(at, &[&sign[..], &["--allow-name", "www.example.org", "--out", "www.pem"]].concat()).expect(0);
    fs::read_to_string(at.join("www.pem")).expect("a file of text")
}

/// The path of the page of the only certificate that a search for this subject finds.
async fn page_of(browser: &Browser, subject: &str) -> String {
    let list = browser.get(&format!("/certificates?subject={subject}")).await.expect(200).body;
    let (_, rows) = list.split_once("<tbody>").expect("a table");
    assert_eq!(rows.matches("<th").count(), 1, "{rows}");
    assert!(rows.contains(">X.509</span>") && rows.contains("an elliptic-curve key on P-256"), "{rows}");
    let (_, link) = rows.split_once("<a href=\"").expect("a link");
    link.split('"').next().expect("a link").to_owned()
}

#[tokio::test]
async fn the_ca_certificate_is_offered_with_its_fingerprint_and_the_steps_of_its_import() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.get("/authority/ca.pem").await.expect(409);
    browser.make_key().await;
    let page = browser.get("/authority").await.expect(200).body;
    assert!(page.contains("This CA has no X.509 certificate yet"), "{page}");
    for file in ["ca.pem", "ca.crt"] {
        let refused = browser.get(&format!("/authority/{file}")).await.expect(404).body;
        assert!(refused.contains("minipki ca certificate --dir DIR"), "{refused}");
    }
    let at = around(&console);
    run(&at, &["ca", "certificate", "--dir", "ca", "--out", "ca.pem"]).expect(0);
    let pem = fs::read_to_string(at.join("ca.pem")).expect("a file of text");
    assert_eq!(browser.get("/authority/ca.pem").await.expect(200).body, pem);
    browser.get("/authority/ca.crt").await.expect(200);
    let page = browser.get("/authority").await.expect(200).body;
    let print = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], pem.as_bytes());
    let print = String::from_utf8(print).expect("text");
    let (_, print) = print.trim().split_once('=').expect("a fingerprint");
    assert!(page.contains(print) && page.contains("How to import it") && page.contains("Firefox"), "{page}");
    console.nobody().get("/authority/ca.pem").await.expect(401);
}

#[tokio::test]
async fn an_x509_certificate_has_its_fields_its_bytes_and_each_check() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let at = around(&console);
    let pem = sign(&at);
    let path = page_of(&browser, "www.example.org").await;
    assert_eq!(browser.get(&format!("{path}/certificate.pem")).await.expect(200).body, pem);
    browser.get(&format!("{path}/certificate.der")).await.expect(200);
    let page = browser.get(&path).await.expect(200).body;
    for text in ["subjectAltName", "dns:www.example.org", "clients compare these", "minipki x509 verify"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Each field with bytes of its own is in both parts.
    for number in [0, 1, 2, 5] {
        assert_eq!(page.matches(&format!("data-bytes=\"x509-{number}\"")).count(), 2, "{number}: {page}");
        assert_eq!(page.matches(&format!("href=\"#x509-{number}\"")).count(), 1, "{number}: {page}");
    }
    let der = openssl(&["x509", "-outform", "DER"], pem.as_bytes());
    let (_, bytes) = page.split_once("<pre class=\"bytes\"").expect("the bytes");
    let (bytes, _) = bytes.split_once("</pre>").expect("the end of the bytes");
    let mut shown = String::new();
    for piece in bytes.split('<') {
        shown.push_str(piece.split_once('>').map_or("", |(_, text)| text));
    }
    let expected: Vec<_> = der.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), expected);

    let check = format!("{path}?check=now");
    let page = browser.get(&check).await.expect(200).body;
    assert!(!page.contains("badge bad") && page.contains("RFC 5280 §6.1.3 (a)(1)"), "{page}");
    assert!(page.contains("CN=www.example.org, issued by CN=console-ca"), "{page}");
    let serial = path.rsplit('/').next().expect("a serial number");
    run(&at, &["ca", "revoke", "--dir", "ca", "--serial", serial, "--reason", "superseded"]).expect(0);
    let page = browser.get(&check).await.expect(200).body;
    assert_eq!(page.matches("<span class=\"badge bad\">failed").count(), 1, "{page}");

    // After a change of the key, the certificate is verified under the certificate of the former key.
    run(&at, &["ca", "rollover", "--dir", "ca"]).expect(0);
    let page = browser.get(&check).await.expect(200).body;
    assert_eq!(page.matches("<span class=\"badge bad\">failed").count(), 1, "{page}");
    assert!(page.contains("CN=www.example.org, issued by CN=console-ca"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_with_a_twin_has_both_encodings_side_by_side() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let (at, ca) = (around(&console), browser.start_ca().await.to_string());
    let enroll =
        ["enroll", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json", "--out", "alice"];
    run(&at, &enroll).expect(0);
    let json = fs::read_to_string(at.join("alice/certificate.json")).expect("a file of text");
    let serial = json.split("\"serial_number\":").nth(1).and_then(|rest| rest.split(',').next());
    let path = format!("/certificates/{}", serial.expect("a serial number"));
    let page = browser.get(&path).await.expect(200).body;
    assert!(!page.contains("X.509 certificate</h2>"), "{page}");
    browser.get(&format!("{path}/certificate.pem")).await.expect(404);

    run(&at, &["x509", "fetch", "--identity", "alice"]).expect(0);
    let page = browser.get(&path).await.expect(200).body;
    for text in
        ["encodings both", "X.509 certificate</h2>", "uri:urn:minipki:console-ca:alice", "certificate.der"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    let twin = fs::read_to_string(at.join("alice/certificate.pem")).expect("a file of text");
    assert_eq!(browser.get(&format!("{path}/certificate.pem")).await.expect(200).body, twin);
    assert_eq!(browser.get(&format!("{path}/certificate.json")).await.expect(200).body, json);
    browser.get(&format!("{path}/certificate.der")).await.expect(200);
}
