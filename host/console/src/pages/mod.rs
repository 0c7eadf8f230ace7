//! The pages, a folder each: what a page does, and its template beside it.

mod authority;
mod certificates;
mod live;
mod message;
mod sessions;
mod tokens;
mod walk;

use std::sync::Arc;

use axum::Router;

use crate::shell::shared::Shared;

/// All pages.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(authority::routes())
        .merge(certificates::routes())
        .merge(tokens::routes())
        .merge(live::routes())
        .merge(walk::routes())
        .merge(sessions::routes())
}
