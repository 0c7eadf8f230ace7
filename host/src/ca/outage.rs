//! A time in which nothing can be issued, as the log tells it: when it begins, now and then, and when it ends.

use std::fmt;

use minipki_core::text::UnixTime;

/// How long the log says nothing more of an outage, in seconds.
const QUIET: u64 = 60;

/// A fault that heals by itself, if there is one now: a locked ledger, a full disk, a wrong clock.
#[derive(Default)]
pub(super) struct Outage(Option<Current>);

struct Current {
    /// When the log has last told of it.
    told: UnixTime,
    /// Requests that were refused as busy since it began.
    refused: usize,
}

impl Outage {
    /// Takes in that `requests` are refused as busy for this `reason`.
    pub(super) fn refuse(&mut self, reason: impl fmt::Display, requests: usize, now: UnixTime) {
        match &mut self.0 {
            None => {
                tracing::error!(%reason, "nothing can be issued for now: clients are told to try again");
                self.0 = Some(Current { told: now, refused: requests });
            }
            Some(current) => {
                current.refused += requests;
                // A clock that was set back lets it be told once more.
                if now.get().abs_diff(current.told.get()) >= QUIET {
                    tracing::warn!(%reason, refused = current.refused, "still nothing can be issued");
                    current.told = now;
                }
            }
        }
    }

    /// Takes in that certificates were issued.
    pub(super) fn end(&mut self) {
        if let Some(Current { refused, .. }) = self.0.take() {
            tracing::warn!(refused, "certificates can be issued again");
        }
    }
}
