//! The pages of the console, from the first key to the tokens, with requests on sockets.

use std::fs;

use minipki_ca::ports::{LedgerReader, Page};
use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::trust::Serial;
use minipki_core::wire::Code;
use minipki_fixtures::openssl;
use minipki_ledger::{Owner, SqliteReader};
use minipki_server::state;
use minipki_tests::ca::id;
use minipki_tests::console::{Browser, TestConsole};
use minipki_tests::program::{run, run_with, start_with};
use minipki_tests::server::{PROVEN, enrol, pair, soon, with_token};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// The anchor of the console's CA.
async fn anchor(browser: &Browser) -> Anchor {
    let text = browser.get("/authority/anchor.json").await.expect(200).body;
    Anchor::decode(Portable::new(), text.as_bytes()).expect("a good anchor")
}

// The test waits for a client program, so the console needs another thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_no_key_to_a_certificate_that_is_checked() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    assert!(browser.get("/").await.body.contains("Generate CA RSA keys"));
    // Without a key, other actions are refused.
    browser.post("/authority/start", "listen=127.0.0.1%3A0&policy=proof").await.expect(409);
    assert!(browser.get("/certificates").await.expect(200).body.contains("No certificate was issued yet"));
    for wrong in ["issuer_id=no%20spaces&bits=2048", "issuer_id=a&bits=1024", "issuer_id=&bits=2048"] {
        let page = browser.post("/authority/key", wrong).await.expect(422).body;
        assert!(page.contains("class=\"error\"") && page.contains("<nav aria-label=\"Pages\">"), "{page}");
    }
    browser.make_key().await;
    browser.post("/authority/key", "issuer_id=another&bits=2048").await.expect(409);
    assert!(browser.get("/certificates").await.expect(200).body.contains("No certificate was issued yet"));

    let anchor = anchor(&browser).await;
    let page = browser.get("/").await.expect(200).body;
    assert!(page.contains(&format!("--fingerprint {}", anchor.fingerprint())), "{page}");
    let pem = browser.get("/authority/anchor.pem").await.expect(200).body;
    assert_eq!(pem, fs::read_to_string(console.ca().join("ca-public.pem")).expect("the file exists"));
    let shown = openssl(&["pkey", "-pubin", "-noout", "-text"], pem.as_bytes());
    assert!(String::from_utf8_lossy(&shown).contains("2048 bit"));

    let address = browser.start_ca().await;
    browser.post("/authority/start", "listen=127.0.0.1%3A0&policy=proof").await.expect(409);
    let line = page.split("minipki enroll").nth(1).expect("a line to copy");
    let line = line
        .split("</code>")
        .next()
        .expect("the end of the text")
        .replace("127.0.0.1:9000", &address.to_string());
    let words: Vec<_> =
        format!("enroll{line}").replace("NAME", "alice").split(' ').map(str::to_owned).collect();
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &words).expect(0);

    let mut stream = soon(TcpStream::connect(address)).await.expect("a connection");
    let taken = soon(enrol(&mut stream, &anchor, "alice", &pair(9), PROVEN)).await.expect("an answer");
    assert_eq!(taken.refused(), Code::SubjectTaken);
    drop(stream);
    let status = browser.get("/authority/status").await.expect(200).body;
    for figure in
        ["<dt>Issued</dt><dd>1</dd>", "<dt>Refused</dt><dd>1</dd>", "<dt>Connections</dt><dd>2</dd>"]
    {
        assert!(status.contains(figure), "{figure} in {status}");
    }

    let owner =
        Owner { issuer_id: anchor.issuer_id().expect("a value").into(), fingerprint: anchor.fingerprint() };
    let mut reader = SqliteReader::open(&console.ca(), &owner).expect("a ledger");
    let record = reader.list(Page { subject: None, after: 0, limit: 2 }).expect("read").remove(0);
    let table = browser.get("/certificates").await.expect(200).body;
    assert!(table.contains(">alice</a>") && table.contains(&record.serial.to_string()), "{table}");
    let detail = browser.get(&format!("/certificates/{}?check=now", record.serial)).await.expect(200).body;
    assert_eq!(detail.matches("badge good\">passed").count(), 6, "{detail}");
    let file = browser.get(&format!("/certificates/{}/certificate.json", record.serial)).await.expect(200);
    assert_eq!(file.body.as_bytes(), record.certificate);
    assert_eq!(
        file.body,
        fs::read_to_string(folder.path().join("alice/certificate.json")).expect("enrolled")
    );
    for (query, found) in [
        ("subject=al", true),
        ("subject=bob", false),
        (&format!("serial={}", record.serial)[..], true),
        ("serial=1", false),
        ("from=2020-01-01&until=2099-01-01", true),
        ("from=2099-01-01", false),
    ] {
        let page = browser.get(&format!("/certificates?{query}")).await.expect(200).body;
        assert_eq!(page.contains(">alice</a>"), found, "{query}: {page}");
    }
    for wrong in ["/certificates/0", "/certificates/1", "/certificates/x", "/certificates/1/certificate.json"]
    {
        browser.get(wrong).await.expect(404);
    }

    browser.post("/authority/stop", "").await.expect(303);
    browser.post("/authority/stop", "").await.expect(409);
    assert!(TcpStream::connect(address).await.is_err(), "the server has stopped");
    assert!(browser.get("/authority/status").await.body.contains("it issued 1 and refused 1"));
    browser.start_ca().await;
    console.stop().await;
}

