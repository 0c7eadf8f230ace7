//! The event sink that writes the log, with limits for the lines that any client can cause.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use minipki_ca::Source;
use minipki_ca::ports::{RevocationOutcome, RevocationRecord};
use minipki_core::trust::RevocationReason;
use minipki_core::x509::ocsp::OcspStatus;
use minipki_net::{LeftOut, LogLimit};
use tracing::field::display;

use super::events::{CaEvent, ConnectionLimit, EventSink, Events, Operator, Origin, Request};

/// The log target of operators' actions.
pub const AUDIT: &str = "audit";

/// The number of requests of one kind that are logged before the others are counted.
const REQUESTS: u32 = 8;

/// The number of refusals without a session that are logged before the others are counted. One page with its images and
/// scripts can cause eight.
const REFUSALS: u32 = 32;

/// The maximum number of characters of an action in a line: the path of a request can have thousands.
const ACTION: usize = 100;

/// The sink that writes events to the log.
pub(crate) struct EventLog {
    /// The limit for lines about connections and malformed messages.
    clients: LogLimit<Source>,
    /// The limit for lines about refused and repeated requests. These lines name a subject.
    requests: LogLimit<Source>,
    /// The limit for lines about actions that were refused to a browser without a session.
    acts: LogLimit<IpAddr>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { clients: LogLimit::new(1), requests: LogLimit::new(REQUESTS), acts: LogLimit::new(REFUSALS) }
    }
}

impl Default for Events {
    /// Events with the log as the only sink.
    fn default() -> Self {
        Self::new(vec![Arc::new(EventLog::default())])
    }
}

/// A time in milliseconds, to the microsecond.
fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_micros() as f64 / 1000.0
}

impl EventSink for EventLog {
    fn take(&self, origin: Origin, event: CaEvent<'_>) {
        let source = origin.source;
        match event {
            CaEvent::Issued { request: Request { subject, form, elapsed }, issued } if issued.repeated => {
                let elapsed_ms = milliseconds(elapsed);
                // Repeated requests have no rate limit, so there may be very many.
                let Some(left_out) = self.requests.note("repeated", source) else { return };
                let (serial, more, most_from) =
                    (issued.serial.to_u64(), left_out.count(), left_out.most_from());
                tracing::info!(%subject, serial, %form, elapsed_ms, more, most_from, "repeated");
            }
            CaEvent::Issued { request: Request { subject, form, elapsed }, issued } => {
                let elapsed_ms = milliseconds(elapsed);
                let serial = issued.serial.to_u64();
                let long_serial = serial.is_none().then(|| display(issued.serial));
                tracing::info!(%subject, serial, long_serial, %form, elapsed_ms, "granted");
            }
            CaEvent::Refused { request: Request { subject, form, elapsed }, code, reason } => {
                let elapsed_ms = milliseconds(elapsed);
                let Some(left_out) = self.requests.note(code.as_str(), source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%subject, %code, %reason, %form, elapsed_ms, more, most_from, "refused");
            }
            CaEvent::Revoked { outcome: RevocationOutcome { record, changed, same_key } } => {
                // A change happens at most twice to a certificate. A repeated request has no limit.
                let left_out = match changed {
                    true => Some(LeftOut::default()),
                    false => self.requests.note("revoked before", source),
                };
                let Some(left_out) = left_out else { return };
                let (serial, reason, actor) = (display(record.serial), record.reason, &record.actor);
                let (number, more, most_from) = (record.number, left_out.count(), left_out.most_from());
                let what = match record.reason {
                    RevocationReason::RemoveFromHold => "hold removed",
                    _ if *changed => "revoked",
                    _ => "revoked before",
                };
                tracing::info!(%serial, %reason, %actor, number, more, most_from, "{what}");
                for RevocationRecord { serial, reason, actor, number, .. } in same_key {
                    tracing::info!(%serial, %reason, %actor, number, "revoked with another one of its key");
                }
            }
            CaEvent::StatusAnswered { serial, answer } => {
                tracing::debug!(%serial, status = answer.status.name(), repeated = answer.repeated, "status");
            }
            CaEvent::TwinAnswered { serial, repeated: false } => tracing::info!(%serial, "X.509 twin"),
            CaEvent::TwinAnswered { serial, repeated: true } => tracing::debug!(%serial, "X.509 twin again"),
            CaEvent::OcspAnswered { answer } if answer.status == OcspStatus::Successful => {
                tracing::debug!(repeated = answer.repeated, "OCSP");
            }
            CaEvent::OcspAnswered { answer } => {
                let status = answer.status.name();
                let Some(left_out) = self.requests.note(status, source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(status, more, most_from, "OCSP request without a statement");
            }
            CaEvent::AnchorsAnswered => tracing::debug!("anchors"),
            CaEvent::RefusedAbout { request, serial, code, reason } => {
                let Some(left_out) = self.requests.note(code.as_str(), source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%serial, %code, %reason, %request, more, most_from, "refused");
            }
            CaEvent::Malformed { code, reason } => {
                let Some(left_out) = self.clients.note(code.as_str(), source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%code, %reason, more, most_from, "refused");
            }
            CaEvent::TurnedAway { peer, limit, most } => {
                let kind = match limit {
                    ConnectionLimit::Source => "turned away: too many connections of one source",
                    ConnectionLimit::Server => "turned away: too many connections",
                };
                let Some(left_out) = self.clients.note(kind, source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                let connection = origin.connection;
                tracing::warn!(connection, %peer, limit = most, more, most_from, "{kind}");
            }
            CaEvent::Lost { error } => {
                let Some(left_out) = self.clients.note("lost", source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(%error, more, most_from, "lost");
            }
            CaEvent::Displaced => {
                let Some(left_out) = self.clients.note("displaced", source) else { return };
                let (more, most_from) = (left_out.count(), left_out.most_from());
                tracing::info!(more, most_from, "closed for a new connection");
            }
            CaEvent::Acted { operator: Operator { peer, session }, action, details } => {
                tracing::info!(target: AUDIT, %peer, session, action, %details, "audit: done");
            }
            CaEvent::ActRefused { operator: Operator { peer, session }, action, reason, next } => {
                // Each refusal with a session has a line. Any client can cause the others.
                let left_out = match session {
                    0 => self.acts.note("refused without a session", Some(peer.ip().to_canonical())),
                    _ => Some(LeftOut::default()),
                };
                let Some(left_out) = left_out else { return };
                let (more, most_from, next) = (left_out.count(), left_out.most_from(), next.map(display));
                let mut shown: String = action.chars().take(ACTION).collect();
                if shown.len() < action.len() {
                    shown.push_str("...");
                }
                tracing::warn!(target: AUDIT, %peer, session, action = shown, %reason, next, more, most_from, "audit: refused");
            }
            CaEvent::Connected { .. }
            | CaEvent::Frame { .. }
            | CaEvent::CutOff { .. }
            | CaEvent::Closed { .. } => {}
        }
    }

    fn flush(&self, end: bool) {
        self.clients.summarize(end);
        self.requests.summarize(end);
        for (kind, left_out) in self.acts.due(end, Instant::now()) {
            let (more, most_from) = (left_out.count(), left_out.most_from());
            tracing::warn!(target: AUDIT, kind, more, most_from, "audit: not logged one by one");
        }
    }
}
