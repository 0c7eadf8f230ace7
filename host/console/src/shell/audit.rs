//! An audit line for every action: who did what, and what came of it.
//!
//! Refusals of a session have a line each. Anybody can cause the others: the first few have a line each, and the rest
//! are counted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use minipki_net::{LeftOut, LogLimit};

/// The target of the audit lines in the log.
pub(crate) const TARGET: &str = "audit";

/// How many refusals without a session are logged one by one before they are counted. One page that is refused may cause
/// eight, with what it is drawn with.
const REFUSALS: u32 = 32;

/// Characters of an action in a line, at most: the path of a request may have thousands.
const ACTION: usize = 100;

/// Bounds the lines of refusals without a session, of all consoles of this process: they have one log.
static STRANGERS: LogLimit<IpAddr> = LogLimit::new(REFUSALS);

/// Who acts: a browser, and its session if it has one.
#[derive(Clone, Copy)]
pub(crate) struct Actor {
    pub(crate) peer: SocketAddr,
    /// The session's number; 0 for none.
    pub(crate) session: u64,
}

/// Says that `actor` did `action`, and the details.
pub(crate) fn done(actor: Actor, action: &str, details: impl fmt::Display) {
    tracing::info!(target: TARGET, peer = %actor.peer, session = actor.session, action, %details, "audit: done");
}

/// Says that `actor` was refused, unless it has no session and there were too many of these.
pub(crate) fn refused(actor: Actor, action: &str, reason: impl fmt::Display) {
    let Actor { peer, session } = actor;
    let left_out = match session {
        0 => STRANGERS.note("refused without a session", Some(peer.ip().to_canonical())),
        _ => Some(LeftOut::default()),
    };
    let Some(left_out) = left_out else { return };
    let (more, most_from) = (left_out.count(), left_out.most_from());
    let mut shown: String = action.chars().take(ACTION).collect();
    if shown.len() < action.len() {
        shown.push_str("...");
    }
    tracing::warn!(target: TARGET, %peer, session, action = shown, %reason, more, most_from, "audit: refused");
}

/// Says how many refusals had no line, if a line may be written again, or if this is the end.
pub(crate) fn summarize(end: bool) {
    for (kind, left_out) in STRANGERS.due(end, Instant::now()) {
        let (more, most_from) = (left_out.count(), left_out.most_from());
        tracing::warn!(target: TARGET, kind, more, most_from, "audit: not logged one by one");
    }
}

/// The sessions that have ended, for an audit line.
pub(crate) fn ended(ended: &[u64]) -> String {
    let numbers: Vec<String> = ended.iter().map(u64::to_string).collect();
    format!("over: {}", numbers.join(", "))
}