#[tokio::test]
async fn a_token_is_shown_once_works_once_and_can_be_revoked() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let address = browser.start_ca().await;
    let anchor = anchor(&browser).await;
    let make = async || {
        let page = browser.post_and_follow("/tokens", "subject=carol&expires_in=3600").await.body;
        let (_, rest) = page.split_once("<code id=\"token\">").expect("the page shows it");
        rest.split('<').next().expect("the text of the token").to_owned()
    };
    let (spent, revoked) = (make().await, make().await);
    let ask = async |byte, text: &str| {
        let mut stream = soon(TcpStream::connect(address)).await.expect("a connection");
        soon(enrol(&mut stream, &anchor, "carol", &pair(byte), with_token(text))).await.expect("an answer")
    };
    ask(1, &spent).await.granted();
    assert_eq!(ask(2, &spent).await.refused(), Code::ProofFailed);

    let list = browser.get("/tokens").await.expect(200).body;
    let (_, rest) = list.split_once("action=\"/tokens/").expect("one can be revoked");
    let path = format!("/tokens/{}", rest.split('"').next().expect("the end of the text"));
    browser.post(&path, "").await.expect(303);
    browser.post(&path, "").await.expect(409);
    assert_eq!(ask(1, &revoked).await.refused(), Code::ProofFailed);
    let list = browser.get("/tokens").await.expect(200).body;
    assert!(list.contains("spent") && list.contains("revoked") && !list.contains("can be used"), "{list}");
    for wrong in ["subject=no%20spaces&expires_in=3600", "subject=carol&expires_in=1"] {
        browser.post("/tokens", wrong).await.expect(422);
    }

    // No page shows the CA's key, a token or the hash of a token.
    let key = fs::read_to_string(console.ca().join("ca-key.pem")).expect("the file exists");
    let mut secrets: Vec<String> =
        key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
    for token in [&spent, &revoked] {
        secrets.push(token.clone());
        let hash = minipki_ca::TokenHash::of(token);
        secrets.push(hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect());
    }
    let serial = list.split("/certificates/").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    for path in [
        "/",
        "/authority/status",
        "/authority/anchor.json",
        "/authority/anchor.pem",
        "/certificates",
        &format!("/certificates/{serial}?check=now"),
        "/tokens",
    ] {
        let page = browser.get(path).await.expect(200).body;
        assert!(!secrets.iter().any(|secret| page.contains(secret)), "a secret is on {path}");
    }
}

