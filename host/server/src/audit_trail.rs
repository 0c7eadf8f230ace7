//! The event sink that writes the acts of operators into the audit log.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use miette::Diagnostic;
use tracing::field::display;

use minipki_ca::ports::{AuditEntry, AuditLog, Storage};
use minipki_keys::CaFolder;
use minipki_os::clock;

use super::events::{CaEvent, EventSink, Origin};
use super::state::{self, storage};

/// The maximum number of entries that wait. More are dropped with a log line.
const WAITING: usize = 256;

/// The result of opening an audit log; `None` while there is no CA.
type Opened = Result<Option<Box<dyn AuditLog>>, Box<dyn Diagnostic + Send + Sync>>;

pub(crate) type OpenAuditLog = dyn Fn() -> Opened + Send;

/// Opens the audit log of the CA in `dir`.
pub(crate) fn open_audit_log(dir: &Path) -> Opened {
    if state::can_create(dir) {
        return Ok(None);
    }
    Ok(Some(storage(&CaFolder::open(dir)?).audit()?))
}

/// Writes acts on a separate thread. The thread starts with the first act. After the drop of this sink it writes the
/// entries that wait, and ends.
pub(crate) struct AuditTrail {
    state: Mutex<State>,
}

enum State {
    Idle(Box<OpenAuditLog>),
    Writing {
        entries: SyncSender<AuditEntry>,
        thread: JoinHandle<()>,
    },
    /// The thread could not be started, or this is being dropped.
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
        let queued = match &*state {
            State::Writing { entries, .. } => entries.try_send(entry).is_ok(),
            _ => false,
        };
        if !queued {
            tracing::error!("an act is not in the audit log: too many entries wait, or it has no thread");
        }
    }
}

fn write(entries: &Receiver<AuditEntry>, open: &OpenAuditLog) {
    for entry in entries {
        let written = open().and_then(|log| match log {
            Some(mut log) => log.append(&entry).map_err(Into::into),
            None => Ok(()),
        });
        if let Err(error) = written {
            let (action, next) = (entry.action(), error.help().map(display));
            tracing::error!(%error, next, action, "an act is not in the audit log");
        }
    }
}

impl EventSink for AuditTrail {
    fn take(&self, origin: Origin, event: CaEvent<'_>) {
        let (actor, action, details) = match event {
            CaEvent::Acted { operator, action, details } => {
                (operator.to_string(), action, details.to_string())
            }
            // Clients have no entries: they could push the others out of the log.
            CaEvent::Issued { request, issued } if origin.is_ca() => {
                let details =
                    format!("{} {}, serial number {}", request.form, request.subject, issued.serial);
                ("the CA itself".to_owned(), "issue a certificate", details)
            }
            _ => return,
        };
        match clock::now() {
            Ok(now) => self.append(AuditEntry::new(now, actor, action, details)),
            Err(error) => {
                let next = error.help().map(display);
                tracing::error!(%error, next, action, "an act is not in the audit log");
            }
        }
    }
}

impl Drop for AuditTrail {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Writing { entries, thread } = std::mem::replace(state, State::Ended) {
            drop(entries);
            // A panic of the thread is in the log already.
            let _ = thread.join();
        }
    }
}
