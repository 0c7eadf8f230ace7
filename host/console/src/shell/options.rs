//! The options of a console: its address, its names, TLS, and its limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use minipki_http::ConnectionLimits;

/// The console's port.
const PORT: u16 = 9080;

/// The options of a console.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// The address to listen on. With port 0 the operating system chooses a free port.
    pub listen: SocketAddr,
    /// The host names of the console. If the address is not loopback, browsers may also use the address. Without names
    /// and without TLS, a console on 127.0.0.1 or ::1 uses a random name below `localhost`.
    pub names: Vec<String>,
    /// TLS. Without it the console listens only on loopback.
    pub tls: Option<Tls>,
    /// The limits.
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

/// The source of the console's X.509 certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// PEM files.
    Files {
        /// The certificate chain, the console's own certificate first.
        certificate: PathBuf,
        /// The private key, PKCS#8, PKCS#1 or SEC 1.
        key: PathBuf,
    },
    /// The CA issues short-lived certificates for fresh P-256 keys, at the start and while the console runs.
    Issued,
}

/// The limits on connections, requests and sessions. A count is a maximum at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections without a session. One more replaces the oldest of them.
    pub connections: usize,
    /// The time after which a connection without a session is closed.
    pub anonymous_life: Duration,
    /// Requests without a session on one connection. The connection closes after the last one.
    pub anonymous_requests: u32,
    /// Connections of one session. More of them count as connections without a session.
    pub session_connections: usize,
    /// The maximum length of a request's body in bytes. A longer one is refused.
    pub body: usize,
    /// The time limit for a TLS handshake, for the head and for the body of a request, and for each write of an answer.
    pub deadline: Duration,
    /// Sessions. One more is refused until another ends.
    pub sessions: usize,
    /// Unused links that the console has printed, and unused links that each session has made. One more replaces the
    /// oldest of the same origin.
    pub links: usize,
    /// The lifetime of a link.
    pub link_life: Duration,
    /// The time after which an unused session ends. Requests that a script sends by itself do not count as use.
    pub idle: Duration,
    /// The maximum lifetime of a session.
    pub session_life: Duration,
    /// Event streams of one session.
    pub streams: usize,
}

impl Default for Limits {
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
    pub(crate) const fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            anonymous: self.connections,
            anonymous_life: self.anonymous_life,
            anonymous_requests: self.anonymous_requests,
            session: self.session_connections,
        }
    }
}
