//! The CA as a service: its issuer, its TCP front, the events that it tells, and its life from the first key on.
//!
//! - [`Issuer`] is the one way to a certificate: a handle to the thread that owns the
//!   [`Authority`](minipki_ca::Authority), for every front of the CA.
//! - [`tcp`] is the front on port 9000.
//! - [`events`] has what happens; the sinks are the log, the [`Metrics`] and the [`LiveFeed`].
//! - [`CaService`] is one CA in its folder, which is started and stopped; [`state`] is that folder.

mod audit_trail;
mod event_log;
pub mod events;
mod issuer;
mod lifecycle;
mod live;
mod metrics;
mod service;
mod signals;
pub mod state;
pub mod tcp;

pub use event_log::AUDIT;
pub use issuer::{Issuer, IssuerError, IssuerLimits};
pub use lifecycle::{Running, Serving};
pub use live::{KEPT, LiveEvent, LiveFeed, LiveKind};
pub use metrics::{Metrics, Summary};
pub use service::{CaKey, CaOptions, CaService, ServiceError};
pub use signals::stop_signals;
pub use tcp::{Limits, ServeError, Server, ServerOptions};
