//! The way in and out: one-time links, and signing out.

use std::fmt::Write;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::audit::{self, Actor};
use super::page::{Frame, Refusal, render};
use super::session::{Shut, Visitor};
use super::shared::Shared;

/// Where a link leads.
pub(super) const PATH: &str = "/enter";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(enter)).route("/sign-out", post(sign_out)).route("/links", post(another))
}

/// A new link.
///
/// # Errors
/// The random number generator's.
pub(super) fn make(shared: &Shared) -> Result<String, getrandom::Error> {
    let secret = shared.sessions.new_link()?;
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
    let (secret, number) = shared.sessions.enter(&key).map_err(|shut| {
        let refusal = match shut {
            Shut::Unknown => Refusal::new(
                StatusCode::FORBIDDEN,
                "This link was opened before, has run out, or was never made.",
                "Make a new one: from a session that is open, or with `kill -USR1` to the console's process, \
                 which prints it.",
            ),
            Shut::TooMany => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "There are as many sessions as there may be.",
                "Sign out of one of them; the link stays good until then.",
            ),
            Shut::Entropy => Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The operating system gave no random numbers.",
                "Try again.",
            ),
        };
        audit::refused(actor, "enter", &refusal.seen);
        refusal
    })?;
    actor.session = number;
    audit::done(actor, "enter", "a link was opened");
    let mut cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", shared.site.cookie(), secret.text());
    if shared.site.encrypted() {
        cookie.push_str("; Secure");
    }
    // Writing to a String does not fail.
    let _ = write!(cookie, "; Max-Age={}", shared.limits.session_life.as_secs());
    Ok((StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response())
}

async fn sign_out(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    shared.sessions.leave(&visitor);
    audit::done(actor, "sign out", "the session is over");
    let cookie = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", shared.site.cookie());
    let mut response = Refusal::signed_out().into_response();
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    link: String,
    minutes: u64,
}

async fn another(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    let link = make(&shared).map_err(|_| Refusal::no_entropy())?;
    audit::done(actor, "make a link", "it opens one more session");
    render(&LinkPage {
        frame: Frame::new("Another browser", "", &visitor),
        link,
        minutes: shared.limits.link_life.as_secs() / 60,
    })
}
