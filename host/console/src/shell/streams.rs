//! Server-sent events, bounded: so many a session, and none after it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};

use super::page::Refusal;
use super::session::Visitor;
use super::shared::Shared;

/// How often a stream looks whether its session is still open; how long it outlives it at most.
const LOOK: Duration = Duration::from_secs(5);

/// Answers with `events`, until they or the visitor's session end.
///
/// # Errors
/// A refusal if the session has as many streams as it may.
pub(crate) fn respond(
    shared: Arc<Shared>,
    visitor: Visitor,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Result<Response, Refusal> {
    let Ok(seat) = visitor.streams.clone().try_acquire_owned() else {
        return Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "This session has as many event streams open as it may.",
            "Close a page of the console that you do not look at.",
        ));
    };
    let over = async move {
        while shared.sessions.is_open(&visitor) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let events = events.take_until(Box::pin(over)).map(move |event| {
        // The seat is free again when the stream is dropped.
        let _ = &seat;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
