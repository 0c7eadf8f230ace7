//! A console for a CA whose key is encrypted: locked, unlocked, and wrong passphrases.

use std::path::Path;
use std::time::{Duration, Instant};

use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_server::state::{self, KeyChoice};
use minipki_tests::ca::id;
use minipki_tests::console::{Browser, TestConsole};
use minipki_tests::program::{run, start};

use super::keys_at_rest::passphrase;
use super::passphrase::folder_with_encrypted_ca;

fn make(ca: &Path) {
    let choice = KeyChoice::Generate(KeySize::Bits2048);
    state::create_with(ca, id("ca"), choice, Some(&passphrase("right"))).expect("a new CA");
}

const START: &str = "listen=127.0.0.1%3A0&policy=proof";

#[tokio::test]
async fn a_console_starts_locked_and_is_unlocked_by_the_passphrase() {
    let console = TestConsole::of(make, |_| {}).await;
    let browser = console.enter().await;
    let page = browser.get("/").await.expect(200).body;
    assert!(page.contains("Unlock CA key") && !page.contains("Start CA server"), "{page}");
    // The ledger can be read, and tokens can be made.
    browser.get("/certificates").await.expect(200);
    browser.get("/tokens").await.expect(200);
    let refused = browser.post("/authority/start", START).await.expect(409).body;
    assert!(refused.contains("the private key is encrypted"), "{refused}");
    console.nobody().post("/authority/unlock", "passphrase=right").await.expect(401);
    let refused = browser.post("/authority/unlock", "passphrase=").await.expect(422).body;
    assert!(refused.contains("the passphrase is empty"), "{refused}");

    browser.post("/authority/unlock", "passphrase=right").await.expect(303);
    let page = browser.get("/").await.expect(200).body;
    assert!(page.contains("Start CA server") && !page.contains("Unlock CA key"), "{page}");
    browser.post("/authority/unlock", "passphrase=right").await.expect(409);
    // The server can be started more than once.
    for _ in 0..2 {
        browser.post("/authority/start", START).await.expect(303);
        browser.post("/authority/stop", "").await.expect(303);
    }
    // After a change by another process, the console is locked again.
    let folder = CaFolder::open(&console.ca()).expect("a CA").with_passphrase(Some(passphrase("right")));
    folder.change_passphrase(Some(&passphrase("new"))).expect("changed");
    let refused = browser.post("/authority/start", START).await.expect(409).body;
    assert!(refused.contains("the passphrase is wrong"), "{refused}");
    assert!(browser.get("/").await.expect(200).body.contains("Unlock CA key"));
    browser.post("/authority/unlock", "passphrase=new").await.expect(303);
    browser.post("/authority/start", START).await.expect(303);
}

#[tokio::test]
async fn wrong_passphrases_in_the_console_are_slowed_down_for_all_sources_together() {
    let console = TestConsole::of(make, |_| {}).await;
    let (one, other) = (console.enter().await, console.enter().await);
    let begin = Instant::now();
    let wrong = one.post("/authority/unlock", "passphrase=wrong").await.expect(422).body;
    assert!(wrong.contains("the passphrase is wrong"), "{wrong}");
    // Not even the right one is tried.
    let early = other.post("/authority/unlock", "passphrase=right").await.expect(429).body;
    assert!(early.contains("the next one can be tried in"), "{early}");
    while other.post("/authority/unlock", "passphrase=right").await.status != 303 {
        assert!(begin.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn the_audit_log_has_each_try_to_unlock_and_no_passphrase() {
    let folder = folder_with_encrypted_ca();
    let console = ["console", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let mut program = start(folder.path(), &console);
    let link = program.line("/enter?key=").trim_end().to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let browser = Browser::enter(&link).await;
        browser.post("/authority/unlock", "passphrase=wrong-7f3a").await.expect(422);
        while browser.post("/authority/unlock", "passphrase=correct-horse-7f3a").await.status != 303 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let log = program.stop().expect(0).stderr;
    let lines = |word: &str| {
        log.lines().filter(|line| line.contains(word) && line.contains("unlock the CA key")).count()
    };
    assert!(lines("audit: refused") >= 2 && lines("audit: done") == 1, "{log}");
    assert!(!log.contains("7f3a"), "{log}");
    // `ca serve` with a console does not start without the passphrase. With it, the console is not locked.
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    run(folder.path(), &serve).expect(1);
    let mut program = start(folder.path(), &[&serve[..], &["--passphrase-file", "right"]].concat());
    program.line("/enter?key=");
    program.stop().expect(0);
}
