//! The cookie of the console and the end of a session, in a browser.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use minipki_tests::browser::browse;
use minipki_tests::console::{Browser, TestConsole, raw};
use minipki_tests::console_program::Console;
use serde_json::json;

/// Another server of this machine on its own port. It stores the head of each request and sets a cookie.
struct Attacker {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Attacker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("the server listens").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let kept = kept.clone();
                // Each connection needs a thread, because a browser may open connections before it uses them.
                thread::spawn(move || {
                    let mut head = [0; 8192];
                    let length = stream.read(&mut head).unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    kept.lock().expect("no panic").push(head);
                    // The browser may have closed the connection.
                    let _ = stream.write_all(
                        b"HTTP/1.1 200 OK\r\nSet-Cookie: seen=before\r\nContent-Type: text/html\r\n\
                          Content-Length: 7\r\nConnection: close\r\n\r\na site.",
                    );
                });
            }
        });
        Self { port, heads }
    }

    /// The received cookies as `name=value`.
    fn cookies(&self) -> Vec<String> {
        let heads = self.heads.lock().expect("no panic");
        let lines = heads.iter().flat_map(|head| head.lines());
        let cookies = lines.filter_map(|line| line.strip_prefix("Cookie: "));
        cookies.flat_map(|line| line.split("; ")).map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_of_this_machine_gets_no_cookie_that_opens_the_console() {
    let console = Console::start();
    let attacker = Attacker::start();
    browse(&console.link, async |browser| {
        browser.says("This CA has no key yet").await;
        // The browser with a session opens the attacker's pages under each name of this machine.
        for host in ["127.0.0.1", "localhost", "other.localhost"] {
            for _ in 0..2 {
                browser.goto(&format!("http://{host}:{}/", attacker.port)).await;
                browser.says("a site.").await;
            }
        }
        // The session is still open.
        browser.goto("/").await;
        browser.says("This CA has no key yet").await;
    })
    .await;
    let cookies = attacker.cookies();
    assert!(cookies.iter().any(|cookie| cookie == "seen=before"), "the attacker sees cookies: {cookies:?}");
    assert!(!cookies.iter().any(|cookie| cookie.contains("minipki")), "{cookies:?}");
    // No received cookie opens a page, under any name that the attacker can know.
    let port = console.port();
    for cookie in cookies {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let request = format!(
                "GET /tokens HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
            );
            raw(([127, 0, 0, 1], port).into(), request.as_bytes()).await.expect(421);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_the_plain_address_leads_to_the_consoles_own_name() {
    let console = Console::start();
    let bare = console.link.replace(console.host(), &format!("127.0.0.1:{}", console.port()));
    browse(&bare, async |browser| {
        browser.says("This CA has no key yet").await;
        assert_eq!(browser.value("location.host").await, json!(console.host()));
        browser.goto(&format!("http://127.0.0.1:{}/", console.port())).await;
        browser.says("no pages under this host name").await;
        assert_eq!(browser.value("document.body.innerHTML.includes('.localhost')").await, json!(false));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_page_signs_out_although_its_scripts_run() {
    let console = TestConsole::with(|options| options.limits.idle = Duration::from_secs(4)).await;
    let person = console.enter().await;
    person.make_key().await;
    person.start_ca().await;
    let link = console.links.link().expect("random numbers");
    browse(&link, async |browser| {
        // The Authority page requests its figures each second.
        browser.wait("[data-state=running]").await;
        browser.says("There is no session").await;
        // The address is shown without the field that the script adds.
        assert_eq!(browser.value("location.pathname").await, json!("/"));
    })
    .await;
    let (nobody, path) = Browser::at(&link);
    nobody.get(&path).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_ends_another_session_on_the_sessions_page() {
    let console = Console::start();
    browse(&console.link, async |first| {
        first.click("form[action='/links'] button").await;
        let link = first.text("#link").await;
        browse(&link, async |second| {
            second.says("This CA has no key yet").await;
            first.click("footer a[href='/sessions']").await;
            first.says("by a link of 1").await;
            assert_eq!(first.text("tbody .badge").await, "this one");
            first.click("[aria-label='End session 2']").await;
            first.click(":popover-open button.danger").await;
            first.until("document.querySelectorAll('tbody tr').length === 1").await;
            second.goto("/").await;
            second.says("There is no session").await;
        })
        .await;
        first.click("[aria-label='End session 1']").await;
        first.click(":popover-open button.danger").await;
        first.says("The session is over").await;
    })
    .await;
    let log = console.stop().expect(0).stderr;
    assert_eq!(log.matches("end a session").count(), 2, "{log}");
}
