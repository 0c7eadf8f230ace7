//! What all pages share.

use std::sync::Arc;

use minipki_lab::Scenario;
use tokio::sync::Mutex;

use super::options::Limits;
use super::session::Sessions;
use super::site::Site;
use minipki_server::CaService;

/// Shared by all requests.
pub(crate) struct Shared {
    pub(crate) service: Arc<CaService>,
    pub(crate) sessions: Sessions,
    pub(crate) site: Site,
    pub(crate) limits: Limits,
    /// The scenario that was run last. One for all sessions: a class looks at the same one.
    pub(crate) scenario: Mutex<Option<Arc<Scenario>>>,
    /// The root that a browser may be told to trust, if the CA issued the console's certificate.
    pub(crate) root_pem: Option<String>,
}
