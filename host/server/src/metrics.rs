//! The event sink that counts.

use std::sync::atomic::{AtomicU64, Ordering};

use minipki_core::x509::ocsp::OcspStatus;

use super::events::{CaEvent, EventSink, Origin};

/// The counts of a server from its start to its stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Connections accepted.
    pub connections: u64,
    /// Connections turned away because there were too many.
    pub turned_away: u64,
    /// Connections closed for a new connection.
    pub displaced: u64,
    /// New certificates.
    pub granted: u64,
    /// Repeated requests that got their first answer again.
    pub repeated: u64,
    /// Certificates revoked.
    pub revoked: u64,
    /// Statuses sent, also by OCSP.
    pub statuses: u64,
    /// Refused messages and requests.
    pub refused: u64,
    /// Connections that did not end in time when the server stopped.
    pub cut_off: u64,
}

/// The counters of a [`Summary`].
#[derive(Default)]
pub struct Metrics {
    connections: AtomicU64,
    turned_away: AtomicU64,
    displaced: AtomicU64,
    granted: AtomicU64,
    repeated: AtomicU64,
    revoked: AtomicU64,
    statuses: AtomicU64,
    refused: AtomicU64,
    cut_off: AtomicU64,
}

impl Metrics {
    /// The counts so far.
    pub fn summary(&self) -> Summary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            connections: get(&self.connections),
            turned_away: get(&self.turned_away),
            displaced: get(&self.displaced),
            granted: get(&self.granted),
            repeated: get(&self.repeated),
            revoked: get(&self.revoked),
            statuses: get(&self.statuses),
            refused: get(&self.refused),
            cut_off: get(&self.cut_off),
        }
    }
}

impl EventSink for Metrics {
    fn take(&self, _origin: Origin, event: CaEvent<'_>) {
        let (counter, more) = match event {
            CaEvent::Connected { .. } => (&self.connections, 1),
            CaEvent::TurnedAway { .. } => (&self.turned_away, 1),
            CaEvent::Displaced => (&self.displaced, 1),
            CaEvent::Issued { issued, .. } if issued.repeated => (&self.repeated, 1),
            CaEvent::Issued { .. } => (&self.granted, 1),
            CaEvent::Revoked { outcome } if outcome.changed => (&self.revoked, 1),
            CaEvent::Revoked { .. } => (&self.repeated, 1),
            CaEvent::StatusAnswered { .. } => (&self.statuses, 1),
            CaEvent::OcspAnswered { answer } if answer.status == OcspStatus::Successful => {
                (&self.statuses, 1)
            }
            CaEvent::OcspAnswered { .. } => (&self.refused, 1),
            CaEvent::Refused { .. } | CaEvent::RefusedAbout { .. } | CaEvent::Malformed { .. } => {
                (&self.refused, 1)
            }
            CaEvent::CutOff { connections } => (&self.cut_off, connections),
            CaEvent::Frame { .. }
            | CaEvent::TwinAnswered { .. }
            | CaEvent::AnchorsAnswered
            | CaEvent::Lost { .. }
            | CaEvent::Closed { .. }
            | CaEvent::Acted { .. }
            | CaEvent::ActRefused { .. } => return,
        };
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
