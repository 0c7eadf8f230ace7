//! The CA's server: many connections, one desk.
//!
//! - [`Server`] accepts, bounds how many connections there are, in all and of one source, and stops in order;
//! - `admission` gives each connection its permit, which an idle one can lose to a newcomer;
//! - each connection is a task that moves frames ([`net::drive`](minipki_net::drive)) and answers
//!   what its machine was asked, in `answer`;
//! - the desk is one thread that owns the [`Authority`](minipki_ca::Authority): what piled up
//!   while it signed and committed is signed and committed together next.
//!
//! Whatever waits for a peer has a deadline, and whatever a peer can pile up has a bound
//! ([`Limits`]).

mod admission;
mod answer;
mod connection;
mod connections;
mod context;
mod desk;
mod listening;
mod options;
mod signals;
pub mod state;

pub use context::{Counts, Summary};
pub use desk::DeskError;
pub use listening::{ServeError, Server};
pub use options::{Limits, ServerOptions};
pub use signals::stop_signals;
