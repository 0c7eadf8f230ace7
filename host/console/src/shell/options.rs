//! Where a console listens, and how much it lets others have.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use minipki_http::ConnectionLimits;

/// The console's port.
const PORT: u16 = 9080;

/// How a console is set up.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names under which browsers may ask for it; off loopback beside its address. Without any and without TLS, a
    /// console on 127.0.0.1 or ::1 makes up a name of its own below `localhost`.
    pub names: Vec<String>,
    /// What encrypts. Without it the console listens on loopback alone.
    pub tls: Option<Tls>,
    /// What it lets others have.
    pub limits: Limits,
}

impl Default for ConsoleOptions {
    /// 127.0.0.1:9080 without encryption, default limits.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            names: Vec::new(),
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Where the console's X.509 certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From PEM files: a chain, the console's own first, and its private key.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// The key, PKCS#8, PKCS#1 or SEC 1.
        key: PathBuf,
    },
    /// The CA's RSA key issues one at each start, for a fresh P-256 key.
    Issued,
}

/// Bounds on everything that a browser can pile up or drag out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time that have shown no session. One more takes the place of the oldest of them.
    pub connections: usize,
    /// How long a connection may stay without showing a session.
    pub anonymous_life: Duration,
    /// Requests without a session on one connection. It closes after the last of them.
    pub anonymous_requests: u32,
    /// Connections of one session at a time. More of them count as anonymous.
    pub session_connections: usize,
    /// Bytes of a request's body. A longer one is refused.
    pub body: usize,
    /// How long a request's head, its body and a TLS handshake may each take to arrive, and how long an answer may
    /// wait for the other end to take some of it.
    pub deadline: Duration,
    /// Sessions at a time. One more is refused until another ends.
    pub sessions: usize,
    /// Links that wait to be opened: of those that the console printed, and of those made in each session. One more
    /// takes the place of the oldest of the same.
    pub links: usize,
    /// How long a link can be opened.
    pub link_life: Duration,
    /// How long a session lasts without a person's use. Requests that scripts make by themselves do not count.
    pub idle: Duration,
    /// How long a session lasts at most.
    pub session_life: Duration,
    /// Event streams of one session at a time.
    pub streams: usize,
}

impl Default for Limits {
    /// 64 anonymous connections of 30 seconds and 16 requests, 16 connections a session, 16 KB, 10 seconds, 8 sessions
    /// of half an hour's idleness and 12 hours, 4 links of an hour that were printed and 4 a session, 4 streams a session.
    fn default() -> Self {
        Self {
            connections: 64,
            anonymous_life: Duration::from_secs(30),
            anonymous_requests: 16,
            session_connections: 16,
            body: 16 * 1024,
            deadline: Duration::from_secs(10),
            sessions: 8,
            links: 4,
            link_life: Duration::from_secs(60 * 60),
            idle: Duration::from_secs(30 * 60),
            session_life: Duration::from_secs(12 * 60 * 60),
            streams: 4,
        }
    }
}

impl Limits {
    /// The limits on connections.
    pub(crate) const fn held(&self) -> ConnectionLimits {
        ConnectionLimits {
            anonymous: self.connections,
            anonymous_life: self.anonymous_life,
            anonymous_requests: self.anonymous_requests,
            session: self.session_connections,
        }
    }
}
