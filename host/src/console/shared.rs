//! What all pages share.

use std::sync::Arc;

use super::Limits;
use super::engine::Engine;
use super::session::Sessions;
use super::site::Site;
use super::walk::Stage;

/// Shared by all requests.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) sessions: Sessions,
    pub(super) site: Site,
    pub(super) limits: Limits,
    pub(super) stage: Stage,
    /// The root that a browser may be told to trust, if the CA issued the console's certificate.
    pub(super) root_pem: Option<String>,
}
