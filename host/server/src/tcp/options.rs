//! The options and the limits of a server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use minipki_net::trace::Tap;
use minipki_provider::HostProvider;

use crate::events::Events;
use crate::issuer::IssuerLimits;

/// The CA's port (protocol §4).
const PORT: u16 = 9000;

/// The options of a server. The [`Authority`](minipki_ca::Authority) has the policy.
#[derive(Clone)]
pub struct ServerOptions {
    /// The cryptographic provider of sessions.
    pub provider: HostProvider,
    /// The address of the listener. Port 0 is a free port.
    pub listen: SocketAddr,
    /// The limits for clients.
    pub limits: Limits,
    /// An observer of all frames.
    pub tap: Option<Arc<dyn Tap>>,
    /// The event sinks, beside the server's counters.
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

/// The limits of all resources that a peer can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of connections at a time, about 9 KB each. One more displaces the idlest connection of the
    /// [source](minipki_ca::Source) with the most connections, or is refused as `busy` and closed.
    pub connections: usize,
    /// The number of connections of one source at a time. One more displaces the idlest connection of the source if it
    /// has waited for `grace`, or is refused as `busy` and closed.
    pub per_source: usize,
    /// The time that a connection must have waited for its client before its own source can displace it.
    pub grace: Duration,
    /// The number of displaced connections at a time that have not ended yet. One more connection is refused then.
    /// Connections that are displaced by their own source can be half of it.
    pub ending: usize,
    /// The number of refused connections at a time that get the code `busy`. The others are reset.
    pub told_busy: usize,
    /// The time limit for the first valid message; at most `deadline`.
    pub first_deadline: Duration,
    /// The time limit from one valid message to the next, with all reading and writing. The issuer gets four fifths of
    /// it for a request.
    pub deadline: Duration,
    /// The number of requests on one connection, with refused ones. One more is refused, as `busy` if it is valid, and
    /// ends the connection.
    pub requests: usize,
    /// The number of malformed messages on one connection. One more ends it.
    pub malformed: usize,
    /// The lifetime of a connection. A later request is refused as `busy` and ends the connection.
    pub lifetime: Duration,
    /// The number of requests that can wait for the issuer. One more is refused as `busy`.
    pub waiting: usize,
    /// The maximum number of requests that are signed and committed together.
    pub batch: usize,
    /// The time limit for open connections when the server stops. The issuing thread can take half as long again.
    pub drain: Duration,
}

impl Default for Limits {
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

/// The number of descriptors for other purposes than served connections: the ledger, the log, the console, and
/// connections that are displaced or turned away.
const OTHER_DESCRIPTORS: usize = 256;

impl Limits {
    /// The limits of the issuer. Its timeout is shorter than `deadline`, so that the client still gets the answer.
    pub(super) fn issuer(&self) -> IssuerLimits {
        IssuerLimits { waiting: self.waiting, batch: self.batch, timeout: self.deadline * 4 / 5 }
    }

    /// These limits for a process with this number of descriptors. The limit for one source shrinks in proportion.
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
        assert!(all.per_source >= all.connections, "a source without a limit stays without one");
    }
}
