//! The acts of operators, as events of the CA.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use miette::Diagnostic;
use minipki_os::Failure;
use minipki_server::CaService;
use minipki_server::events::{CaEvent, Operator, Origin};

/// The browser of a request, and the CA that emits the events.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) peer: SocketAddr,
    /// The session's number; 0 for none.
    pub(crate) session: u64,
    pub(crate) service: Arc<CaService>,
}

impl Actor {
    /// Emits that the operator did `action`.
    pub(crate) fn done(&self, action: &str, details: impl fmt::Display) {
        self.emit(CaEvent::Acted { operator: self.operator(), action, details: &details });
    }

    /// Emits that `action` was refused.
    pub(crate) fn refused(&self, action: &str, reason: impl fmt::Display) {
        self.emit(CaEvent::ActRefused { operator: self.operator(), action, reason: &reason, next: None });
    }

    /// Emits that `action` failed.
    pub(crate) fn failed(&self, action: &str, error: &impl Diagnostic) {
        let Failure { seen, next } = Failure::from(error);
        let (operator, next) = (self.operator(), next.as_deref());
        self.emit(CaEvent::ActRefused { operator, action, reason: &seen, next });
    }

    /// The operator in events.
    pub(crate) const fn operator(&self) -> Operator {
        Operator { peer: self.peer, session: self.session }
    }

    fn emit(&self, event: CaEvent<'_>) {
        self.service.events().emit(Origin::CA, event);
    }
}

/// The numbers of the ended sessions, as details of an act.
pub(crate) fn ended(ended: &[u64]) -> String {
    let numbers: Vec<String> = ended.iter().map(u64::to_string).collect();
    format!("over: {}", numbers.join(", "))
}
