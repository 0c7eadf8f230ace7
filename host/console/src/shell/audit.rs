//! The acts of operators, as the CA's events: what was done or refused, by which session.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use minipki_server::CaService;
use minipki_server::events::{CaEvent, Operator, Origin};

/// The browser behind a request, and the CA whose events it makes.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) peer: SocketAddr,
    /// The session's number; 0 for none.
    pub(crate) session: u64,
    pub(crate) service: Arc<CaService>,
}

impl Actor {
    /// Tells that this browser's operator has done `action`, and the details.
    pub(crate) fn done(&self, action: &str, details: impl fmt::Display) {
        self.tell(CaEvent::Acted { operator: self.operator(), action, details: &details });
    }

    /// Tells that `action` was refused.
    pub(crate) fn refused(&self, action: &str, reason: impl fmt::Display) {
        self.tell(CaEvent::ActRefused { operator: self.operator(), action, reason: &reason });
    }

    const fn operator(&self) -> Operator {
        Operator { peer: self.peer, session: self.session }
    }

    fn tell(&self, event: CaEvent<'_>) {
        self.service.events().tell(Origin::CA, event);
    }
}

/// The sessions that have ended, as details of an act.
pub(crate) fn ended(ended: &[u64]) -> String {
    let numbers: Vec<String> = ended.iter().map(u64::to_string).collect();
    format!("over: {}", numbers.join(", "))
}
