//! Login by one-time links, and sign-out.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::http::header::{ALLOW, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::Shared;
use super::audit::{self, Actor};
use super::refusal::Refusal;
use super::session::{LinkError, Visitor};

/// The path of a link.
pub(crate) const PATH: &str = "/enter";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    // Programs that show a preview of a link send HEAD: it must not use the link up.
    let enter = get(enter).head(async || (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]));
    Router::new().route(PATH, enter).route("/sign-out", post(sign_out)).route("/links", post(make_link))
}

/// A new link. A link that a session makes becomes invalid when the session ends.
///
/// # Errors
/// An error of the random number generator.
pub(crate) fn make(shared: &Shared, parent: Option<&Visitor>) -> Result<String, getrandom::Error> {
    let secret = shared.sessions.new_link(parent)?;
    Ok(shared.site.url(&format!("{PATH}?key={}", secret.text())))
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    key: String,
}

async fn enter(
    State(shared): State<Arc<Shared>>,
    Extension(mut actor): Extension<Actor>,
    Query(Key { key }): Query<Key>,
) -> Result<Response, Refusal> {
    let opened = shared.sessions.enter(&key, actor.peer.ip()).map_err(|error| {
        let refusal = match error {
            LinkError::Unknown => Refusal::new(
                StatusCode::FORBIDDEN,
                "This link was used before, has expired, or never existed.",
                "Make a new link in an open session. Or run `minipki console link --dir DIR` with the folder of the CA.",
            ),
            LinkError::TooMany => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "There are too many sessions.",
                "Sign out of one of them, or restart the console: that ends all sessions. Then open a new link.",
            ),
            LinkError::Entropy => Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The operating system gave no random numbers.",
                "Try again.",
            ),
        };
        actor.refused("enter", &refusal.seen);
        refusal
    })?;
    actor.session = opened.number;
    actor.done("enter", "a link was opened");
    let cookie = shared.site.set_cookie(opened.secret.text(), opened.life.as_secs());
    Ok((StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response())
}

async fn sign_out(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let ended = shared.sessions.end(visitor.number);
    actor.done("sign out", audit::ended(&ended));
    signed_out(&shared)
}

/// The page for a browser whose session has ended. The browser deletes the cookie.
pub(crate) fn signed_out(shared: &Shared) -> Response {
    let cookie = shared.site.set_cookie("", 0);
    let mut response = Refusal::signed_out().into_response();
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

async fn make_link(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, Refusal> {
    let link = make(&shared, Some(&visitor)).map_err(|_| Refusal::no_entropy())?;
    actor.done("make a link", "it opens one more session, which ends with this one");
    visitor.memory.keep_link(link);
    Ok(Redirect::to("/sessions"))
}
