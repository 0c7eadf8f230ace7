//! What all pages share.

use std::sync::Arc;

use minipki_lab::Play;
use tokio::sync::Mutex;

use super::Limits;
use super::session::Sessions;
use super::site::Site;
use minipki_server::CaService;

/// Shared by all requests.
pub(super) struct Shared {
    pub(super) service: Arc<CaService>,
    pub(super) sessions: Sessions,
    pub(super) site: Site,
    pub(super) limits: Limits,
    /// The story that was played last. One for all sessions: a class looks at the same one.
    pub(super) played: Mutex<Option<Arc<Play>>>,
    /// The root that a browser may be told to trust, if the CA issued the console's certificate.
    pub(super) root_pem: Option<String>,
}
