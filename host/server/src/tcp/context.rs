//! What all connections of a server share.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Limits;
use super::admission::Permit;
use crate::events::{CaEvent, Events, Origin};
use crate::issuer::Issuer;
use minipki_net::trace::{Direction, Tap};

/// Shared by all connections.
pub(super) struct Context {
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

    /// What is shown each frame, if anything wants frames.
    pub(super) fn tap(&self) -> Option<Arc<dyn Tap>> {
        let (events, other) = (self.events.clone(), self.server.tap.clone());
        if events.wants_frames() {
            Some(Arc::new(Frames { events, origin: self.origin, other }))
        } else {
            other
        }
    }
}

impl Deref for ConnContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.server
    }
}

/// Tells the events of each frame, and shows the frame to another tap.
struct Frames {
    events: Events,
    origin: Origin,
    other: Option<Arc<dyn Tap>>,
}

impl Tap for Frames {
    fn frame(&self, direction: Direction, body: &[u8]) {
        self.events.tell(self.origin, CaEvent::Frame { direction, body });
        if let Some(other) = &self.other {
            other.frame(direction, body);
        }
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        if let Some(other) = &self.other {
            other.plaintext(direction, text);
        }
    }
}
