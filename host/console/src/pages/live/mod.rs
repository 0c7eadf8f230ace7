//! The Live page: what arrives at the CA server and leaves it, as it happens.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::response::sse;
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use minipki_core::link::Direction;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::pages::message::{Decoded, refusal_code};
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::session::Visitor;
use crate::shell::shared::Shared;
use crate::shell::{assets, streams};
use minipki_server::{KEPT, LiveEvent, LiveKind};

const PATH: &str = "/live";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(PATH, get(page))
        .route("/live/events", get(events))
        .route("/live/event/{number}", get(event))
}

#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    frame: Frame,
    running: bool,
    kept: usize,
}

impl LivePage {
    fn live_script(&self) -> String {
        assets::live_script()
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    let running = shared.service.running().is_ok();
    render(&LivePage { frame: Frame::new("Live", PATH, &visitor), running, kept: KEPT })
}

/// A decoded message, for an arrow that is opened.
async fn event(State(shared): State<Arc<Shared>>, Path(number): Path<u64>) -> Result<Response, Refusal> {
    let gone = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("This message is not among the newest {KEPT} events any more."),
            "Open one that is.",
        )
    };
    let (kept, _) = shared.service.live().follow();
    let found = kept.iter().find(|event| event.number == number).ok_or_else(gone)?;
    match &found.what {
        LiveKind::Frame { body, .. } => render(&Decoded::new(body, None, None)),
        _ => Err(gone()),
    }
}

/// What the script of the page is told of an event.
#[derive(Default, Serialize)]
struct Row {
    number: u64,
    connection: u64,
    /// Milliseconds since 1970.
    at: u128,
    kind: &'static str,
    /// A peer, a message's name, a reason.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

impl Row {
    fn new(event: &LiveEvent) -> Self {
        let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let row = Self { number: event.number, connection: event.connection, at, ..Self::default() };
        match &event.what {
            LiveKind::Arrived { peer } => Self { kind: "arrived", text: peer.to_string(), ..row },
            LiveKind::TurnedAway { peer } => Self { kind: "turned-away", text: peer.to_string(), ..row },
            LiveKind::Frame { direction, body } => Self {
                kind: match direction {
                    Direction::Received => "received",
                    Direction::Sent => "sent",
                },
                text: Decoded::new(body, None, None).name,
                code: refusal_code(body),
                bytes: Some(body.len()),
                ..row
            },
            LiveKind::Granted { subject, serial } => Self {
                kind: "granted",
                text: format!("serial {serial}"),
                subject: Some(subject.clone()),
                ..row
            },
            LiveKind::Repeated { subject, serial } => Self {
                kind: "granted",
                text: format!("serial {serial}, again"),
                subject: Some(subject.clone()),
                ..row
            },
            LiveKind::Refused { subject, code, reason } => Self {
                kind: "refused",
                text: reason.clone(),
                subject: subject.clone(),
                code: Some((*code).to_owned()),
                ..row
            },
            LiveKind::Left { how } => Self { kind: "left", text: (*how).to_owned(), ..row },
        }
    }
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // A browser that comes back says what it has seen already.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (kept, receiver) = shared.service.live().follow();
    let earlier = kept.into_iter().filter(move |event| event.number > seen).map(|event| tell(&event));
    streams::respond(shared, visitor, stream::iter(earlier).chain(follow(receiver)))
}

/// What comes from now on; where the browser is too slow, how much it has missed.
fn follow(receiver: Receiver<Arc<LiveEvent>>) -> impl Stream<Item = sse::Event> + Send {
    stream::unfold(receiver, |mut receiver| async move {
        let told = match receiver.recv().await {
            Ok(event) => tell(&event),
            Err(RecvError::Lagged(missed)) => sse::Event::default().event("missed").data(missed.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((told, receiver))
    })
}

fn tell(event: &LiveEvent) -> sse::Event {
    // Numbers and strings: always written.
    let row = serde_json::to_string(&Row::new(event)).unwrap_or_default();
    sse::Event::default().id(event.number.to_string()).data(row)
}
