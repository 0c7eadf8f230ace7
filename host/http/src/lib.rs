//! HTTP on sockets of this machine: connections that are accepted, bounded, encrypted and given deadlines.

mod connections;
mod serve;
mod write_deadline;

pub use connections::{ConnectionLimits, Connections, Permit};
pub use serve::{Peer, serve};
