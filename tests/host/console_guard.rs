//! Requests that the console refuses: host names, origins, tokens, sessions and limits.

use std::time::Duration;

use minipki_console::{Console, ConsoleError, ConsoleOptions};
use minipki_server::CaService;
use minipki_tests::console::{Browser, TestConsole, raw};
use minipki_tests::program::run;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use minipki_provider::HostProvider;
use minipki_tests::server::soon;

#[tokio::test]
async fn another_host_name_is_refused() {
    let console = TestConsole::with(|options| options.names.push("ca.example".to_owned())).await;
    let browser = console.enter().await;
    let port = console.address.port();
    assert_eq!(browser.host, format!("ca.example:{port}"));
    browser.named(format!("CA.example:{port}")).get("/").await.expect(200);
    for bad in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{port}"),
        format!("127.0.0.2:{port}"),
        format!("localhost:{port}"),
        format!("ca.example.:{port}"),
        "ca.example".to_owned(),
        "ca.example:1".to_owned(),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        "localhost".to_owned(),
        String::new(),
    ] {
        browser.named(bad).get("/").await.expect(421);
    }
}

#[tokio::test]
async fn a_console_on_loopback_has_a_secret_host_name() {
    let (console, other) = (TestConsole::start().await, TestConsole::start().await);
    let (browser, stranger) = (console.enter().await, other.nobody());
    let port = console.address.port();
    let name = browser.host.strip_suffix(&format!(".localhost:{port}")).expect("a name below localhost");
    assert!(name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
    assert!(!stranger.host.starts_with(name), "each console has its own name");
    // The name is unique, so a tunnel may use any port.
    browser.named(format!("{name}.localhost:9999")).get("/").await.expect(200);

    // Under the names of other servers on this machine there is no session, and no response shows the name.
    for bare in ["127.0.0.1", "localhost", "[::1]"] {
        let bare = browser.named(format!("{bare}:{port}"));
        for path in ["/", "/enter", "/enter?key=0", "/enter?key=", "/certificates", "/nowhere"] {
            let page = bare.get(path).await.expect(421);
            assert!(page.header("set-cookie").is_none() && page.header("location").is_none(), "{page:?}");
            assert!(!page.head.contains(name) && !page.body.contains(name), "{page:?}");
            assert!(page.body.contains("Open the link"), "{page:?}");
        }
        bare.post("/authority/key", "issuer_id=evil&bits=2048").await.expect(421);
        // The assets of the refusal page need no session.
        bare.get("/assets/console.css").await.expect(200);
        // A valid link redirects to the right name, without a cookie, and stays valid.
        let link = console.link();
        let redirect = bare.get(&link).await.expect(303);
        let target = format!("http://{}{link}", browser.host);
        assert_eq!(redirect.header("location"), Some(&*target), "{redirect:?}");
        assert!(redirect.header("set-cookie").is_none(), "{redirect:?}");
        console.nobody().get(&link).await.expect(303);
        bare.get(&link).await.expect(421);
    }
    for wrong in ["evil.localhost", "evil.example", "127.0.0.2", &format!("{name}.localhost.evil.example")] {
        browser.named(format!("{wrong}:{port}")).get("/").await.expect(421);
    }
    assert!(!console.ca().exists(), "a refused request has made the CA");
}

#[tokio::test]
async fn a_console_with_a_random_name_listens_on_both_loopback_addresses() {
    // Browsers resolve names below localhost also to ::1. Another server there would get the link and the cookie.
    let Ok(probe) = TcpListener::bind("[::1]:0").await else {
        eprintln!("this machine has no ::1, so no server can listen there");
        return;
    };
    drop(probe);
    let console = TestConsole::start().await;
    let port = console.address.port();
    assert_eq!(console.address.ip().to_string(), "127.0.0.1");
    let mut nobody = console.nobody();
    nobody.address = format!("[::1]:{port}").parse().expect("an address");
    nobody.get(&console.link()).await.expect(303);
    assert!(TcpListener::bind(nobody.address).await.is_err(), "the console has the port");

    let other = TcpListener::bind("[::1]:0").await.expect("a free port");
    let port = other.local_addr().expect("the server listens").port();
    let folder = TempDir::new().expect("a folder");
    let refused =
        run(folder.path(), &["console", "--dir", "ca", "--listen", &format!("127.0.0.1:{port}")]).expect(5);
    assert!(refused.stderr.contains(&format!("[::1]:{port}")) && refused.stdout.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn actions_must_come_from_the_consoles_own_pages() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let form = format!("csrf={}&issuer_id=evil&bits=2048", browser.csrf);
    let port = console.address.port();
    let host = &browser.host;
    for origin in [
        String::new(),
        "Origin: null\r\n".to_owned(),
        "Origin: http://evil.example\r\n".to_owned(),
        format!("Origin: https://{host}\r\n"),
        format!("Origin: http://localhost:{port}\r\n"),
        format!("Origin: http://127.0.0.1:{port}\r\n"),
        format!("Origin: http://{}:1\r\n", host.split(':').next().expect("a name")),
        format!("Origin: http://{host}.evil.example\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: same-site\r\n"),
        format!("Origin: http://{host}\r\nSec-Fetch-Site: \r\n"),
    ] {
        browser.post_from("/authority/key", &origin, &form).await.expect(403);
    }
    // Another site may not read a page.
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n",
    ] {
        browser.get_with("/", foreign).await.expect(403);
    }
    for own in ["Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n", ""] {
        browser.get_with("/", own).await.expect(200);
    }
    // Another site may not open a link. The link stays valid.
    let link = console.link();
    let refused = console.nobody().get_with(&link, "Sec-Fetch-Site: cross-site\r\n").await.expect(403);
    assert!(refused.body.contains("A link is still valid"), "{refused:?}");
    console.nobody().get_with(&link, "Sec-Fetch-Site: none\r\n").await.expect(303);
    assert!(!console.ca().exists(), "a refused request has made the CA");
}

#[tokio::test]
async fn a_form_without_this_sessions_token_does_nothing() {
    let console = TestConsole::start().await;
    let (browser, other) = (console.enter().await, console.enter().await);
    let origin = format!("Origin: http://{}\r\n", browser.host);
    for body in [
        "issuer_id=evil&bits=2048".to_owned(),
        "csrf=&issuer_id=evil&bits=2048".to_owned(),
        format!("csrf={}&issuer_id=evil&bits=2048", "0".repeat(32)),
        format!("csrf={}&issuer_id=evil&bits=2048", other.csrf),
        format!("Csrf={}&issuer_id=evil&bits=2048", browser.csrf),
    ] {
        browser.post_from("/authority/key", &origin, &body).await.expect(403);
    }
    // A wrong header is refused even with the right field.
    let good = format!("csrf={}&issuer_id=evil&bits=2048", browser.csrf);
    browser.post_from("/authority/key", &format!("{origin}X-Csrf: 00\r\n"), &good).await.expect(403);
    for path in ["/authority/start", "/authority/stop", "/tokens", "/tokens/1/revoke", "/links", "/sign-out"]
    {
        browser.post_from(path, &origin, "").await.expect(403);
    }
    assert!(!console.ca().exists(), "a refused request has made the CA");
    browser.get("/").await.expect(200);
}

#[tokio::test]
async fn a_link_opens_one_session_once_and_not_for_ever() {
    let console = TestConsole::start().await;
    let nobody = console.nobody();
    let link = console.link();
    // Programs that preview links send HEAD.
    let head = format!("HEAD {link} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", nobody.host);
    let previewed = raw(console.address, head.as_bytes()).await.expect(405);
    assert_eq!((previewed.header("allow"), previewed.header("set-cookie")), (Some("GET"), None));
    nobody.get(&link).await.expect(303);
    nobody.get(&link).await.expect(403);
    for wrong in ["/enter", "/enter?key=", &format!("/enter?key={}", "0".repeat(32))] {
        nobody.get(wrong).await.expect(403);
    }
    // A POST request to the link's path is treated like a request for a page.
    nobody.post_from("/enter", &format!("Origin: http://{}\r\n", nobody.host), "").await.expect(401);

    let late = TestConsole::with(|options| options.limits.link_life = Duration::ZERO).await;
    late.nobody().get(&late.link()).await.expect(403);

    // A link beyond the limit replaces the oldest.
    let many = TestConsole::with(|options| options.limits.links = 2).await;
    let links = [many.link(), many.link(), many.link()];
    let nobody = many.nobody();
    nobody.get(&links[0]).await.expect(403);
    nobody.get(&links[1]).await.expect(303);
    nobody.get(&links[2]).await.expect(303);
}

#[tokio::test]
async fn without_a_session_there_is_no_page() {
    let console = TestConsole::start().await;
    let mut nobody = console.enter().await;
    let cookie = nobody.cookie.clone();
    let name = cookie.split('=').next().expect("a name");
    for cookie in
        [String::new(), format!("{name}=0"), format!("{name}="), "other=1".to_owned(), cookie.to_uppercase()]
    {
        nobody.cookie = cookie;
        for path in
            ["/", "/authority/status", "/authority/anchor.json", "/certificates", "/tokens", "/nowhere"]
        {
            let page = nobody.get(path).await.expect(401);
            assert!(!page.body.contains("csrf"), "{path}");
        }
        nobody.post("/authority/key", "issuer_id=evil&bits=2048").await.expect(401);
    }
    assert!(!console.ca().exists(), "a refused request has made the CA");
}

#[tokio::test]
async fn a_session_ends_by_sign_out_idle_time_or_age() {
    let console = TestConsole::start().await;
    let (one, two) = (console.enter().await, console.enter().await);
    let out = one.post("/sign-out", "").await.expect(200);
    assert!(out.header("set-cookie").expect("the cookie is deleted").contains("Max-Age=0"));
    one.get("/").await.expect(401);
    two.get("/").await.expect(200);

    let idle = Duration::from_millis(400);
    let console = TestConsole::with(|options| options.limits.idle = idle).await;
    let browser = console.enter().await;
    tokio::time::sleep(idle * 2).await;
    browser.get("/").await.expect(401);

    let life = Duration::from_millis(800);
    let console = TestConsole::with(|options| options.limits.session_life = life).await;
    let browser = console.enter().await;
    let until = tokio::time::Instant::now() + life;
    while tokio::time::Instant::now() < until {
        browser.get("/assets/icon.svg").await.expect(200);
        tokio::time::sleep(life / 8).await;
    }
    browser.get("/").await.expect(401);
}

#[tokio::test]
async fn the_number_of_sessions_is_limited() {
    let console = TestConsole::with(|options| options.limits.sessions = 2).await;
    let (one, _two) = (console.enter().await, console.enter().await);
    let link = console.link();
    let third = Browser { cookie: String::new(), ..one.clone() };
    third.get(&link).await.expect(503);
    one.post("/sign-out", "").await.expect(200);
    third.get(&link).await.expect(303);
}

#[tokio::test]
async fn a_request_too_long_or_too_slow_is_refused() {
    let console = TestConsole::with(|options| options.limits.deadline = Duration::from_millis(300)).await;
    let browser = console.enter().await;
    let long = format!("issuer_id={}&bits=2048", "a".repeat(20_000));
    browser.post("/authority/key", &long).await.expect(413);
    browser.get(&format!("/certificates?subject={}", "a".repeat(70_000))).await.expect(431);
    // An announced body that does not come, and a head without an end.
    let head = format!(
        "POST /tokens HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nContent-Length: 100\r\n\
         Connection: close\r\n\r\ncsrf=",
        browser.host, browser.cookie
    );
    raw(console.address, head.as_bytes()).await.expect(408);
    let mut stream = TcpStream::connect(console.address).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x").await.expect("sent");
    let mut rest = Vec::new();
    let _ = soon(stream.read_to_end(&mut rest)).await;
    browser.get("/").await.expect(200);
}

/// Requests an event stream. Returns its status line and the open connection.
async fn stream(browser: &Browser) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(browser.address).await.expect("a connection");
    let Browser { host, cookie, .. } = browser;
    let request = format!("GET /live/events?auto HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(soon(stream.read_u8()).await.expect("an answer"));
    }
    (String::from_utf8(line).expect("text").trim_end().to_owned(), stream)
}

