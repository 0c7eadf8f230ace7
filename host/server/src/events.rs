//! What happens at a CA. Each outcome is told once, as a [`CaEvent`], and every sink takes from it what it needs.

use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use minipki_ca::{Issued, Source};
use minipki_core::cert::Id;
use minipki_core::link::Direction;
use minipki_core::wire::Code;

/// One thing that happened.
#[derive(Clone, Copy)]
pub enum CaEvent<'a> {
    /// A client has connected.
    Connected {
        /// The client's address.
        peer: SocketAddr,
    },
    /// A client was turned away: there were too many connections.
    TurnedAway {
        /// The client's address.
        peer: SocketAddr,
        /// Which limit was reached.
        limit: ConnectionLimit,
        /// How many connections that limit allows.
        most: usize,
    },
    /// A frame has passed.
    Frame {
        /// Seen from the server.
        direction: Direction,
        /// Its body, as it is on the wire; at most [`FRAME`](minipki_core::limits::FRAME) bytes.
        body: &'a [u8],
    },
    /// A certificate is recorded and about to be answered, for the first time or again.
    Issued {
        /// The request that it answers.
        request: Request<'a>,
        /// The certificate.
        issued: &'a Issued,
    },
    /// A request for a certificate was refused.
    Refused {
        /// The request.
        request: Request<'a>,
        /// What the client is told.
        code: Code,
        /// Why, for the operator.
        reason: &'a dyn Display,
    },
    /// A message failed a check, so it is no request.
    Malformed {
        /// What the client is told.
        code: Code,
        /// Which check failed.
        reason: &'a dyn Display,
    },
    /// The client went away, or did not get on, within a message or an exchange.
    Lost {
        /// What was seen of it.
        error: &'a dyn Error,
    },
    /// The connection's permit was given to another connection.
    Displaced,
    /// The server stops, and did not wait any longer for its connections.
    CutOff {
        /// How many there were.
        connections: u64,
    },
    /// The connection is over.
    Closed {
        /// How it came to its end, in a few words.
        how: &'static str,
    },
    /// An operator has acted.
    Acted {
        /// The operator.
        operator: Operator,
        /// What was done.
        action: &'a str,
        /// More about it.
        details: &'a dyn Display,
    },
    /// An act was refused.
    ActRefused {
        /// The one who asked for it.
        operator: Operator,
        /// What was asked for.
        action: &'a str,
        /// Why it was refused.
        reason: &'a dyn Display,
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

/// A request for a certificate, as it is told of.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The name that the certificate is to carry.
    pub subject: Id<'a>,
    /// The form of enrolment (protocol §4).
    pub form: &'static str,
    /// How long the server has worked on it.
    pub elapsed: Duration,
}

/// A limit on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLimit {
    /// That of one source.
    Source,
    /// That of the whole server.
    Server,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The number of the connection, as the log has it: from 1 at each start of the server. 0 for the CA itself.
    pub connection: u64,
    /// The network that the client is in.
    pub source: Option<Source>,
}

impl Origin {
    /// The CA itself.
    pub const CA: Self = Self { connection: 0, source: None };
}

/// Takes events in: a log, counters, a page that shows them.
pub trait EventSink: Send + Sync {
    /// Takes one event. It is called on the task where the event happens, so it must not block.
    fn take(&self, origin: Origin, event: CaEvent<'_>);

    /// Whether frames are wanted. All other events come in any case.
    fn wants_frames(&self) -> bool {
        false
    }

    /// Tells what was held back, as far as it may be told now; all of it at the `end`.
    fn flush(&self, end: bool) {
        let _ = end;
    }
}

/// All sinks of a CA.
#[derive(Clone)]
pub struct Events(Arc<[Arc<dyn EventSink>]>);

impl Events {
    /// Tells each of `sinks`, in this order.
    pub fn new(sinks: Vec<Arc<dyn EventSink>>) -> Self {
        Self(sinks.into())
    }

    /// These sinks, and one more.
    pub(crate) fn and(&self, sink: Arc<dyn EventSink>) -> Self {
        Self(self.0.iter().cloned().chain([sink]).collect())
    }

    /// Tells what has happened.
    pub fn tell(&self, origin: Origin, event: CaEvent<'_>) {
        self.0.iter().for_each(|sink| sink.take(origin, event));
    }

    /// Whether any sink wants frames.
    pub fn wants_frames(&self) -> bool {
        self.0.iter().any(|sink| sink.wants_frames())
    }

    /// Has each sink tell what it holds back.
    pub fn flush(&self, end: bool) {
        self.0.iter().for_each(|sink| sink.flush(end));
    }
}
