//! The parts that all pages share: login, sessions, the guard before each page, and the frame around each page.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod form;
pub(crate) mod guard;
pub(crate) mod issued;
pub(crate) mod login;
pub(crate) mod memory;
pub(crate) mod options;
pub(crate) mod page;
pub(crate) mod refusal;
pub(crate) mod relative_time;
pub(crate) mod session;
pub(crate) mod site;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use minipki_lab::{Sandbox, Scenario};
use tokio::sync::{Mutex, OnceCell};

use self::options::Limits;
use self::session::Sessions;
use self::site::Site;
use minipki_ca::Enrolment;
use minipki_server::CaService;

/// The state that all requests share.
pub(crate) struct Shared {
    pub(crate) service: Arc<CaService>,
    pub(crate) sessions: Sessions,
    pub(crate) site: Site,
    pub(crate) limits: Limits,
    /// The CA of the Walk-through. It is made at the first run.
    pub(crate) sandbox: OnceCell<Sandbox>,
    /// The scenario that was run last. All sessions share it, so that a class sees the same one.
    pub(crate) scenario: Mutex<Option<Arc<Scenario>>>,
    /// The address and the form of enrolment of the last start of the server.
    pub(crate) last_start: LastStart,
}

/// The options of the last start of the CA server in this console.
#[derive(Default)]
pub(crate) struct LastStart(SyncMutex<Option<(SocketAddr, Enrolment)>>);

impl LastStart {
    pub(crate) fn get(&self) -> Option<(SocketAddr, Enrolment)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, listen: SocketAddr, enrolment: Enrolment) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((listen, enrolment));
    }
}
