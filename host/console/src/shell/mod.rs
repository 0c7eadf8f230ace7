//! The parts that all pages share: login, sessions, the guard before each page, and the frame around each page.

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod guard;
pub(crate) mod login;
pub(crate) mod options;
pub(crate) mod page;
pub(crate) mod relative_time;
pub(crate) mod session;
pub(crate) mod site;
pub(crate) mod tls;

use std::sync::Arc;

use minipki_lab::Scenario;
use tokio::sync::Mutex;

use self::options::Limits;
use self::session::Sessions;
use self::site::Site;
use minipki_server::CaService;

/// The state that all requests share.
pub(crate) struct Shared {
    pub(crate) service: Arc<CaService>,
    pub(crate) sessions: Sessions,
    pub(crate) site: Site,
    pub(crate) limits: Limits,
    /// The scenario that was run last. All sessions share it, so that a class sees the same one.
    pub(crate) scenario: Mutex<Option<Arc<Scenario>>>,
    /// The root certificate of the console's certificate, PEM, if the CA has issued it.
    pub(crate) root_pem: Option<String>,
}
