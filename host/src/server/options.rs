//! Where a server listens, and how much it lets strangers have.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::trace::{Events, Tap};

/// The CA's port (protocol §4).
const PORT: u16 = 9000;

/// How a server is set up. Policy is the [`Authority`](crate::ca::Authority)'s.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it lets strangers have.
    pub limits: Limits,
    /// Who watches each frame as it passes, if anybody does.
    pub tap: Option<Arc<dyn Tap>>,
    /// Who is told what happens on each connection, if anybody is.
    pub events: Option<Arc<Events>>,
}

impl Default for ServerOptions {
    /// 127.0.0.1:9000, default limits, nobody watching.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            limits: Limits::default(),
            tap: None,
            events: None,
        }
    }
}

/// Bounds on everything that a peer can pile up or drag out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at a time, about 9 KB each. One more is refused as `busy` and closed.
    pub connections: usize,
    /// How long a peer may take to get from one whole message to the next, all reading and writing
    /// included, and how long a request may wait at the desk.
    pub deadline: Duration,
    /// Requests on one connection, the refused ones included. One more is refused, as `busy` if
    /// nothing else is wrong with it, and ends the connection.
    pub requests: usize,
    /// Requests that may wait for the desk. One more is refused as `busy`.
    pub waiting: usize,
    /// Requests that are signed and committed together at most.
    pub batch: usize,
    /// How long connections may take to finish what they have begun when the server is to stop.
    pub drain: Duration,
}

impl Default for Limits {
    /// 512 connections, 10 seconds a step and to stop, 1000 requests a connection, 1024 waiting,
    /// 256 together.
    fn default() -> Self {
        Self {
            connections: 512,
            deadline: Duration::from_secs(10),
            requests: 1000,
            waiting: 1024,
            batch: 256,
            drain: Duration::from_secs(10),
        }
    }
}
