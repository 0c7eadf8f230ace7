//! The sink that writes the log. Lines that any stranger can cause are bounded.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use minipki_ca::Source;
use minipki_net::{LeftOut, LogLimit};

use super::events::{CaEvent, ConnectionLimit, EventSink, Events, Operator, Origin, Request};

/// The target of the lines about operators' acts.
pub const AUDIT: &str = "audit";

/// How many lines of requests of one kind are logged one by one before they are counted.
const REQUESTS: u32 = 8;

/// How many refusals without a session are logged one by one before they are counted. One page that is refused may cause
/// eight, with what it is drawn with.
const REFUSALS: u32 = 32;

/// Characters of an action in a line, at most: the path of a request may have thousands.
const ACTION: usize = 100;

/// Writes events to the log.
pub(crate) struct EventLog {
    /// Bounds the lines that any stranger can cause.
    strangers: LogLimit<Source>,
    /// Bounds the lines of requests that are refused or answered again; they name a subject.
    requests: LogLimit<Source>,
    /// Bounds the lines of acts that are refused to a browser without a session.
    acts: LogLimit<IpAddr>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { strangers: LogLimit::new(1), requests: LogLimit::new(REQUESTS), acts: LogLimit::new(REFUSALS) }
    }
}

impl Default for Events {
    /// The log alone.
    fn default() -> Self {
        Self::new(vec![Arc::new(EventLog::default())])
    }
}

impl EventSink for EventLog {
    fn take(&self, origin: Origin, event: CaEvent<'_>) {
        let source = origin.source;
        match event {
            CaEvent::Issued { request: Request { subject, form, elapsed }, issued } if issued.repeated => {
                // This costs a client nothing, so it may come without end.
                let Some(left_out) = self.requests.note("repeated", source) else { return };
                let (serial, more, most_from) =
                    (issued.serial.to_u64(), left_out.count(), left_out.most_from());
                tracing::info!(%subject, serial, %form, ?elapsed, more, most_from, "repeated");
            }
            CaEvent::Issued { request: Request { subject, form, elapsed }, issued } => {
                tracing::info!(%subject, serial = issued.serial.to_u64(), %form, ?elapsed, "granted");
            }
            CaEvent::Refused { request: Request { subject, form, elapsed }, code, reason } => {
                let Some(left_out) = self.requests.note(code.as_str(), source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%subject, %code, %reason, %form, ?elapsed, more, most_from, "refused");
            }
            CaEvent::Malformed { code, reason } => {
                let Some(left_out) = self.strangers.note(code.as_str(), source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%code, %reason, more, most_from, "refused");
            }
            CaEvent::TurnedAway { peer, limit, most } => {
                let kind = match limit {
                    ConnectionLimit::Source => "turned away: too many connections of one source",
                    ConnectionLimit::Server => "turned away: too many connections",
                };
                let Some(left_out) = self.strangers.note(kind, source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                let connection = origin.connection;
                tracing::warn!(connection, %peer, limit = most, more, most_from, "{kind}");
            }
            CaEvent::Lost { error } => {
                let Some(left_out) = self.strangers.note("lost", source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%error, more, most_from, "lost");
            }
            CaEvent::Displaced => {
                let Some(left_out) = self.strangers.note("displaced", source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(
                    more,
                    most_from,
                    "closed for another connection: this one waited longest for its client"
                );
            }
            CaEvent::Acted { operator: Operator { peer, session }, action, details } => {
                tracing::info!(target: AUDIT, %peer, session, action, %details, "audit: done");
            }
            CaEvent::ActRefused { operator: Operator { peer, session }, action, reason } => {
                // A refusal of a session has a line each. Anybody can cause the others.
                let left_out = match session {
                    0 => self.acts.note("refused without a session", Some(peer.ip().to_canonical())),
                    _ => Some(LeftOut::default()),
                };
                let Some(left_out) = left_out else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                let mut shown: String = action.chars().take(ACTION).collect();
                if shown.len() < action.len() {
                    shown.push_str("...");
                }
                tracing::warn!(target: AUDIT, %peer, session, action = shown, %reason, more, most_from, "audit: refused");
            }
            CaEvent::Connected { .. }
            | CaEvent::Frame { .. }
            | CaEvent::CutOff { .. }
            | CaEvent::Closed { .. } => {}
        }
    }

    fn flush(&self, end: bool) {
        self.strangers.summarize(end);
        self.requests.summarize(end);
        for (kind, left_out) in self.acts.due(end, Instant::now()) {
            let (more, most_from) = (left_out.count(), left_out.most_from());
            tracing::warn!(target: AUDIT, kind, more, most_from, "audit: not logged one by one");
        }
    }
}
