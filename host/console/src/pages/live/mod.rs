//! The Live page: the events of the CA server, by server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use minipki_core::link::Direction;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::pages::message::{Decoded, refusal_code};
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use crate::shell::{Shared, assets};
use minipki_server::{KEPT, LiveEvent, LiveKind};

const PATH: &str = "/live";

/// The time between two checks that the session of a stream is still open.
const SESSION_CHECK: Duration = Duration::from_secs(5);

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

/// The decoded message of an event, for an arrow that the user opens.
async fn event(State(shared): State<Arc<Shared>>, Path(number): Path<u64>) -> Result<Response, Refusal> {
    let gone = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("This message is no longer among the newest {KEPT} events."),
            "Open a newer message.",
        )
    };
    let (kept, _) = shared.service.live().follow();
    let found = kept.iter().find(|event| event.number == number).ok_or_else(gone)?;
    match &found.what {
        LiveKind::Frame { body, .. } => render(&Decoded::new(body, None, None)),
        _ => Err(gone()),
    }
}

/// An event as the script of the page reads it.
#[derive(Default, Serialize)]
struct EventData {
    number: u64,
    connection: u64,
    /// Milliseconds since 1970.
    at: u128,
    kind: &'static str,
    /// The peer, the name of the message, or the reason.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

impl EventData {
    fn new(event: &LiveEvent) -> Self {
        let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let common = Self { number: event.number, connection: event.connection, at, ..Self::default() };
        match &event.what {
            LiveKind::Arrived { peer } => Self { kind: "arrived", text: peer.to_string(), ..common },
            LiveKind::TurnedAway { peer } => Self { kind: "turned-away", text: peer.to_string(), ..common },
            LiveKind::Frame { direction, body } => Self {
                kind: match direction {
                    Direction::Received => "received",
                    Direction::Sent => "sent",
                },
                text: Decoded::new(body, None, None).name,
                code: refusal_code(body),
                bytes: Some(body.len()),
                ..common
            },
            LiveKind::Granted { subject, serial } => Self {
                kind: "granted",
                text: format!("serial {serial}"),
                subject: Some(subject.clone()),
                ..common
            },
            LiveKind::Repeated { subject, serial } => Self {
                kind: "granted",
                text: format!("serial {serial}, again"),
                subject: Some(subject.clone()),
                ..common
            },
            LiveKind::Revoked { serial, reason } => {
                Self { kind: "revoked", text: format!("serial {serial}, {reason}"), ..common }
            }
            LiveKind::Status { serial, status } => {
                Self { kind: "status", text: format!("serial {serial}, {status}"), ..common }
            }
            LiveKind::Twin { serial } => Self { kind: "twin", text: format!("serial {serial}"), ..common },
            LiveKind::Anchors => Self { kind: "anchors", ..common },
            LiveKind::Refused { subject, code, reason } => Self {
                kind: "refused",
                text: reason.clone(),
                subject: subject.clone(),
                code: Some((*code).to_owned()),
                ..common
            },
            LiveKind::Left { how } => Self { kind: "left", text: (*how).to_owned(), ..common },
        }
    }
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // A browser that connects again sends the number of the last event that it has received.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (kept, receiver) = shared.service.live().follow();
    let earlier = kept.into_iter().filter(move |event| event.number > seen).map(|event| encode(&event));
    respond(shared, visitor, stream::iter(earlier).chain(follow(receiver)))
}

/// Answers with `events`, until they end or the session ends.
///
/// # Errors
/// A refusal if the session has too many event streams.
fn respond(
    shared: Arc<Shared>,
    visitor: Visitor,
    events: impl Stream<Item = sse::Event> + Send + 'static,
) -> Result<Response, Refusal> {
    let Ok(permit) = visitor.streams.clone().try_acquire_owned() else {
        return Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "This session has too many event streams.",
            "Close a page of the console.",
        ));
    };
    let session_ended = async move {
        while shared.sessions.is_open(&visitor) {
            tokio::time::sleep(SESSION_CHECK).await;
        }
    };
    let events = events.take_until(Box::pin(session_ended)).map(move |event| {
        // The permit is released when the stream is dropped.
        let _ = &permit;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// The events from now on. If the browser is too slow, the number of events that it has missed.
fn follow(receiver: Receiver<Arc<LiveEvent>>) -> impl Stream<Item = sse::Event> + Send {
    stream::unfold(receiver, |mut receiver| async move {
        let event = match receiver.recv().await {
            Ok(event) => encode(&event),
            Err(RecvError::Lagged(missed)) => sse::Event::default().event("missed").data(missed.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((event, receiver))
    })
}

fn encode(event: &LiveEvent) -> sse::Event {
    // Numbers and strings can always be encoded.
    let data = serde_json::to_string(&EventData::new(event)).unwrap_or_default();
    sse::Event::default().id(event.number.to_string()).data(data)
}
