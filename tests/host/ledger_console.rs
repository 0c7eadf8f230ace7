//! The console over a ledger that it must not change by looking at it.

use std::path::Path;

use minipki_core::crypto::rsa::KeySize;
use minipki_server::state;
use minipki_tests::ca::id;
use minipki_tests::console::TestConsole;
use rusqlite::Connection;

#[tokio::test]
async fn looking_at_a_page_neither_makes_nor_migrates_a_ledger() {
    let make = |ca: &Path| {
        state::create(ca, id("ca"), KeySize::Bits2048).expect("a new CA");
        let ledger = Connection::open(ca.join("ledger.sqlite")).expect("opened");
        ledger
            .execute_batch("DROP TABLE instance; PRAGMA user_version = 2;")
            .expect("as the version before made it");
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
    assert_eq!(schema, 2, "it was brought up to date by a look");
    drop(ledger);

    std::fs::remove_file(&path).expect("removed");
    let answer = browser.get("/certificates").await;
    assert!(answer.body.contains("minipki ca restore --from FILE"), "{}", answer.body);
    assert!(!path.exists(), "it was made by a look");
}

#[tokio::test]
async fn a_clock_behind_the_ledger_stops_the_tokens_of_the_console() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    browser.post("/authority/start", "listen=127.0.0.1%3A0&policy=token").await.expect(303);
    let ledger = Connection::open(console.ca().join("ledger.sqlite")).expect("opened");
    ledger.execute_batch("UPDATE instance SET latest = 4000000000").expect("changed");
    // By hand, and those that the walk-through makes for itself.
    for (path, form) in [("/tokens", "subject=carol&expires_in=3600"), ("/walk/play", "")] {
        let refused = browser.post(path, form).await.expect(409);
        assert!(refused.body.contains("set the clock"), "{path}: {}", refused.body);
    }
    let tokens: u32 = ledger.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0)).expect("read");
    assert_eq!(tokens, 0);
}
