//! The log lines about a condition that lasts: the first, one a minute, and one at its end if the end is known.

use miette::Diagnostic;
use minipki_core::time::UnixTime;
use tracing::field::display;

/// The seconds between two log lines about one condition.
const QUIET: u64 = 60;

/// The present temporary error, if there is one: a locked ledger, a full disk or a wrong clock.
#[derive(Default)]
pub(super) struct Outage(Option<Current>);

struct Current {
    /// The time of the last log line.
    logged: UnixTime,
    /// Requests refused as busy since the error began.
    refused: usize,
}

impl Outage {
    /// Counts `requests` that are refused as busy, and logs the `reason` if a line is due.
    pub(super) fn refuse(&mut self, reason: &dyn Diagnostic, requests: usize, now: UnixTime) {
        let next = reason.help().map(display);
        match &mut self.0 {
            None => {
                tracing::error!(%reason, next, "nothing can be issued for now: requests are refused as busy");
                self.0 = Some(Current { logged: now, refused: requests });
            }
            Some(current) => {
                current.refused += requests;
                // A line is due also after the clock was set back.
                if now.get().abs_diff(current.logged.get()) >= QUIET {
                    tracing::warn!(%reason, next, refused = current.refused, "still nothing can be issued");
                    current.logged = now;
                }
            }
        }
    }

    /// Ends the error: certificates were issued.
    pub(super) fn end(&mut self) {
        if let Some(Current { refused, .. }) = self.0.take() {
            tracing::warn!(refused, "certificates can be issued again");
        }
    }
}

/// Refused requests that need a damaged row of the ledger, or a key that is gone. One client can send them without end.
#[derive(Default)]
pub(super) struct Damage {
    /// The time of the last log line.
    logged: Option<UnixTime>,
    /// Requests refused since without a log line.
    more: usize,
}

impl Damage {
    /// Counts a refused request, and logs `what` with the `reason` if a line is due.
    pub(super) fn refuse(&mut self, reason: &dyn Diagnostic, what: &str, now: UnixTime) {
        // A line is due also after the clock was set back.
        if self.logged.is_some_and(|logged| now.get().abs_diff(logged.get()) < QUIET) {
            self.more += 1;
            return;
        }
        let (next, more) = (reason.help().map(display), std::mem::take(&mut self.more));
        tracing::error!(%reason, next, more, "{what}");
        self.logged = Some(now);
    }
}
