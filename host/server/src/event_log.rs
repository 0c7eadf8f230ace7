//! The sink that writes the log. Lines that any stranger can cause are bounded.

use minipki_ca::Source;
use minipki_net::LogLimit;

use super::events::{CaEvent, ConnectionLimit, EventSink, Origin, Request};

/// How many lines of requests of one kind are logged one by one before they are counted.
const REQUESTS: u32 = 8;

/// Writes events to the log.
pub(crate) struct EventLog {
    /// Bounds the lines that any stranger can cause.
    strangers: LogLimit<Source>,
    /// Bounds the lines of requests that are refused or answered again; they name a subject.
    requests: LogLimit<Source>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { strangers: LogLimit::new(1), requests: LogLimit::new(REQUESTS) }
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
            CaEvent::Connected { .. }
            | CaEvent::Frame { .. }
            | CaEvent::CutOff { .. }
            | CaEvent::Closed { .. } => {}
        }
    }

    fn flush(&self, end: bool) {
        self.strangers.summarize(end);
        self.requests.summarize(end);
    }
}
