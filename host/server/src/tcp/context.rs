//! The shared data of all connections, and the context of one connection.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Limits;
use super::admission::Permit;
use crate::events::{CaEvent, Events, Origin};
use crate::issuer::Issuer;
use minipki_core::link::{Direction, Observer};
use minipki_net::trace::{Tap, Tapped};
use minipki_provider::HostProvider;

/// The shared data of all connections.
pub(super) struct Context {
    pub(super) provider: HostProvider,
    pub(super) issuer: Issuer,
    /// The changes of the CA's key, the same text for everybody.
    pub(super) anchors: Arc<[u8]>,
    pub(super) limits: Limits,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) events: Events,
    /// The permits for connections that get a `busy` refusal. The others are reset.
    pub(super) busy_permits: Arc<Semaphore>,
}

/// The context of one connection.
pub(super) struct ConnContext {
    pub(super) server: Arc<Context>,
    pub(super) origin: Origin,
    pub(super) permit: Permit,
}

impl ConnContext {
    /// Sends an event of this connection to the sinks.
    pub(super) fn emit(&self, event: CaEvent<'_>) {
        self.server.events.emit(self.origin, event);
    }

    /// The observer of this connection's link.
    pub(super) fn observer(&self) -> Frames {
        let events = self.server.events.wants_frames().then(|| self.server.events.clone());
        Frames { events, origin: self.origin, tap: Tapped(self.server.tap.clone()) }
    }
}

impl Deref for ConnContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.server
    }
}

/// The observer of a link. It sends an event for each frame if a sink needs frames, and passes frames to the tap.
pub(super) struct Frames {
    events: Option<Events>,
    origin: Origin,
    tap: Tapped,
}

impl Observer for Frames {
    fn frame(&self, direction: Direction, body: &[u8]) {
        if let Some(events) = &self.events {
            events.emit(self.origin, CaEvent::Frame { direction, body });
        }
        self.tap.frame(direction, body);
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        self.tap.plaintext(direction, text);
    }
}
