//! A console within the test, and a simple browser that sends HTTP requests on sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minipki_console::{Console, ConsoleOptions, LoginLinks};
use minipki_provider::HostProvider;
use minipki_server::CaService;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::server::soon;

/// A console with its own port, for a CA in its own folder. It stops when this is dropped.
pub struct TestConsole {
    /// The address of the console.
    pub address: SocketAddr,
    /// The maker of login links.
    pub links: LoginLinks,
    nobody: Browser,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl TestConsole {
    /// Starts a console with the default options and any free port.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a console with changed options.
    pub async fn with(change: impl FnOnce(&mut ConsoleOptions)) -> Self {
        Self::of(|_| {}, change).await
    }

    /// Starts a console for the CA that `make` makes in a folder.
    pub async fn of(make: impl FnOnce(&Path), change: impl FnOnce(&mut ConsoleOptions)) -> Self {
        let folder = TempDir::new().expect("a folder");
        make(&folder.path().join("ca"));
        let mut options = ConsoleOptions::default();
        let service = Arc::new(
            CaService::open(HostProvider::default(), &folder.path().join("ca")).expect("a folder for a CA"),
        );
        options.listen.set_port(0);
        change(&mut options);
        let console = Arc::new(Console::bind(options, service.clone()).await.expect("a free port"));
        let (address, links) = (console.local_addr(), console.login_links());
        let (nobody, _) = Browser::at(&links.link().expect("random numbers"));
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(async move {
            console
                .run(async {
                    let _ = stopped.await;
                })
                .await;
            let _ = service.stop().await;
        });
        Self { address, links, nobody, folder, stop, run }
    }

    /// The CA's folder.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca")
    }

    /// The path and secret of a new link.
    pub fn link(&self) -> String {
        Browser::at(&self.links.link().expect("random numbers")).1
    }

    /// A browser without a session.
    pub fn nobody(&self) -> Browser {
        self.nobody.clone()
    }

    /// A browser with a session.
    pub async fn enter(&self) -> Browser {
        Browser::enter(&self.links.link().expect("random numbers")).await
    }

    /// Stops the console and waits for its end.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        soon(self.run).await.expect("no panic");
    }
}

/// An HTTP response of a console.
#[derive(Debug)]
pub struct Answer {
    /// The status code; 0 if the connection was closed without a response.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Checks the status code.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// Sends `request` on a new connection and reads the response to its end.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = soon(TcpStream::connect(address)).await.expect("a connection");
    // An early refusal may close the connection before the whole request is sent.
    let _ = stream.write_all(request).await;
    let mut all = Vec::new();
    let _ = soon(stream.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends requests with the cookie and the form token of one session.
#[derive(Clone)]
pub struct Browser {
    /// The address of the console.
    pub address: SocketAddr,
    /// The value of the Host header, for example `NAME.localhost:9080`.
    pub host: String,
    /// The cookie as `name=value`.
    pub cookie: String,
    /// The CSRF token of the session's forms.
    pub csrf: String,
}

impl Browser {
    /// A browser without a session, and the path of `link` with its secret.
    ///
    /// # Panics
    /// If `link` does not lead to a port of this machine.
    pub fn at(link: &str) -> (Self, String) {
        let rest = link.strip_prefix("http://").expect("a link without TLS");
        let (host, path) = rest.split_once('/').expect("a path");
        let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let browser = Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            host: host.to_owned(),
            cookie: String::new(),
            csrf: String::new(),
        };
        (browser, format!("/{path}"))
    }

    /// A browser that has opened `link`.
    pub async fn enter(link: &str) -> Self {
        let (mut browser, path) = Self::at(link);
        let entered = browser.get(&path).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
        let cookie = entered.header("set-cookie").expect("a cookie");
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        browser.cookie = cookie.split(';').next().expect("name and value").to_owned();
        let page = browser.get("/").await.expect(200).body;
        let (_, rest) = page.split_once("name=\"csrf\" content=\"").expect("a token");
        browser.csrf = rest.split('"').next().expect("a value").to_owned();
        browser
    }

    /// The same browser with another Host header.
    pub fn named(&self, host: String) -> Self {
        Self { host, ..self.clone() }
    }

    /// Requests a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    /// Requests a page with more headers.
    pub async fn get_with(&self, path: &str, headers: &str) -> Answer {
        let Self { address, host, cookie, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{headers}Connection: close\r\n\r\n"
        );
        raw(*address, request.as_bytes()).await
    }

    /// Sends a form, expects a redirect, and requests the page that it leads to.
    pub async fn post_and_follow(&self, path: &str, fields: &str) -> Answer {
        let answer = self.post(path, fields).await.expect(303);
        let location = answer.header("location").expect("a redirect has a location");
        self.get(location.split('#').next().unwrap_or_default()).await.expect(200)
    }

    /// Sends a form as the console's own pages do.
    pub async fn post(&self, path: &str, fields: &str) -> Answer {
        let origin = format!("Origin: http://{}\r\n", self.host);
        self.post_from(path, &origin, &format!("csrf={}&{fields}", self.csrf)).await
    }

    /// Sends a form with these headers and this body.
    pub async fn post_from(&self, path: &str, headers: &str, body: &str) -> Answer {
        let Self { address, host, cookie, .. } = self;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{headers}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        raw(*address, request.as_bytes()).await
    }

    /// Makes the CA's key and waits for it.
    pub async fn make_key(&self) {
        self.post("/authority/key", "issuer_id=console-ca&bits=2048").await.expect(303);
        soon(async {
            while !self.get("/authority/status").await.body.contains("data-state=\"stopped\"") {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Starts the CA's server and returns its address.
    pub async fn start_ca(&self) -> SocketAddr {
        self.post("/authority/start", "listen=127.0.0.1%3A0&policy=proof").await.expect(303);
        let page = self.get("/authority/status").await.expect(200).body;
        let (_, rest) = page.split_once("listens on <strong>").expect("the process runs");
        rest.split('<').next().expect("an address").parse().expect("an address")
    }
}