#[tokio::test]
async fn one_event_stream_too_many_is_refused_until_another_ends() {
    let console = TestConsole::start().await;
    let (browser, other) = (console.enter().await, console.enter().await);
    let mut open = Vec::new();
    for _ in 0..4 {
        let (status, held) = stream(&browser).await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        open.push(held);
    }
    let refused = browser.get("/live/events").await.expect(429);
    for words in ["too many event streams", "Close a page of the console"] {
        assert!(refused.body.contains(words), "{refused:?}");
    }
    // Pages, and streams of another session, are still served.
    browser.get("/live").await.expect(200);
    assert_eq!(stream(&other).await.0, "HTTP/1.1 200 OK");

    drop(open.pop());
    soon(async {
        // The console notices the end a short time later.
        while stream(&browser).await.0 != "HTTP/1.1 200 OK" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_response_restricts_the_browser_to_this_site() {
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let nobody = Browser { cookie: String::new(), ..browser.clone() };
    for answer in [
        browser.get("/").await,
        browser.get("/nowhere").await,
        nobody.get("/").await,
        nobody.get("/assets/console.js").await,
        nobody.get("/enter").await,
    ] {
        let policy = answer.header("content-security-policy").expect("a policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(answer.header("cache-control").is_some(), "{answer:?}");
        // The page has no inline scripts or styles, and nothing from other sites.
        for foreign in ["<style", "style=\"", "onclick", "javascript:", "src=\"http", "href=\"http"] {
            assert!(!answer.body.contains(foreign), "{foreign} in {}", answer.body);
        }
    }
    assert_eq!(browser.get("/").await.header("cache-control"), Some("no-store"));
    // Invalid HTTP does not reach the console's checks. The response has no body.
    for (request, status) in
        [("no request\r\n\r\n".to_owned(), 400), (format!("GET /{}", "a".repeat(70_000)), 431)]
    {
        let answer = raw(console.address, request.as_bytes()).await.expect(status);
        assert_eq!((answer.header("content-length"), &answer.body[..]), (Some("0"), ""));
    }
}

#[tokio::test]
async fn a_console_off_loopback_needs_tls() {
    let folder = TempDir::new().expect("a folder");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9080"] {
        let service = Arc::new(
            CaService::open(HostProvider::default(), &folder.path().join("ca")).expect("a folder for a CA"),
        );
        let options =
            ConsoleOptions { listen: address.parse().expect("an address"), ..ConsoleOptions::default() };
        assert!(
            matches!(Console::bind(options, service).await, Err(ConsoleError::NotEncrypted(_))),
            "{address} in clear"
        );
    }
    let refused = run(folder.path(), &["console", "--dir", "ca", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(refused.stderr.contains("--tls-issued") && refused.stdout.is_empty(), "{refused:?}");
    // An issued certificate needs the CA's key and, for all addresses, a name.
    let refused =
        run(folder.path(), &["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--tls-issued"]).expect(1);
    assert!(refused.stderr.contains("no key yet"), "{refused:?}");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let refused =
        run(folder.path(), &["console", "--dir", "ca", "--listen", "0.0.0.0:0", "--tls-issued"]).expect(1);
    assert!(refused.stderr.contains("--name"), "{refused:?}");
}
