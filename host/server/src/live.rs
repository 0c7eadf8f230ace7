//! The event sink for the Live page: it keeps the newest events, and sends all later ones to its readers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use minipki_core::link::Direction;
use minipki_core::trust::{RevocationReason, Serial};
use tokio::sync::broadcast;

use minipki_ca::Source;
use minipki_net::LogLimit;

use super::events::{CaEvent, ConnectionLimit, EventSink, Origin};

/// The number of events that are kept for new readers, and that a slow reader can be behind.
pub const KEPT: usize = 1000;

/// One event of the Live page.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// The number of the event, from 1.
    pub number: u64,
    /// The time of the event.
    pub at: SystemTime,
    /// The number of its connection, as in the log: from 1 after each start of the server.
    pub connection: u64,
    /// The content of the event.
    pub what: LiveKind,
}

/// The content of a [`LiveEvent`].
#[derive(Clone, Debug)]
pub enum LiveKind {
    /// A client has connected.
    Arrived {
        /// The address of the client.
        peer: SocketAddr,
    },
    /// A client was refused, because a limit of connections is reached.
    TurnedAway {
        /// The address of the client.
        peer: SocketAddr,
    },
    /// A frame was sent or received.
    Frame {
        /// The direction, seen from the server.
        direction: Direction,
        /// The body of the frame; at most [`FRAME`](minipki_core::limits::FRAME) bytes.
        body: Arc<[u8]>,
    },
    /// A certificate is recorded, and is sent next.
    Granted {
        /// The subject of the certificate.
        subject: String,
        /// The serial number.
        serial: Serial,
    },
    /// The earlier certificate of a repeated request is sent next.
    Repeated {
        /// The subject of the certificate.
        subject: String,
        /// The serial number.
        serial: Serial,
    },
    /// A certificate is revoked for its holder, and this is sent next.
    Revoked {
        /// The serial number.
        serial: Serial,
        /// The reason.
        reason: RevocationReason,
    },
    /// The status of a certificate is sent next.
    Status {
        /// The serial number.
        serial: Serial,
        /// The name of the status.
        status: &'static str,
    },
    /// The X.509 twin of a certificate is sent next.
    Twin {
        /// The serial number.
        serial: Serial,
    },
    /// The changes of the CA's key are sent next.
    Anchors,
    /// A request or a message was refused.
    Refused {
        /// The subject of the request, or the certificate that the request is about, if known.
        subject: Option<String>,
        /// The code that the client gets.
        code: &'static str,
        /// The reason, as in the log.
        reason: String,
    },
    /// The connection has ended.
    Left {
        /// The reason, in a few words.
        how: &'static str,
    },
}

/// The newest [`KEPT`] events, and a stream of all later ones.
pub struct LiveFeed {
    state: Mutex<State>,
    live: broadcast::Sender<Arc<LiveEvent>>,
    /// Set by the first page. Until then no event is kept.
    watched: AtomicBool,
    /// The limit for events of clients that are turned away, so that other events stay visible.
    turned_away: LogLimit<Source>,
}

struct State {
    newest: VecDeque<Arc<LiveEvent>>,
    /// The number of the newest event.
    count: u64,
}

impl Default for LiveFeed {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { newest: VecDeque::with_capacity(KEPT), count: 0 }),
            live: broadcast::Sender::new(KEPT),
            watched: AtomicBool::new(false),
            turned_away: LogLimit::new(1),
        }
    }
}

impl LiveFeed {
    /// Starts to keep events.
    pub(crate) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// The kept events, oldest first, and a stream that continues with the next one. A reader that is too slow loses
    /// the oldest events, and gets their number.
    pub fn follow(&self) -> (Vec<Arc<LiveEvent>>, broadcast::Receiver<Arc<LiveEvent>>) {
        let state = self.state();
        (state.newest.iter().cloned().collect(), self.live.subscribe())
    }

    fn keep(&self, connection: u64, what: LiveKind) {
        let mut state = self.state();
        state.count += 1;
        let event = Arc::new(LiveEvent { number: state.count, at: SystemTime::now(), connection, what });
        if state.newest.len() == KEPT {
            state.newest.pop_front();
        }
        state.newest.push_back(event.clone());
        // Within the lock, so that all readers get the same order. It is no error if there are no readers.
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
            // The page shows connections. A certificate of the CA's own server has no connection.
            CaEvent::Issued { .. } if origin.is_ca() => return,
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
            CaEvent::Revoked { .. } if origin.is_ca() => return,
            CaEvent::Revoked { outcome } => {
                LiveKind::Revoked { serial: outcome.record.serial, reason: outcome.record.reason }
            }
            CaEvent::StatusAnswered { serial, answer } => {
                LiveKind::Status { serial, status: answer.status.name() }
            }
            CaEvent::TwinAnswered { serial, .. } => LiveKind::Twin { serial },
            CaEvent::AnchorsAnswered => LiveKind::Anchors,
            CaEvent::RefusedAbout { request, serial, code, reason } => LiveKind::Refused {
                subject: Some(format!("the {request} of certificate {serial}")),
                code: code.as_str(),
                reason: reason.to_string(),
            },
            CaEvent::Malformed { code, reason } => {
                LiveKind::Refused { subject: None, code: code.as_str(), reason: reason.to_string() }
            }
            CaEvent::Closed { how } => LiveKind::Left { how },
            CaEvent::Lost { .. }
            | CaEvent::Displaced
            | CaEvent::OcspAnswered { .. }
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
