//! An audit line for every action: who did what, and what came of it.

use std::fmt;
use std::net::SocketAddr;

/// The target of the audit lines in the log.
pub(super) const TARGET: &str = "audit";

/// Who acts: a browser, and its session if it has one.
#[derive(Clone, Copy)]
pub(super) struct Actor {
    pub(super) peer: SocketAddr,
    /// The session's number; 0 for none.
    pub(super) session: u64,
}

/// Says that `actor` did `action`, and the details.
pub(super) fn done(actor: Actor, action: &str, details: impl fmt::Display) {
    tracing::info!(target: TARGET, peer = %actor.peer, session = actor.session, action, %details, "audit: done");
}

/// Says that `actor` was refused.
pub(super) fn refused(actor: Actor, action: &str, reason: impl fmt::Display) {
    tracing::warn!(target: TARGET, peer = %actor.peer, session = actor.session, action, %reason, "audit: refused");
}
