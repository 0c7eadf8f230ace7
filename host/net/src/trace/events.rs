//! What happens at a server, connection by connection, for whoever watches it live.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use minipki_core::link::{Direction, Observer};
use tokio::sync::broadcast;

use super::{Tap, Tapped};

/// How many events are kept for who comes later, and may pass unread by who is slow.
pub const KEPT: usize = 1000;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the order of all events, from 1.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The connection it belongs to, as the log numbers them: from 1 for each start of the server.
    pub connection: u64,
    /// What it was.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A client has connected.
    Arrived {
        /// From where.
        peer: SocketAddr,
    },
    /// A client was turned away: there were too many.
    TurnedAway {
        /// From where.
        peer: SocketAddr,
    },
    /// A frame has passed.
    Frame {
        /// Seen from the server.
        direction: Direction,
        /// Its body, as it is on the wire; at most [`FRAME`](minipki_core::limits::FRAME) bytes.
        body: Arc<[u8]>,
    },
    /// A certificate is recorded and about to be answered.
    Granted {
        /// Whom it names.
        subject: String,
        /// Its serial number.
        serial: u64,
    },
    /// A certificate is about to be answered again, to the request that it was answered to before.
    Repeated {
        /// Whom it names.
        subject: String,
        /// Its serial number.
        serial: u64,
    },
    /// Something was refused.
    Refused {
        /// Whose request it was, where that is known.
        subject: Option<String>,
        /// What the client is told.
        code: &'static str,
        /// The reason, in the words of the log.
        reason: String,
    },
    /// The connection is over.
    Left {
        /// How it came to its end, in a few words.
        how: &'static str,
    },
}

/// The newest [`KEPT`] events, and those to come. A server that has none of these to tell does
/// nothing for it.
pub struct Events {
    state: Mutex<State>,
    live: broadcast::Sender<Arc<Event>>,
}

struct State {
    newest: VecDeque<Arc<Event>>,
    told: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { newest: VecDeque::with_capacity(KEPT), told: 0 }),
            live: broadcast::Sender::new(KEPT),
        }
    }
}

impl Events {
    /// Those that are kept, oldest first, and all that come after them: nothing twice, and nothing
    /// left out between the two. Whoever reads too slowly loses the oldest, and is told how many.
    pub fn follow(&self) -> (Vec<Arc<Event>>, broadcast::Receiver<Arc<Event>>) {
        let state = self.state();
        (state.newest.iter().cloned().collect(), self.live.subscribe())
    }

    fn tell(&self, connection: u64, what: What) {
        let mut state = self.state();
        state.told += 1;
        let event = Arc::new(Event { number: state.told, at: SystemTime::now(), connection, what });
        if state.newest.len() == KEPT {
            state.newest.pop_front();
        }
        state.newest.push_back(event.clone());
        // In the lock, so that the order is the same for all. That nobody listens is no failure.
        let _ = self.live.send(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of one connection, if anybody is told.
#[derive(Clone, Default)]
pub struct Reporter(Option<(Arc<Events>, u64)>);

impl Reporter {
    /// Tells `events` of the connection with this number.
    pub fn new(events: Option<Arc<Events>>, connection: u64) -> Self {
        Self(events.map(|events| (events, connection)))
    }

    /// Tells what `what` makes; it is not asked where nobody is told.
    pub fn tell(&self, what: impl FnOnce() -> What) {
        if let Some((events, connection)) = &self.0 {
            events.tell(*connection, what());
        }
    }

    /// An observer that tells of each frame, and shows it to `other` too.
    pub fn observer(&self, other: Option<Arc<dyn Tap>>) -> Tapped {
        Tapped(match self.0 {
            Some(_) => Some(Arc::new(Both { reporter: self.clone(), other: Tapped(other) })),
            None => other,
        })
    }
}

struct Both {
    reporter: Reporter,
    other: Tapped,
}

impl Observer for Both {
    fn frame(&self, direction: Direction, body: &[u8]) {
        self.reporter.tell(|| What::Frame { direction, body: body.into() });
        self.other.frame(direction, body);
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        self.other.plaintext(direction, text);
    }
}
