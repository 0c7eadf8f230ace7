//! The sink for the Live page: the newest events, and those to come, for everybody who watches.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use minipki_core::link::Direction;
use minipki_core::trust::Serial;
use tokio::sync::broadcast;

use minipki_ca::Source;
use minipki_net::LogLimit;

use super::events::{CaEvent, ConnectionLimit, EventSink, Origin};

/// How many events are kept for who comes later, and may pass unread by who is slow.
pub const KEPT: usize = 1000;

/// One thing that happened, as it is kept.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// Its place in the order of all events, from 1.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// The connection it belongs to, as the log numbers them: from 1 for each start of the server.
    pub connection: u64,
    /// What it was.
    pub what: LiveKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum LiveKind {
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
        serial: Serial,
    },
    /// A certificate is about to be answered again, to the request that it was answered to before.
    Repeated {
        /// Whom it names.
        subject: String,
        /// Its serial number.
        serial: Serial,
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

/// The newest [`KEPT`] events, and those to come.
pub struct LiveFeed {
    state: Mutex<State>,
    live: broadcast::Sender<Arc<LiveEvent>>,
    /// Set when a page first asks for events. Until then none is kept.
    watched: AtomicBool,
    /// Bounds the events of clients that are turned away, so that the others can be seen.
    turned_away: LogLimit<Source>,
}

struct State {
    newest: VecDeque<Arc<LiveEvent>>,
    told: u64,
}

impl Default for LiveFeed {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { newest: VecDeque::with_capacity(KEPT), told: 0 }),
            live: broadcast::Sender::new(KEPT),
            watched: AtomicBool::new(false),
            turned_away: LogLimit::new(1),
        }
    }
}

impl LiveFeed {
    /// Keeps events from here on.
    pub(crate) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Those that are kept, oldest first, and all that come after them: nothing twice, and nothing
    /// left out between the two. A reader that is too slow loses the oldest, and is told how many.
    pub fn follow(&self) -> (Vec<Arc<LiveEvent>>, broadcast::Receiver<Arc<LiveEvent>>) {
        let state = self.state();
        (state.newest.iter().cloned().collect(), self.live.subscribe())
    }

    fn keep(&self, connection: u64, what: LiveKind) {
        let mut state = self.state();
        state.told += 1;
        let event = Arc::new(LiveEvent { number: state.told, at: SystemTime::now(), connection, what });
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

impl EventSink for LiveFeed {
    fn take(&self, origin: Origin, event: CaEvent<'_>) {
        if !self.wants_frames() {
            return;
        }
        let kind = match event {
            CaEvent::Connected { peer } => LiveKind::Arrived { peer },
            CaEvent::TurnedAway { peer, limit, .. } => {
                let kind = match limit {
                    ConnectionLimit::Source => "source",
                    ConnectionLimit::Server => "server",
                };
                if self.turned_away.note(kind, None).is_none() {
                    return;
                }
                LiveKind::TurnedAway { peer }
            }
            CaEvent::Frame { direction, body } => LiveKind::Frame { direction, body: body.into() },
            CaEvent::Issued { request, issued } => {
                let (subject, serial) = (request.subject.to_string(), issued.serial);
                if issued.repeated {
                    LiveKind::Repeated { subject, serial }
                } else {
                    LiveKind::Granted { subject, serial }
                }
            }
            CaEvent::Refused { request, code, reason } => LiveKind::Refused {
                subject: Some(request.subject.to_string()),
                code: code.as_str(),
                reason: reason.to_string(),
            },
            CaEvent::Malformed { code, reason } => {
                LiveKind::Refused { subject: None, code: code.as_str(), reason: reason.to_string() }
            }
            CaEvent::Closed { how } => LiveKind::Left { how },
            CaEvent::Lost { .. }
            | CaEvent::Displaced
            | CaEvent::CutOff { .. }
            | CaEvent::Acted { .. }
            | CaEvent::ActRefused { .. } => return,
        };
        self.keep(origin.connection, kind);
    }

    fn wants_frames(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }
}
