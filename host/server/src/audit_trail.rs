//! The sink that writes operators' acts into the audit log of the ledger.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use minipki_ca::ports::{AuditEntry, AuditLog};
use minipki_os::clock;

use super::events::{CaEvent, EventSink, Operator, Origin};

/// Entries that may wait to be written. One more is dropped, and the log says so.
const WAITING: usize = 256;

/// Opens the audit log; `None` while there is no CA.
pub(crate) type OpenAuditLog = dyn Fn() -> Result<Option<Box<dyn AuditLog>>, String> + Send;

/// Writes acts on a thread of its own. The thread is started with the first act, and ends when this is dropped and all
/// entries are written.
pub(crate) struct AuditTrail {
    state: Mutex<State>,
}

enum State {
    Idle(Box<OpenAuditLog>),
    Writing {
        entries: SyncSender<AuditEntry>,
        thread: JoinHandle<()>,
    },
    /// There is no thread: the operating system gave none, or this is being dropped.
    Ended,
}

impl AuditTrail {
    pub(crate) fn new(open: Box<OpenAuditLog>) -> Self {
        Self { state: Mutex::new(State::Idle(open)) }
    }

    fn append(&self, entry: AuditEntry) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle(_) = *state
            && let State::Idle(open) = std::mem::replace(&mut *state, State::Ended)
        {
            let (entries, waiting) = sync_channel(WAITING);
            let started = thread::Builder::new().name("audit".into()).spawn(move || write(&waiting, &*open));
            if let Ok(thread) = started {
                *state = State::Writing { entries, thread };
            }
        }
        let written = match &*state {
            State::Writing { entries, .. } => entries.try_send(entry).is_ok(),
            _ => false,
        };
        if !written {
            tracing::error!("an act is not in the audit log of the ledger: too many wait to be written");
        }
    }
}

/// Writes each entry that comes.
fn write(entries: &Receiver<AuditEntry>, open: &OpenAuditLog) {
    for entry in entries {
        let written = open().and_then(|log| match log {
            Some(mut log) => log.append(&entry).map_err(|error| error.to_string()),
            None => Ok(()),
        });
        if let Err(error) = written {
            let action = entry.action();
            tracing::error!(%error, action, "an act is not in the audit log of the ledger");
        }
    }
}

impl EventSink for AuditTrail {
    fn take(&self, _origin: Origin, event: CaEvent<'_>) {
        let CaEvent::Acted { operator: Operator { peer, session }, action, details } = event else { return };
        match clock::now() {
            Ok(now) => {
                let actor = format!("console session {session} at {peer}");
                self.append(AuditEntry::new(now, actor, action, details.to_string()));
            }
            Err(error) => tracing::error!(%error, action, "an act is not in the audit log of the ledger"),
        }
    }
}

impl Drop for AuditTrail {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Writing { entries, thread } = std::mem::replace(state, State::Ended) {
            drop(entries);
            // A panic of the thread has been reported when it happened.
            let _ = thread.join();
        }
    }
}
