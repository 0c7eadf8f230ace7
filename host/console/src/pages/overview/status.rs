//! The state of the CA and of its server. It is also served alone, so that the script can replace it.

use std::time::Instant;

use askama::Template;

use crate::shell::Shared;
use crate::shell::relative_time::RelativeTime;
use minipki_ca::Enrolment;
use minipki_os::clock;
use minipki_server::{CaKey, OtherProcess, Running, Serving};

/// The part of the page that changes.
#[derive(Template)]
#[template(path = "overview_status.html")]
pub(super) struct Status {
    pub(super) key: CaKey,
    /// Whether the key is encrypted and its passphrase is not known.
    locked: bool,
    pub(super) serving: Serving,
    /// The other process that serves the CA.
    other: Option<OtherProcess>,
}

impl Status {
    pub(super) fn of(shared: &Shared) -> Self {
        let key = shared.service.key();
        let other = matches!(key, CaKey::Ready(_)).then(|| shared.service.other_process()).flatten();
        Self { key, locked: shared.service.is_locked(), serving: shared.service.serving(), other }
    }

    /// The name of the state. When it changes, the script reloads the page.
    pub(super) fn word(&self) -> &'static str {
        match (&self.key, &self.serving) {
            (CaKey::None, _) => "no-key",
            (CaKey::Making { .. }, _) => "making",
            (CaKey::Failed(_), _) => "key-failed",
            (CaKey::Ready(_), _) if self.other.is_some() => "elsewhere",
            (CaKey::Ready(_), Serving::Stopped(_) | Serving::Failed(_)) if self.locked => "locked",
            (CaKey::Ready(_), Serving::Stopped(_)) => "stopped",
            (CaKey::Ready(_), Serving::ChangingKey(_)) => "changing-key",
            (CaKey::Ready(_), Serving::Starting) => "starting",
            (CaKey::Ready(_), Serving::Running(_)) => "running",
            (CaKey::Ready(_), Serving::Stopping) => "stopping",
            (CaKey::Ready(_), Serving::Failed(_)) => "failed",
        }
    }

    /// Whether the state changes by itself.
    pub(super) fn is_changing(&self) -> bool {
        matches!(self.word(), "making" | "changing-key" | "starting" | "running" | "stopping" | "elsewhere")
    }

    /// The time since `since`: `4 min 05 s`.
    fn age(&self, since: &Instant) -> String {
        let seconds = since.elapsed().as_secs();
        match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0, s) => format!("{s} s"),
            (0, 0, m, s) => format!("{m} min {s:02} s"),
            (0, h, m, _) => format!("{h} h {m:02} min"),
            (d, h, ..) => format!("{d} d {h} h"),
        }
    }

    /// The start of the other process.
    fn since(&self) -> Option<RelativeTime> {
        let now = clock::now().ok()?;
        self.other?.since.map(|since| RelativeTime::new(since, now))
    }

    /// The policy of the server, as a sentence.
    fn enrolment(&self, running: &Running) -> &'static str {
        match running.policy.enrolment {
            Enrolment::Token => "Each enrolment needs a token.",
            Enrolment::Open => "The classic form, which proves nothing, is allowed.",
            Enrolment::Proven => "Each client must prove that it holds its key. A name in use needs a token.",
        }
    }
}