#[tokio::test]
async fn text_from_others_is_never_a_script() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let address = browser.start_ca().await;
    let anchor = anchor(&browser).await;
    let mut stream = soon(TcpStream::connect(address)).await.expect("a connection");
    soon(enrol(&mut stream, &anchor, "mallory", &pair(3), PROVEN)).await.expect("an answer").granted();
    let script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let encoded: String = script.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let safe = |page: &str| {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    };
    for field in ["subject", "serial", "key", "state", "days", "from", "until", "ends_from", "sort", "after"]
    {
        let page = browser.get(&format!("/certificates?{field}={encoded}")).await;
        assert!(matches!(page.status, 200 | 422), "{field}: {page:?}");
        safe(&page.body);
    }
    safe(&browser.post("/tokens", &format!("subject={encoded}&expires_in=3600")).await.expect(422).body);
    safe(&browser.post("/authority/start", &format!("listen={encoded}&policy=proof")).await.body);
    safe(&browser.get(&format!("/certificates/{encoded}")).await.expect(404).body);
    safe(&browser.get(&format!("/enter?key={encoded}")).await.expect(403).body);

    // A name and a certificate that another program has written into the ledger.
    let ledger = rusqlite::Connection::open(console.ca().join("ledger.sqlite")).expect("a ledger");
    let serial: [u8; 20] =
        ledger.query_row("SELECT serial FROM certificates", [], |row| row.get(0)).expect("one");
    let serial = Serial::from_be_bytes(&serial).expect("a serial number");
    let forged = format!("{{\"ca_signature_b64\":\"{script}\",\"{script}\":1}}").replace("\"'>", "'>");
    ledger.execute("UPDATE certificates SET certificate = ?1", [&forged]).expect("changed");
    let page = browser.get(&format!("/certificates/{serial}?check=now")).await.expect(200).body;
    safe(&page);
    assert!(page.contains("script&") && page.contains("badge bad\">failed"), "{page}");
    ledger.execute("UPDATE certificates SET subject_id = ?1", [script]).expect("changed");
    let page = browser.get("/certificates").await.expect(500).body;
    safe(&page);
    assert!(page.contains("changed from outside"), "{page}");
}

