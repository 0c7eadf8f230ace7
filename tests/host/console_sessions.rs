//! Sessions of the console: their use, their end, and the links and sessions that end with them.

use std::time::Duration;

use minipki_tests::console::{Answer, Browser, TestConsole};
use minipki_tests::server::soon;
use tokio::time::{Instant, sleep};

/// Makes a link in a browser's session.
async fn link_of(browser: &Browser) -> String {
    let page = browser.post_and_follow("/links", "").await.body;
    assert!(page.contains("ends when this session ends"), "{page}");
    let (_, rest) = page.split_once("<code id=\"link\">").expect("the page shows it");
    rest.split('<').next().expect("the end of the text").to_owned()
}

/// The lifetime of the cookie in a response, in seconds.
fn max_age(answer: &Answer) -> u64 {
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (_, rest) = cookie.split_once("Max-Age=").expect("an end");
    rest.split(';').next().and_then(|seconds| seconds.parse().ok()).expect("seconds")
}

#[tokio::test]
async fn automatic_requests_do_not_count_as_use_of_a_session() {
    let idle = Duration::from_secs(2);
    let console = TestConsole::with(|options| options.limits.idle = idle).await;
    let browser = console.enter().await;
    // A person's requests count as use.
    let until = Instant::now() + idle * 3 / 2;
    while Instant::now() < until {
        browser.get("/").await.expect(200);
        sleep(idle / 20).await;
    }
    // Requests of scripts, of pages that reload themselves and for assets do not count.
    soon(async {
        while browser.get("/authority/status?auto").await.status == 200 {
            for path in ["/?auto", "/?step=1&auto", "/assets/icon.svg"] {
                browser.get(path).await;
            }
            sleep(idle / 20).await;
        }
    })
    .await;
    browser.get("/").await.expect(401);
    // Pages mark their automatic requests.
    let browser = console.enter().await;
    browser.make_key().await;
    browser.start_ca().await;
    let page = browser.get("/").await.expect(200).body;
    for marked in ["data-poll=\"/authority/status?auto\"", "content=\"2; url=/?auto\""] {
        assert!(page.contains(marked), "{marked} in {page}");
    }
    assert!(browser.get("/live").await.body.contains("data-source=\"/live/events?auto\""));
}

#[tokio::test]
async fn a_link_made_in_a_session_and_its_sessions_end_with_that_session() {
    let console = TestConsole::start().await;
    let (parent, other) = (console.enter().await, console.enter().await);
    let child = Browser::enter(&link_of(&parent).await).await;
    let grandchild = Browser::enter(&link_of(&child).await).await;
    let unopened = [link_of(&parent).await, link_of(&grandchild).await];
    let page = grandchild.get("/sessions").await.expect(200).body;
    assert!(page.contains("by a link of 1") && page.contains("by a link of 3"), "{page}");
    parent.post("/sign-out", "").await.expect(200);
    for browser in [&parent, &child, &grandchild] {
        browser.get("/").await.expect(401);
    }
    for link in unopened {
        let (nobody, path) = Browser::at(&link);
        nobody.get(&path).await.expect(403);
    }
    other.get("/").await.expect(200);

    // A session from a link ends with the session in which the link was made, and does not keep that session open.
    let life = Duration::from_secs(4);
    let console = TestConsole::with(|options| options.limits.session_life = life).await;
    let parent = console.enter().await;
    sleep(life / 2).await;
    let (nobody, path) = Browser::at(&link_of(&parent).await);
    let entered = nobody.get(&path).await.expect(303);
    assert!(max_age(&entered) <= life.as_secs() / 2, "{entered:?}");
    let cookie = entered.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    let child = Browser { cookie: cookie.to_owned(), ..nobody };
    child.get("/").await.expect(200);
    soon(async {
        while parent.get("/").await.status == 200 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    child.get("/").await.expect(401);
}

#[tokio::test]
async fn links_made_in_a_session_displace_only_its_own_links() {
    let console = TestConsole::with(|options| options.limits.links = 2).await;
    let (browser, other) = (console.enter().await, console.enter().await);
    let (printed, of_other) = (console.link(), link_of(&other).await);
    let oldest = link_of(&browser).await;
    let newer = [link_of(&browser).await, link_of(&browser).await];
    let path = |link: &str| Browser::at(link).1;
    let nobody = console.nobody();
    nobody.get(&path(&oldest)).await.expect(403);
    for link in [printed, path(&of_other), path(&newer[0]), path(&newer[1])] {
        nobody.get(&link).await.expect(303);
    }
}

#[tokio::test]
async fn the_sessions_page_lists_the_sessions_and_ends_them() {
    let console = TestConsole::start().await;
    let (own, other) = (console.enter().await, console.enter().await);
    let child = Browser::enter(&link_of(&other).await).await;
    let page = own.get("/sessions").await.expect(200).body;
    for words in ["Session", "From", "Opened", "Last used", "Ends", "<code>127.0.0.1</code>"] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert_eq!(page.matches("this one</span>").count(), 1, "{page}");
    let (first, _) = page.split_once("/sessions/2/end").expect("another can be ended");
    assert!(first.contains("this one</span>"), "the first session is the own one");

    // Ending a session needs the form's token.
    let origin = format!("Origin: http://{}\r\n", own.host);
    own.post_from("/sessions/2/end", &origin, "").await.expect(403);
    own.get("/sessions/2/end").await.expect(405);
    console.nobody().post("/sessions/2/end", "").await.expect(401);
    other.get("/").await.expect(200);

    let ended = own.post("/sessions/2/end", "").await.expect(303);
    assert_eq!(ended.header("location"), Some("/sessions"));
    other.get("/").await.expect(401);
    child.get("/").await.expect(401);
    own.post("/sessions/2/end", "").await.expect(404);
    own.post("/sessions/99/end", "").await.expect(404);
    let page = own.get("/sessions").await.expect(200).body;
    assert!(!page.contains("/sessions/2/end") && !page.contains("/sessions/3/end"), "{page}");

    // Ending the own session signs out.
    let out = own.post("/sessions/1/end", "").await.expect(200);
    assert_eq!(max_age(&out), 0);
    assert!(out.body.contains("The session is over"), "{out:?}");
    own.get("/").await.expect(401);
}
