//! The Sessions page: lists the open sessions, and ends them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use minipki_core::time::UnixTime;

use crate::shell::Shared;
use crate::shell::audit::{self, Actor};
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::{SessionInfo, Visitor};
use minipki_os::clock;

const PATH: &str = "/sessions";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).route("/sessions/{number}/end", post(end))
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    rows: Vec<SessionRow>,
    /// The minutes without use after which a session ends.
    idle: u64,
    /// A new link, which is shown once, and the minutes in which it works.
    link: Option<String>,
    minutes: u64,
}

struct SessionRow {
    number: u64,
    parent: Option<u64>,
    from: IpAddr,
    began: RelativeTime,
    used: RelativeTime,
    ends: RelativeTime,
    /// Whether it is the session of this browser.
    own: bool,
}

impl SessionRow {
    fn new(session: &SessionInfo, visitor: &Visitor, now: UnixTime) -> Self {
        let ago = |span: Duration| UnixTime::new(now.get().saturating_sub(span.as_secs())).unwrap_or(now);
        Self {
            number: session.number,
            parent: session.parent,
            from: session.from.to_canonical(),
            began: RelativeTime::new(ago(session.began), now),
            used: RelativeTime::new(ago(session.used), now),
            ends: RelativeTime::new(now.checked_add_seconds(session.left.as_secs()).unwrap_or(now), now),
            own: session.number == visitor.number,
        }
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let sessions = shared.sessions.list();
    render(&SessionsPage {
        frame: Frame::new("Sessions", PATH, &visitor),
        rows: sessions.iter().map(|session| SessionRow::new(session, &visitor, now)).collect(),
        idle: shared.limits.idle.as_secs() / 60,
        link: visitor.memory.take_link(),
        minutes: shared.limits.link_life.as_secs() / 60,
    })
}

async fn end(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<u64>,
) -> Result<Response, Refusal> {
    let ended = shared.sessions.end(number);
    if ended.is_empty() {
        let refusal = Refusal::new(
            StatusCode::NOT_FOUND,
            "No session with this number is open. It may have ended.",
            "Load the Sessions page again.",
        );
        actor.refused("end a session", &refusal.seen);
        return Err(refusal);
    }
    actor.done("end a session", audit::ended(&ended));
    // This session may have ended too: it is the ended one, or a descendant of it.
    if ended.contains(&visitor.number) {
        return Ok(crate::shell::login::signed_out(&shared));
    }
    visitor.memory.say(format!("Session {number} is over."));
    Ok(Redirect::to(PATH).into_response())
}
