//! The CA as a service: its issuer, its TCP front, its events and its state.
//!
//! - [`Issuer`] is a handle to the thread that owns the [`Authority`](minipki_ca::Authority). Every front of the CA
//!   gets its certificates from it.
//! - [`tcp`] is the front on port 9000.
//! - [`events`] has the events. The sinks are the log, the audit log, the [`Metrics`], the [`LiveFeed`] and the
//!   [`History`].
//! - [`CaService`] is one CA in its folder. It can be started and stopped. [`state`] is the folder.

mod audit_trail;
mod error;
mod event_log;
pub mod events;
mod history;
mod issuer;
mod key;
mod lifecycle;
mod lists;
mod live;
mod metrics;
mod other_process;
mod published;
mod revocation;
mod service;
mod signals;
pub mod state;
pub mod tcp;
mod tls_server;
mod unlock;
mod unlock_tries;

pub use error::ServiceError;
pub use event_log::AUDIT;
pub use history::{History, RefusedRequest, Span};
pub use issuer::{Issuer, IssuerError, IssuerLimits};
pub use lifecycle::{Running, Serving};
pub use lists::{ListName, Published, ServedList};
pub use live::{KEPT, LiveEvent, LiveFeed, LiveKind};
pub use metrics::{Metrics, Summary};
pub use other_process::OtherProcess;
pub use service::{CaKey, CaOptions, CaService};
pub use signals::stop_signals;
pub use tcp::{Limits, ServeError, Server, ServerOptions};
