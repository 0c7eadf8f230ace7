//! Connections over tokio with a deadline on each wait for a peer, limits for log lines, and traces of messages.

mod connection;
mod log_limit;
pub mod trace;

pub use connection::{ACCEPT_BACKOFF, NetError, accept, close, drive};
pub use log_limit::{LeftOut, LogLimit};
