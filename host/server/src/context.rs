//! What all connections of a server share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minipki_core::keys::Fingerprint;
use tokio::sync::Semaphore;

use super::Limits;
use super::admission::Permit;
use super::desk::Desk;
use minipki_ca::Source;
use minipki_net::LogLimit;
use minipki_net::trace::events::Reporter;
use minipki_net::trace::{Events, Tap};

/// Shared by all connections.
pub(super) struct Context {
    /// The CA key that clients prove to have pinned.
    pub(super) issuer: Fingerprint,
    pub(super) desk: Desk,
    pub(super) limits: Limits,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) events: Option<Arc<Events>>,
    pub(super) counts: Arc<Counts>,
    /// Bounds the lines that any stranger can cause.
    pub(super) log: LogLimit<Source>,
    /// Bounds the lines of requests that are refused or answered again; they name a subject.
    pub(super) requests: LogLimit<Source>,
    /// Places for connections that are told to come again later. The others are just closed.
    pub(super) busy_places: Arc<Semaphore>,
}

impl Context {
    /// Logs what was left out of the log and may be told now; all of it if `all`.
    pub(super) fn summarize(&self, all: bool) {
        self.log.summarize(all);
        self.requests.summarize(all);
    }
}

/// One connection of a server.
pub(super) struct Visit {
    pub(super) context: Arc<Context>,
    pub(super) reporter: Reporter,
    /// The network that the client is in.
    pub(super) source: Source,
    pub(super) permit: Permit,
}

impl Deref for Visit {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

/// What a server did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Connections accepted.
    pub connections: u64,
    /// Connections turned away because there were too many.
    pub turned_away: u64,
    /// Connections closed because another one had more right to their place.
    pub displaced: u64,
    /// Certificates granted, each for the first time.
    pub granted: u64,
    /// Certificates granted again, to the same request.
    pub repeated: u64,
    /// Messages and requests refused.
    pub refused: u64,
    /// Connections cut off because they did not end in time when the server stopped.
    pub cut_off: u64,
}

/// The running figures of a [`Summary`].
#[derive(Default)]
pub struct Counts {
    pub(super) connections: Counter,
    pub(super) turned_away: Counter,
    pub(super) displaced: Counter,
    pub(super) granted: Counter,
    pub(super) repeated: Counter,
    pub(super) refused: Counter,
    pub(super) cut_off: Counter,
}

impl Counts {
    /// What the server has done so far.
    pub fn summary(&self) -> Summary {
        Summary {
            connections: self.connections.get(),
            turned_away: self.turned_away.get(),
            displaced: self.displaced.get(),
            granted: self.granted.get(),
            repeated: self.repeated.get(),
            refused: self.refused.get(),
            cut_off: self.cut_off.get(),
        }
    }
}

/// Counts from any thread.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
