//! Acts at the console: each is in the audit log of the ledger, and in no case a secret.

use std::time::Duration;

use minipki_ca::ports::{AuditRecord, LedgerReader, Storage};
use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_server::state;
use minipki_tests::ca::id;
use minipki_tests::console::TestConsole;
use minipki_tests::server::soon;

/// The newest entries of the audit log, as soon as there are `count`; the oldest first.
async fn entries(console: &TestConsole, count: usize) -> Vec<AuditRecord> {
    let storage = state::storage(&CaFolder::open(&console.ca()).expect("a CA"));
    let read = async {
        loop {
            let mut reader: Box<dyn LedgerReader> = storage.reader().expect("the ledger is there");
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
async fn acts_are_in_the_audit_log_of_the_ledger() {
    let make = |ca: &std::path::Path| drop(state::create(ca, id("ca"), KeySize::Bits2048).expect("a new CA"));
    let console = TestConsole::of(make, |_| {}).await;
    let browser = console.enter().await;
    browser.post("/tokens", "subject=carol&expires_in=3600").await.expect(200);
    browser.post("/tokens", "subject=no%20spaces&expires_in=3600").await.expect(422);
    browser.start_ca().await;
    browser.post("/authority/stop", "").await.expect(303);

    let found = entries(&console, 4).await;
    let acts: Vec<_> = found.iter().map(|record| record.entry.action()).collect();
    assert_eq!(acts, ["enter", "make a token", "start the CA server", "stop the CA server"]);
    let token = &found[1].entry;
    assert!(token.actor().starts_with("console session 1 at 127.0.0.1:"), "{}", token.actor());
    assert!(token.details().starts_with("for carol until "), "{}", token.details());
}
