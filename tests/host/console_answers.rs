//! The answers of the console to requests that it refuses, and the export of certificates.

use minipki_core::crypto::rsa::KeySize;
use minipki_server::state;
use minipki_tests::ca::id;
use minipki_tests::console::TestConsole;

/// The text that only the frame of a page has.
const NAVIGATION: &str = "<nav aria-label=\"Pages\">";

#[tokio::test]
async fn each_refusal_is_a_page_with_the_navigation_and_a_fitting_status() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    for (path, status) in [
        ("/nowhere", 404),
        ("/walk?step=-1", 400),
        ("/walk?step=x", 400),
        ("/walk/run", 405),
        ("/walk/attack", 405),
        ("/authority/start", 405),
        ("/sign-out", 405),
        ("/tokens/x/revoke", 405),
        ("/live/event/x", 400),
        ("/certificates/1", 409),
        ("/certificates/x", 404),
        ("/certificates?issued=never", 200),
    ] {
        let page = browser.get(path).await.expect(status);
        assert!(page.body.contains(NAVIGATION), "{path}: {page:?}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    }
    for (path, fields, status) in [
        ("/authority/start", "listen=127.0.0.1%3A0&policy=proof", 409),
        ("/authority/stop", "", 409),
        ("/walk/flip", "run=x&step=1&offset=0", 409),
        ("/walk/flip", "run=x&step=-1&offset=0", 422),
        ("/walk/attack", "run=x&step=1&scene=replay", 409),
        ("/walk/attack", "run=x&step=1&scene=bribe", 422),
        ("/sessions/99/end", "", 404),
        ("/nowhere", "", 404),
    ] {
        let page = browser.post(path, fields).await.expect(status);
        assert!(page.body.contains(NAVIGATION), "{path}: {page:?}");
    }
    // Without a session there is no navigation.
    let bare = console.nobody().get("/walk?step=-1").await.expect(401);
    assert!(!bare.body.contains(NAVIGATION), "{bare:?}");
    let out = browser.post("/sign-out", "").await.expect(200).body;
    assert!(out.contains("notice done") && out.contains("minipki console link"), "{out}");
}

#[tokio::test]
async fn the_message_of_an_action_is_shown_once() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    browser.start_ca().await;
    let page = browser.post_and_follow("/authority/stop", "").await.body;
    assert!(page.contains("The CA server has stopped."), "{page}");
    assert!(!browser.get("/").await.body.contains("The CA server has stopped."));
    // An address that is in use is a mistake in its field.
    let used = format!("listen={}&policy=token", console.address).replace(':', "%3A");
    let page = browser.post("/authority/start", &used).await.expect(422).body;
    assert!(page.contains("id=\"listen-error\"") && page.contains(&console.address.to_string()), "{page}");
    assert!(page.contains("value=\"token\" checked"), "{page}");
}

#[tokio::test]
async fn the_walk_through_issues_nothing_from_the_ca() {
    let console =
        TestConsole::of(|ca| drop(state::create(ca, id("ca"), KeySize::Bits2048).expect("a new CA")), |_| {})
            .await;
    let browser = console.enter().await;
    let page = browser.post_and_follow("/walk/run", "").await.body;
    let (_, rest) = page.split_once("name=\"run\" value=\"").expect("a scenario");
    let run = rest.split('"').next().expect("a name").to_owned();
    let page = browser.post_and_follow("/walk/flip", &format!("run={run}&step=4&offset=200")).await.body;
    assert!(page.contains("Refused by alice") && page.contains("<dt>Why</dt>"), "{page}");
    assert!(browser.get("/certificates").await.body.contains("No certificate was issued yet"));
}

#[tokio::test]
async fn certificates_are_exported_as_csv_and_json() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    browser.make_key().await;
    let empty = browser.get("/certificates/export.csv").await.expect(200);
    assert_eq!(empty.body.matches("\"serial\",\"subject\",").count(), 1, "{empty:?}");
    let empty = browser.get("/certificates/export.json").await.expect(200);
    assert!(empty.body.contains("[\n]\n"), "{empty:?}");
    assert_eq!(empty.header("content-disposition"), Some("attachment; filename=\"certificates.json\""));
    browser.get("/certificates/export.csv?serial=x").await.expect(422);
}
