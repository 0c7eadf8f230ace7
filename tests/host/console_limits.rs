//! Limits on connections to the console without a session, and service for sessions despite attacks.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use minipki_tests::console::{Browser, TestConsole};
use minipki_tests::program::{run, start};
use minipki_tests::server::soon;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// A connection with a small receive buffer.
async fn narrow(browser: &Browser) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(browser.address).await
}

/// The bytes of `count` requests for `path`.
fn requests(browser: &Browser, path: &str, count: usize) -> Vec<u8> {
    let Browser { host, cookie, .. } = browser;
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n").repeat(count).into_bytes()
}

/// Sends requests without reading, until the console ends the connection.
async fn ask_without_reading(stream: &mut TcpStream, browser: &Browser, path: &str) {
    let many = requests(browser, path, 100);
    while stream.write_all(&many).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_with_a_session_is_served_despite_connections_that_never_read() {
    const ATTACKERS: usize = 80;
    let console = TestConsole::start().await;
    let browser = console.enter().await;
    let connected = Arc::new(AtomicUsize::new(0));
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|_| {
            let (nobody, connected) = (console.nobody(), connected.clone());
            tokio::spawn(async move {
                // After its connection ends, an attacker connects again.
                loop {
                    if let Ok(mut stream) = narrow(&nobody).await {
                        connected.fetch_add(1, Ordering::Relaxed);
                        ask_without_reading(&mut stream, &nobody, "/assets/console.css").await;
                    }
                    sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    soon(async {
        while connected.load(Ordering::Relaxed) < ATTACKERS {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for _ in 0..10 {
        // A connection can be closed before the console knows its session. A browser then asks again.
        let page = timeout(Duration::from_secs(5), async {
            loop {
                let page = browser.get("/").await;
                if page.status != 0 {
                    break page;
                }
            }
        });
        page.await.expect("a browser with a session is served").expect(200);
    }
    for attacker in attackers {
        attacker.abort();
    }
}

#[tokio::test]
async fn a_connection_that_reads_nothing_is_ended_with_or_without_a_session() {
    let console = TestConsole::with(|options| {
        options.limits.deadline = Duration::from_millis(500);
        options.limits.anonymous_requests = u32::MAX;
    })
    .await;
    for browser in [console.enter().await, console.nobody()] {
        let mut stream = narrow(&browser).await.expect("a connection");
        soon(ask_without_reading(&mut stream, &browser, "/assets/console.css")).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_session_has_few_requests_and_a_short_life() {
    const REQUESTS: usize = 3;
    let console = TestConsole::with(|options| {
        options.limits.anonymous_requests = REQUESTS as u32;
        options.limits.anonymous_life = Duration::from_secs(1);
    })
    .await;
    let (browser, nobody) = (console.enter().await, console.nobody());
    let answers = async |asks: &Browser, count: usize| {
        let mut stream = TcpStream::connect(asks.address).await.expect("a connection");
        stream.write_all(&requests(asks, "/assets/icon.svg", count)).await.expect("sent");
        let mut text = Vec::new();
        // The console may close the connection before it has read every request.
        let _ = soon(stream.read_to_end(&mut text)).await;
        let text = String::from_utf8_lossy(&text).into_owned();
        (text.matches("HTTP/1.1 200").count(), text.matches("connection: close").count())
    };
    assert_eq!(answers(&nobody, 5).await, (REQUESTS, 1));
    // A connection with a session has no limit on requests.
    let mut stream = TcpStream::connect(browser.address).await.expect("a connection");
    stream.write_all(&requests(&nobody, "/assets/icon.svg", REQUESTS - 1)).await.expect("sent");
    stream.write_all(&requests(&browser, "/assets/icon.svg", 3 * REQUESTS)).await.expect("sent");
    let mut text = String::new();
    soon(async {
        while text.matches("HTTP/1.1 200").count() < 4 * REQUESTS - 1 {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).await.expect("an answer");
            assert_ne!(read, 0, "the console has closed after: {text}");
            text.push_str(&String::from_utf8_lossy(&some[..read]));
        }
    })
    .await;
    assert!(!text.contains("connection: close"), "{text}");

    // Connections without a session end after their time limit, with or without requests.
    let many = TestConsole::with(|options| {
        options.limits.anonymous_requests = u32::MAX;
        options.limits.anonymous_life = Duration::from_secs(1);
        options.limits.deadline = Duration::from_secs(600);
    })
    .await;
    let nobody = many.nobody();
    let mut asks = TcpStream::connect(nobody.address).await.expect("a connection");
    let mut silent = TcpStream::connect(nobody.address).await.expect("a connection");
    soon(async {
        let mut some = [0; 4096];
        while asks.write_all(&requests(&nobody, "/assets/icon.svg", 1)).await.is_ok() {
            if !matches!(asks.read(&mut some).await, Ok(1..)) {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        assert!(matches!(silent.read(&mut some).await, Ok(0) | Err(_)));
    })
    .await;
}

#[tokio::test]
async fn an_extra_anonymous_connection_replaces_the_oldest_anonymous_one() {
    let console = TestConsole::with(|options| {
        options.limits.connections = 2;
        options.limits.session_connections = 2;
        options.limits.anonymous_life = Duration::from_secs(600);
        options.limits.deadline = Duration::from_secs(600);
    })
    .await;
    let browser = console.enter().await;
    let connect = async || TcpStream::connect(console.address).await.expect("a connection");
    let icon = async |stream: &mut TcpStream| {
        stream.write_all(&requests(&browser, "/assets/icon.svg", 1)).await.is_ok()
            && matches!(soon(stream.read(&mut [0; 4096])).await, Ok(1..))
    };
    let ended =
        async |stream: &mut TcpStream| matches!(soon(stream.read(&mut [0; 4096])).await, Ok(0) | Err(_));
    let (mut own, mut also_own) = (connect().await, connect().await);
    assert!(icon(&mut own).await && icon(&mut also_own).await);
    // The third connection of a session is served, but counts as anonymous.
    let mut third = connect().await;
    assert!(icon(&mut third).await);
    let mut silent = [connect().await, connect().await, connect().await];
    assert!(ended(&mut third).await && ended(&mut silent[0]).await);
    assert!(icon(&mut own).await && icon(&mut also_own).await);
    // The remaining connections are served.
    assert!(icon(&mut silent[2]).await);
}

/// The number of open connections to a port of a process, and its resident memory in KB. Other users cannot count its
/// files, since it protects its memory.
fn held(process: u32, port: u16) -> (usize, usize) {
    let table = fs::read_to_string("/proc/net/tcp").expect("a file of Linux");
    // Local address, remote address, state; 01 is an open connection, 08 one that only the other side has closed.
    let port = format!(":{port:04X}");
    let open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&port))
            && matches!(fields.nth(1), Some("01" | "08"))
    };
    let files = table.lines().filter(open).count();
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the program runs");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the process has memory");
    (files, memory.trim().trim_end_matches(" kB").parse().expect("a number"))
}

/// Makes some events at a CA: connections with an invalid message.
fn make_events(ca: &str) {
    for _ in 0..50 {
        let mut stream = std::net::TcpStream::connect(ca).expect("the CA serves");
        stream.write_all(&[0, 0, 0, 2, b'{', b'}']).expect("the server reads");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn event_streams_that_nobody_reads_or_closes_free_their_resources() {
    const STREAMS: usize = 4;
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let mut program = start(folder.path(), &serve);
    let ca = program.address("serving");
    let link = program.line("/enter?key=");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let browser = Browser::enter(link.trim()).await;
        make_events(&ca);
        let before = held(program.id(), browser.address.port());
        let open = async || {
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                let mut stream = narrow(&browser).await.expect("a connection");
                stream.write_all(&requests(&browser, "/live/events?auto", 1)).await.expect("sent");
                let mut status = [0; 12];
                soon(stream.read_exact(&mut status)).await.expect("an answer");
                assert_eq!(&status, b"HTTP/1.1 200");
                streams.push(stream);
            }
            streams
        };
        let given_back = async |limit: Duration, meanwhile: &dyn Fn()| {
            let begin = Instant::now();
            while held(program.id(), browser.address.port()).0 > before.0 {
                assert!(
                    begin.elapsed() < limit,
                    "{:?} are held, {before:?} before",
                    held(program.id(), browser.address.port())
                );
                meanwhile();
                sleep(Duration::from_millis(50)).await;
            }
        };
        // These clients keep their streams open and read nothing, during many events.
        let silent = open().await;
        assert_eq!(held(program.id(), browser.address.port()).0, before.0 + STREAMS);
        given_back(Duration::from_secs(60), &|| make_events(&ca)).await;
        drop(silent);
        // These clients close their streams.
        for _ in 0..10 {
            drop(open().await);
            given_back(Duration::from_secs(20), &|| {}).await;
        }
        let (_, memory) = held(program.id(), browser.address.port());
        assert!(memory < before.1 + 16 * 1024, "{memory} KB, {} KB before", before.1);
    });
    program.stop().expect(0);
}

#[test]
fn refusals_without_a_session_do_not_fill_the_log() {
    let folder = TempDir::new().expect("a folder");
    let mut program = start(folder.path(), &["console", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let link = program.line("/enter?key=").trim_end().to_owned();
    let began = Instant::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(async {
        let browser = Browser::enter(&link).await;
        let nobody = Browser { cookie: String::new(), ..browser.clone() };
        let page = format!("/{}", "a".repeat(4000));
        let mut refused = 0;
        // A page without a session, and an invalid link.
        for path in [&page[..], "/enter?key=0"] {
            for _ in 0..20 {
                let mut stream = TcpStream::connect(nobody.address).await.expect("a connection");
                stream.write_all(&requests(&nobody, path, 16)).await.expect("sent");
                let mut text = Vec::new();
                soon(stream.read_to_end(&mut text)).await.expect("answers");
                refused += String::from_utf8_lossy(&text).matches("HTTP/1.1 40").count();
            }
        }
        browser.post("/sign-out", "").await.expect(200);
        refused
    });
    assert_eq!(refused, 2 * 20 * 16);
    let log = program.stop().expect(0).stderr;
    assert!(log.contains("action=\"sign out\""), "{log}");
    let lines = log.matches("audit: refused").count();
    assert!(lines >= 32 && lines as u64 <= 33 + began.elapsed().as_secs() / 5, "{log}");
    assert!(log.lines().all(|line| line.len() < 500), "{log}");
    // Refusals without a line of their own are counted.
    let more = log.split(" more=").skip(1).map(|rest| {
        let digits = rest.split(|end: char| !end.is_ascii_digit()).next().expect("a number");
        digits.parse::<usize>().expect("a number")
    });
    assert_eq!(lines + more.sum::<usize>(), refused, "{log}");
}
