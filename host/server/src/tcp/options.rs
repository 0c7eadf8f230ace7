//! Where a server listens, and how much it lets strangers have.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use minipki_net::trace::Tap;
use minipki_provider::HostProvider;

use crate::events::Events;
use crate::issuer::IssuerLimits;

/// The CA's port (protocol §4).
const PORT: u16 = 9000;

/// How a server is set up. Policy is the [`Authority`](minipki_ca::Authority)'s.
#[derive(Clone)]
pub struct ServerOptions {
    /// The provider that computes for sessions.
    pub provider: HostProvider,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it lets strangers have.
    pub limits: Limits,
    /// Who watches each frame as it passes, if anybody does.
    pub tap: Option<Arc<dyn Tap>>,
    /// The sinks of events, beside the server's counters.
    pub events: Events,
}

impl Default for ServerOptions {
    /// The default provider, 127.0.0.1:9000, default limits, events to the log.
    fn default() -> Self {
        Self {
            provider: HostProvider::default(),
            listen: (Ipv4Addr::LOCALHOST, PORT).into(),
            limits: Limits::default(),
            tap: None,
            events: Events::default(),
        }
    }
}

/// Bounds on everything that a peer can pile up or drag out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at a time, about 9 KB each. When all are in use, one more takes the place of the idlest
    /// connection of the [source](minipki_ca::Source) that holds most, or is refused as `busy` and closed.
    pub connections: usize,
    /// Connections of one source at a time. One more takes the place of the source's idlest connection, if that
    /// has waited for `grace`, or is refused as `busy` and closed.
    pub per_source: usize,
    /// How long a connection must have waited for its client before another one of the same source takes its place.
    pub grace: Duration,
    /// Connections that may be on their way out for others at a time. Until they are gone, one more is refused.
    pub ending: usize,
    /// Connections that get no place and are told `busy` at a time. The others are reset.
    pub told_busy: usize,
    /// How long a peer may take to its first valid message; at most `deadline`.
    pub first_deadline: Duration,
    /// How long a peer may take to get from one valid message to the next, all reading and writing
    /// included, and how long a request may wait for the issuer.
    pub deadline: Duration,
    /// Requests on one connection, the refused ones included. One more is refused, as `busy` if
    /// nothing else is wrong with it, and ends the connection.
    pub requests: usize,
    /// Malformed messages on one connection. One more ends it.
    pub malformed: usize,
    /// How long a connection may last. A request after that is refused as `busy` and ends the connection.
    pub lifetime: Duration,
    /// Requests that may wait for the issuer. One more is refused as `busy`.
    pub waiting: usize,
    /// Requests that are signed and committed together at most.
    pub batch: usize,
    /// How long connections may take to finish what they have begun when the server is to stop. The issuing thread may
    /// take half as long again for its own work.
    pub drain: Duration,
}

impl Default for Limits {
    /// 512 connections, 64 of one source and a second of grace; 128 that end for others, 32 told that the CA is busy; 5
    /// seconds to the first message, 10 seconds a step and 5 to stop; 1000 requests, 16 malformed messages and 10
    /// minutes a connection; 1024 waiting, 256 together.
    fn default() -> Self {
        Self {
            connections: 512,
            per_source: 64,
            grace: Duration::from_secs(1),
            ending: 128,
            told_busy: 32,
            first_deadline: Duration::from_secs(5),
            deadline: Duration::from_secs(10),
            requests: 1000,
            malformed: 16,
            lifetime: Duration::from_secs(10 * 60),
            waiting: 1024,
            batch: 256,
            drain: Duration::from_secs(5),
        }
    }
}

/// Descriptors that are not for served connections: the ledger, the log, the console, and connections that end for
/// others or are turned away.
const OTHER_DESCRIPTORS: usize = 256;

impl Limits {
    /// The limits of the issuer. A client waits as long as this server does for it, so it still hears what becomes of
    /// its request.
    pub(super) fn issuer(&self) -> IssuerLimits {
        IssuerLimits { waiting: self.waiting, batch: self.batch, timeout: self.deadline * 4 / 5 }
    }

    /// These limits for a process that may have so many descriptors open: as many connections as there is room
    /// for, and in proportion for one source.
    pub(super) fn within(self, descriptors: usize) -> Self {
        let room = (descriptors - OTHER_DESCRIPTORS.min(descriptors / 2)).max(1);
        let few = (descriptors / 16).max(1);
        let limits = Self { ending: self.ending.min(few), told_busy: self.told_busy.min(few), ..self };
        if room >= self.connections {
            return limits;
        }
        let per_source = self.per_source.saturating_mul(room) / self.connections;
        Self { connections: room, per_source: per_source.max(1), ..limits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_the_descriptors() {
        let at = |descriptors| {
            let limits = Limits::default().within(descriptors);
            (limits.connections, limits.per_source)
        };
        assert_eq!(at(usize::MAX), (512, 64));
        assert_eq!(at(1024), (512, 64));
        assert_eq!(at(256), (128, 16));
        assert_eq!(at(64), (32, 4));
        assert_eq!(at(1), (1, 1));
        let all = Limits { per_source: usize::MAX, ..Limits::default() }.within(256);
        assert!(all.per_source >= all.connections, "no limit of a source stays none");
    }
}
