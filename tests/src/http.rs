//! Requests over plain HTTP, without a library: each on a connection of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The time limit for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Fetched {
    /// The status code; 0 if the connection was closed without an answer.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Fetched {
    /// Checks the status code.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request to `address`, with these lines of headers, each with its end. Reads to the end of the connection.
///
/// # Panics
/// If nothing listens there, or the answer takes too long.
#[track_caller]
pub fn request(address: &str, method: &str, path: &str, headers: &str) -> Fetched {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n");
    raw(address, request.as_bytes())
}

/// Gets a document.
///
/// # Panics
/// As [`request`].
#[track_caller]
pub fn get(address: &str, path: &str) -> Fetched {
    request(address, "GET", path, "")
}

/// Sends these bytes, and reads to the end of the connection.
///
/// # Panics
/// As [`request`].
#[track_caller]
pub fn raw(address: &str, bytes: &[u8]) -> Fetched {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time limit");
    // An early refusal can close the connection before the whole request is sent.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let body = end.map_or(Vec::new(), |end| all[end + 4..].to_vec());
    let head = String::from_utf8_lossy(&all[..end.unwrap_or(all.len())]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Fetched { status, head, body }
}
