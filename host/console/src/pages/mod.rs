//! The pages. Each page has a folder with its code and its template.

mod authority;
mod certificates;
mod identity;
mod live;
mod message;
mod overview;
mod sessions;
mod tokens;
mod walk;

use std::sync::Arc;

use axum::Router;

use crate::shell::Shared;

/// All pages.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(overview::routes())
        .merge(authority::routes())
        .merge(certificates::routes())
        .merge(tokens::routes())
        .merge(live::routes())
        .merge(walk::routes())
        .merge(sessions::routes())
}