#[test]
fn every_action_leaves_a_line_and_no_secret_in_the_log() {
    let folder = TempDir::new().expect("a folder");
    // The log has audit lines at every log level.
    let arguments = ["console", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let mut program = start_with(folder.path(), &arguments, &[("RUST_LOG", "error")]);
    let link = program.line("/enter?key=").trim_end().to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let secrets = runtime.block_on(async {
        let browser = Browser::enter(&link).await;
        browser.get(&Browser::at(&link).1).await.expect(403);
        browser.make_key().await;
        browser.start_ca().await;
        let page = browser.post_and_follow("/tokens", "subject=dave&expires_in=3600").await.body;
        let token = page.split("<code id=\"token\">").nth(1).expect("the page shows it")[..32].to_owned();
        browser.post_from("/tokens/1/revoke", "", "csrf=1").await.expect(403);
        let list = browser.get("/tokens").await.expect(200).body;
        let id = list.split("action=\"/tokens/").nth(1).and_then(|rest| rest.split('/').next()).expect("one");
        browser.post(&format!("/tokens/{id}/revoke"), "").await.expect(303);
        let page = browser.post_and_follow("/links", "").await.body;
        let made =
            page.split("<code id=\"link\">").nth(1).and_then(|rest| rest.split('<').next()).expect("a link");
        Browser::enter(made).await;
        browser.post("/sessions/2/end", "").await.expect(303);
        browser.post("/authority/stop", "").await.expect(303);
        browser.post("/sign-out", "").await.expect(200);
        (token, browser.cookie, browser.csrf)
    });
    let log = program.stop().expect(0).stderr;
    assert_eq!(log.matches("a link was opened").count(), 2, "{log}");
    for (action, details) in [
        ("end a session", "over: 2"),
        ("generate the CA key", "console-ca, RSA-2048"),
        ("start the CA server", "127.0.0.1:"),
        ("make a token", "for dave"),
        ("revoke a token", "number"),
        ("make a link", ""),
        ("stop the CA server", ""),
        ("sign out", ""),
    ] {
        let line = format!("action=\"{action}\"");
        let lines = log.lines().filter(|text| text.contains("audit: done") && text.contains(&line));
        assert_eq!(lines.filter(|text| text.contains(details)).count(), 1, "{action} in:\n{log}");
    }
    assert_eq!(log.matches("audit: refused").count(), 2, "{log}");
    let (token, cookie, csrf) = secrets;
    let name = link.split(['/', '.']).nth(2).expect("a host name");
    let cookie = cookie.split('=').nth(1).expect("a value");
    for secret in [&token[..], &csrf, cookie, &link[link.len() - 32..], name] {
        assert!(!log.contains(secret), "{secret} in:\n{log}");
    }
}

#[test]
fn a_signal_prints_another_link_and_the_server_can_have_a_console() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let serve = [
        "ca",
        "serve",
        "--dir",
        "ca",
        "--listen",
        "127.0.0.1:0",
        "--require-token",
        "--console",
        "127.0.0.1:0",
    ];
    let mut program = start_with(folder.path(), &serve, &[]);
    let ca = program.address("serving");
    let first = program.line("/enter?key=");
    program.signal("USR1");
    let second = program.line("/enter?key=");
    assert_ne!(first, second);
    let refused = run_with(
        folder.path(),
        &["enroll", "--ca", &ca, "--subject", "eve", "--anchor", "ca/anchor.json", "--out", "eve"],
        &[],
    );
    refused.expect(3);
    program.stop().expect(0);
    run(folder.path(), &["ca", "serve", "--dir", "ca", "--tls-issued"]).expect(2);
}

#[tokio::test]
async fn a_running_console_finds_a_ca_that_another_program_made() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    assert!(browser.get("/").await.body.contains("This CA has no key yet"));
    state::create(&console.ca(), id("elsewhere"), KeySize::Bits2048).expect("a new CA");
    let refused = browser.post("/authority/key", "issuer_id=console-ca&bits=2048").await.expect(409);
    assert!(refused.body.contains("has a key already"), "{refused:?}");
    assert!(browser.get("/").await.body.contains("<dd>elsewhere</dd>"));
    browser.get("/certificates").await.expect(200);
    browser.start_ca().await;
}

#[test]
fn a_failed_key_generation_has_an_audit_line() {
    let folder = TempDir::new().expect("a folder");
    let mut program = start_with(folder.path(), &["console", "--dir", "ca", "--listen", "127.0.0.1:0"], &[]);
    let link = program.line("/enter?key=").trim_end().to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    fs::create_dir(folder.path().join("ca")).expect("made");
    fs::write(folder.path().join("ca/notes"), "of somebody else").expect("written");
    let browser = runtime.block_on(async {
        let browser = Browser::enter(&link).await;
        browser.post("/authority/key", "issuer_id=console-ca&bits=2048").await.expect(303);
        browser
    });
    let line = program.line("audit: refused");
    assert!(line.contains("generate the CA key") && line.contains("choose another folder"), "{line}");
    // The audit line comes before a page shows the result.
    let page = runtime.block_on(soon(async {
        loop {
            let page = browser.get("/").await.expect(200).body;
            if !page.contains("Making an RSA-2048 key") {
                return page;
            }
        }
    }));
    assert!(page.contains("There is no usable key"), "{page}");
    let log = program.stop().expect(0).stderr;
    assert!(!log.contains("action=\"generate the CA key\" details"), "{log}");
    // Removing the existing files is not advised.
    assert!(!log.contains("remove") && !page.contains("remove"), "{log}\n{page}");
}
