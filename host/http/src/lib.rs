//! HTTP on sockets: an accept loop with limits, deadlines and TLS.

mod connections;
mod serve;
mod write_deadline;

pub use connections::{ConnectionLimits, Connections, Permit};
pub use serve::{Peer, serve};
