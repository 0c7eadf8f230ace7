//! The change of the CA's key in the console, and the console beside another process that changes the key.

use std::path::Path;

use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_server::state::{self, KeyChoice};
use minipki_tests::ca::id;
use minipki_tests::console::{Browser, TestConsole};
use minipki_tests::server::soon;

use super::keys_at_rest::passphrase;

const CHANGE: &str = "/authority/change-key";
const START: &str = "listen=127.0.0.1%3A0&policy=proof";

fn folder(console: &TestConsole) -> CaFolder {
    CaFolder::open(&console.ca()).expect("a CA")
}

/// The Overview, when the state has this name.
async fn page_when(browser: &Browser, state: &str) -> String {
    let expected = format!("data-state=\"{state}\"");
    soon(async {
        loop {
            let page = browser.get("/").await.expect(200).body;
            if page.contains(&expected) {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
}

fn encrypted(ca: &Path) {
    let choice = KeyChoice::Generate(KeySize::Bits2048);
    state::create_with(ca, id("ca"), choice, Some(&passphrase("right"))).expect("a new CA");
}

#[tokio::test]
async fn the_key_is_changed_after_a_confirmation_while_the_server_does_not_run() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.post(CHANGE, "confirm=yes").await.expect(409);
    browser.make_key().await;
    let old = folder(&console).fingerprint().to_string();
    browser.start_ca().await;
    let page = browser.get("/authority").await.expect(200).body;
    assert!(page.contains("while the CA server does not run") && !page.contains(CHANGE), "{page}");
    let refused = browser.post(CHANGE, "confirm=yes").await.expect(409).body;
    assert!(refused.contains("runs already"), "{refused}");
    browser.post("/authority/stop", "").await.expect(303);

    page_when(&browser, "stopped").await;
    let page = browser.get("/authority").await.expect(200).body;
    assert!(page.contains("Nobody can undo this") && page.contains("the creation of the CA"), "{page}");
    let refused = browser.post(CHANGE, "").await.expect(422).body;
    assert!(refused.contains("the box was not ticked"), "{refused}");
    console.nobody().post(CHANGE, "confirm=yes").await.expect(401);
    assert_eq!(folder(&console).fingerprint().to_string(), old);

    browser.post(CHANGE, "confirm=yes").await.expect(303);
    page_when(&browser, "stopped").await;
    let page = browser.get("/authority").await.expect(200).body;
    let new = folder(&console).fingerprint().to_string();
    assert_ne!(new, old);
    // The anchor, and both keys in the table.
    assert!(page.contains(&format!("data-text=\"{new}\"")), "{page}");
    let keys: Vec<_> = [&new, &old].map(|key| page.find(&format!("<code title=\"{key}\">"))).into();
    assert!(keys[0].is_some() && keys[0] < keys[1], "{keys:?}: {page}");
    let text = browser.get("/authority/anchor.json").await.expect(200).body;
    assert!(text.contains(&new) && text.contains(&old), "{text}");
    browser.start_ca().await;
    // The act is in the audit log.
    let mut reader =
        minipki_ca::ports::Storage::reader(&state::storage(&folder(&console))).expect("a ledger");
    let entries = reader.list_audit(None, 20).expect("entries");
    let acted = entries.iter().find(|record| record.entry.action() == "change the CA key");
    let details = acted.expect("the change").entry.details().to_owned();
    assert_eq!(details, format!("from {old} to {new}"));
}

#[tokio::test]
async fn a_change_by_another_process_is_noticed() {
    let console = TestConsole::of(encrypted, |_| {}).await;
    let browser = console.enter().await;
    browser.post("/authority/unlock", "passphrase=right").await.expect(303);
    for _ in 0..2 {
        let ca = folder(&console).with_passphrase(Some(passphrase("right")));
        let new = state::rollover(&ca, None).expect("changed").folder.fingerprint().to_string();
        let page = browser.get("/").await.expect(200).body;
        assert!(page.contains(&format!("data-text=\"{new}\"")), "{page}");
        // It is not locked again.
        browser.post("/authority/start", START).await.expect(303);
        browser.get("/certificates").await.expect(200);
        browser.post("/authority/stop", "").await.expect(303);
        page_when(&browser, "stopped").await;
    }
}

#[tokio::test]
async fn a_locked_key_is_not_changed() {
    let console = TestConsole::of(encrypted, |_| {}).await;
    let browser = console.enter().await;
    let page = browser.get("/authority").await.expect(200).body;
    assert!(!page.contains(CHANGE), "{page}");
    let refused = browser.post(CHANGE, "confirm=yes").await.expect(409).body;
    assert!(refused.contains("unlock the key first"), "{refused}");
    browser.post("/authority/unlock", "passphrase=right").await.expect(303);
    browser.post(CHANGE, "confirm=yes").await.expect(303);
    page_when(&browser, "stopped").await;
    let folder = folder(&console).with_passphrase(Some(passphrase("right")));
    folder.check_keys().expect("both keys have the passphrase");
    assert_eq!(folder.keys().count(), 2);
}
