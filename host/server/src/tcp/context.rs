//! What all connections of a server share.

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

/// Shared by all connections.
pub(super) struct Context {
    pub(super) provider: HostProvider,
    pub(super) issuer: Issuer,
    pub(super) limits: Limits,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) events: Events,
    /// Places for connections that are told to come again later. The others are just closed.
    pub(super) busy_places: Arc<Semaphore>,
}

/// One connection of a server.
pub(super) struct ConnContext {
    pub(super) server: Arc<Context>,
    pub(super) origin: Origin,
    pub(super) permit: Permit,
}

impl ConnContext {
    /// Tells what has happened on this connection.
    pub(super) fn tell(&self, event: CaEvent<'_>) {
        self.server.events.tell(self.origin, event);
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

/// Tells the events of each frame, if a sink wants frames, and shows each frame to the server's tap.
pub(super) struct Frames {
    events: Option<Events>,
    origin: Origin,
    tap: Tapped,
}

impl Observer for Frames {
    fn frame(&self, direction: Direction, body: &[u8]) {
        if let Some(events) = &self.events {
            events.tell(self.origin, CaEvent::Frame { direction, body });
        }
        self.tap.frame(direction, body);
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        self.tap.plaintext(direction, text);
    }
}
