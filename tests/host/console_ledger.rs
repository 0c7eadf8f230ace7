//! The console and its ledger: entries of the audit log, and pages that do not change the ledger.

use std::path::Path;
use std::time::Duration;

use minipki_ca::TokenHash;
use minipki_ca::ports::{AuditRecord, LedgerReader, Storage};
use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_server::state;
use minipki_tests::ca::id;
use minipki_tests::console::TestConsole;
use minipki_tests::server::{now, soon};
use rusqlite::Connection;

#[tokio::test]
async fn a_request_for_a_page_neither_makes_nor_migrates_a_ledger() {
    let make = |ca: &Path| {
        state::create(ca, id("ca"), KeySize::Bits2048).expect("a new CA");
        let ledger = Connection::open(ca.join("ledger.sqlite")).expect("opened");
        ledger
            .execute_batch("DROP TABLE instance; PRAGMA user_version = 2;")
            .expect("like the earlier version");
    };
    let console = TestConsole::of(make, |_| {}).await;
    let browser = console.enter().await;
    for page in ["/certificates", "/tokens"] {
        let answer = browser.get(page).await;
        assert!(answer.status >= 400, "{page}: {}", answer.body);
        assert!(answer.body.contains("minipki ca serve --dir"), "{page}: {}", answer.body);
    }
    let path = console.ca().join("ledger.sqlite");
    let ledger = Connection::open(&path).expect("opened");
    let schema: i32 = ledger.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("read");
    assert_eq!(schema, 2, "a request has migrated the ledger");
    drop(ledger);

    std::fs::remove_file(&path).expect("removed");
    let answer = browser.get("/certificates").await;
    assert!(answer.body.contains("minipki ca restore --from FILE"), "{}", answer.body);
    assert!(!path.exists(), "a request has made a ledger");
}

#[tokio::test]
async fn a_clock_behind_the_ledger_stops_the_tokens_of_the_console() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    browser.post("/authority/start", "listen=127.0.0.1%3A0&policy=token").await.expect(303);
    let ledger = Connection::open(console.ca().join("ledger.sqlite")).expect("opened");
    ledger.execute_batch("UPDATE instance SET latest = 4000000000").expect("changed");
    let refused = browser.post("/tokens", "subject=carol&expires_in=3600").await.expect(500);
    assert!(refused.body.contains("set the clock"), "{}", refused.body);
    let tokens: u32 = ledger.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0)).expect("read");
    assert_eq!(tokens, 0);
}

#[tokio::test]
async fn the_pages_of_the_tokens_lead_forth_and_back() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let storage = state::storage(&CaFolder::open(&console.ca()).expect("a CA"));
    let (mut book, now) = (storage.tokens().expect("a ledger"), now());
    for number in 0..120 {
        let (hash, subject) = (TokenHash::of(&format!("{number}")), id(&format!("device-{number:03}")));
        let expires = now.checked_add_seconds(10_000 - number).expect("a time");
        book.add(hash, subject.as_id(), expires, None, now).expect("added");
    }
    let subjects = |page: &str| -> Vec<usize> {
        let rows = page.split("data-label=\"Subject\">device-").skip(1);
        rows.map(|row| row[..3].parse().expect("a number")).collect()
    };
    let link = |page: &str, rel: &str| -> Option<String> {
        let (_, rest) = page.split_once(&format!("rel=\"{rel}\" href=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let mut path = "/tokens".to_owned();
    let mut pages = Vec::new();
    for (first, last) in [(0, 50), (50, 100), (100, 120)] {
        let page = browser.get(&path).await.expect(200).body;
        assert_eq!(subjects(&page), (first..last).collect::<Vec<_>>(), "{path}");
        assert_eq!((link(&page, "prev").is_some(), link(&page, "next").is_some()), (first > 0, last < 120));
        path = link(&page, "next").unwrap_or_default();
        pages.push(page);
    }
    let page = browser.get(&link(&pages[2], "prev").expect("a link")).await.expect(200).body;
    assert_eq!(subjects(&page), (50..100).collect::<Vec<_>>());
    assert!(link(&page, "next").is_some());
    let page = browser.get(&link(&page, "prev").expect("a link")).await.expect(200).body;
    assert_eq!(subjects(&page), (0..50).collect::<Vec<_>>());
    assert_eq!((link(&page, "prev"), link(&page, "next").is_some()), (None, true));
}

/// Waits for `count` entries of the audit log. Returns the newest entries, the oldest first.
async fn entries(console: &TestConsole, count: usize) -> Vec<AuditRecord> {
    let storage = state::storage(&CaFolder::open(&console.ca()).expect("a CA"));
    let read = async {
        loop {
            let mut reader: Box<dyn LedgerReader> = storage.reader().expect("the ledger opens");
            let mut found = reader.list_audit(None, 100).expect("read");
            if found.len() >= count {
                found.reverse();
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(read).await
}

#[tokio::test]
async fn console_actions_are_in_the_audit_log_of_the_ledger() {
    let make = |ca: &Path| drop(state::create(ca, id("ca"), KeySize::Bits2048).expect("a new CA"));
    let console = TestConsole::of(make, |_| {}).await;
    let browser = console.enter().await;
    browser.post_and_follow("/tokens", "subject=carol&expires_in=3600").await;
    browser.post("/tokens", "subject=no%20spaces&expires_in=3600").await.expect(422);
    browser.start_ca().await;
    browser.post("/authority/stop", "").await.expect(303);

    let found = entries(&console, 4).await;
    let actions: Vec<_> = found.iter().map(|record| record.entry.action()).collect();
    assert_eq!(actions, ["enter", "make a token", "start the CA server", "stop the CA server"]);
    let token = &found[1].entry;
    assert!(token.actor().starts_with("console session 1 at 127.0.0.1:"), "{}", token.actor());
    assert!(token.details().starts_with("for carol until "), "{}", token.details());
}
