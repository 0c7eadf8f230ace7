//! The events of a CA. Each outcome is one [`CaEvent`], and every sink receives it.

use std::error::Error;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use minipki_ca::ports::RevocationOutcome;
use minipki_ca::{Issued, OcspAnswer, Source, StatusAnswer};
use minipki_core::cert::Id;
use minipki_core::link::Direction;
use minipki_core::trust::Serial;
use minipki_core::wire::Code;

/// An event.
#[derive(Clone, Copy)]
pub enum CaEvent<'a> {
    /// A client has connected.
    Connected {
        /// The client's address.
        peer: SocketAddr,
    },
    /// A connection was refused: there were too many.
    TurnedAway {
        /// The client's address.
        peer: SocketAddr,
        /// The limit that was reached.
        limit: ConnectionLimit,
        /// The number of connections that the limit allows.
        most: usize,
    },
    /// A frame was sent or received.
    Frame {
        /// The direction, seen from the server.
        direction: Direction,
        /// The body on the wire, at most [`FRAME`](minipki_core::limits::FRAME) bytes.
        body: &'a [u8],
    },
    /// A certificate is recorded and will be sent, for the first time or again.
    Issued {
        /// The request.
        request: Request<'a>,
        /// The certificate.
        issued: &'a Issued,
    },
    /// A request for a certificate was refused.
    Refused {
        /// The request.
        request: Request<'a>,
        /// The code for the client.
        code: Code,
        /// The reason for the operator.
        reason: &'a dyn Display,
    },
    /// A certificate is revoked, for its holder or for an operator, and this is on the disk.
    Revoked {
        /// The change, or the earlier one that it repeats.
        outcome: &'a RevocationOutcome,
    },
    /// The status of a certificate will be sent.
    StatusAnswered {
        /// The certificate.
        serial: Serial,
        /// The statement.
        answer: &'a StatusAnswer,
    },
    /// The X.509 twin of a certificate is recorded and will be sent.
    TwinAnswered {
        /// The certificate.
        serial: Serial,
        /// Whether the twin was recorded before.
        repeated: bool,
    },
    /// The answer to an OCSP request will be sent. It may have no statement.
    OcspAnswered {
        /// The answer.
        answer: &'a OcspAnswer,
    },
    /// The changes of the CA's key will be sent.
    AnchorsAnswered,
    /// A request about a recorded certificate was refused.
    RefusedAbout {
        /// The request, as a noun.
        request: &'static str,
        /// The certificate.
        serial: Serial,
        /// The code for the client.
        code: Code,
        /// The reason for the operator.
        reason: &'a dyn Display,
    },
    /// A message failed a check.
    Malformed {
        /// The code for the client.
        code: Code,
        /// The check that failed.
        reason: &'a dyn Display,
    },
    /// The client disconnected or was too slow, within a message or an exchange.
    Lost {
        /// The error.
        error: &'a dyn Error,
    },
    /// The connection's permit was given to another connection.
    Displaced,
    /// The server stops, and has closed connections that were not finished in time.
    CutOff {
        /// The number of these connections.
        connections: u64,
    },
    /// The connection has ended.
    Closed {
        /// The reason, in a few words.
        how: &'static str,
    },
    /// An operator has acted.
    Acted {
        /// The operator.
        operator: Operator,
        /// The act.
        action: &'a str,
        /// Details of the act.
        details: &'a dyn Display,
    },
    /// An action of an operator was refused.
    ActRefused {
        /// The operator.
        operator: Operator,
        /// The act.
        action: &'a str,
        /// The reason.
        reason: &'a dyn Display,
        /// The advice of the reason, if there is any.
        next: Option<&'a str>,
    },
}

/// An operator at the console.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// The browser's address.
    pub peer: SocketAddr,
    /// The number of the browser's session; 0 for none.
    pub session: u64,
}

/// The text of the operator in the ledger.
impl Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "console session {} at {}", self.session, self.peer)
    }
}

/// A request for a certificate, in an event.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The subject of the certificate.
    pub subject: Id<'a>,
    /// The form of the request: classic or proven enrolment, or a renewal (protocol §4, §7).
    pub form: &'static str,
    /// The time since the server received it.
    pub elapsed: Duration,
}

/// A limit on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLimit {
    /// The limit of one source.
    Source,
    /// The limit of the server.
    Server,
}

/// The origin of an event.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The number of the connection in the log, from 1 at each start of the server. 0 for the CA itself.
    pub connection: u64,
    /// The network of the client.
    pub source: Option<Source>,
}

impl Origin {
    /// The CA itself.
    pub const CA: Self = Self { connection: 0, source: None };

    /// Returns whether this is the CA itself, and not a connection.
    pub const fn is_ca(self) -> bool {
        self.connection == Self::CA.connection
    }
}

/// A receiver of events: a log, counters, a page that shows them.
pub trait EventSink: Send + Sync {
    /// Receives an event. It runs on the task of the event, so it must not block.
    fn take(&self, origin: Origin, event: CaEvent<'_>);

    /// Whether the sink needs frames. It receives all other events in any case.
    fn wants_frames(&self) -> bool {
        false
    }

    /// Writes the held-back events that are due; all of them at the `end`.
    fn flush(&self, end: bool) {
        let _ = end;
    }
}

/// All sinks of a CA.
#[derive(Clone)]
pub struct Events(Arc<[Arc<dyn EventSink>]>);

impl Events {
    /// Events for each of `sinks`, in this order.
    pub fn new(sinks: Vec<Arc<dyn EventSink>>) -> Self {
        Self(sinks.into())
    }

    /// Events for these sinks and one more.
    pub(crate) fn and(&self, sink: Arc<dyn EventSink>) -> Self {
        Self(self.0.iter().cloned().chain([sink]).collect())
    }

    /// Passes an event to each sink.
    pub fn emit(&self, origin: Origin, event: CaEvent<'_>) {
        self.0.iter().for_each(|sink| sink.take(origin, event));
    }

    /// Whether any sink needs frames.
    pub fn wants_frames(&self) -> bool {
        self.0.iter().any(|sink| sink.wants_frames())
    }

    /// Flushes each sink.
    pub fn flush(&self, end: bool) {
        self.0.iter().for_each(|sink| sink.flush(end));
    }
}
