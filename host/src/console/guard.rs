//! Stands before every page: who asks, from where, and what the browser may do with the answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::audit::{self, Actor};
use super::page::Refusal;
use super::session::Visitor;
use super::shared::Shared;

/// The browser at the other end, as the listener saw it.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The field of a form that shows that it is of these pages; a script sends it as this header.
pub(super) const CSRF_FIELD: &str = "csrf";
const CSRF_HEADER: &str = "x-csrf";

/// Headers of every answer. Nothing comes from elsewhere, nothing is inline, nobody frames it.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer` browsers would send forms with the origin `null`.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Lets a request through to its page, or answers why not.
pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(([0; 4], 0).into(), |peer| peer.0);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match admit(&shared, request, peer).await {
        Ok(request) => next.run(request).await,
        Err((actor, refusal)) => {
            audit::refused(actor, &format!("{method} {path}"), &refusal.seen);
            refusal.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a page says may be secret, and is old at once; assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn admit(shared: &Shared, request: Request, peer: SocketAddr) -> Result<Request, (Actor, Refusal)> {
    let mut actor = Actor { peer, session: 0 };
    let (mut head, body) = request.into_parts();
    check_site(shared, &head).map_err(|refusal| (actor, refusal))?;
    let acts = !matches!(head.method, Method::GET | Method::HEAD);
    if is_public(head.uri.path()) && !acts {
        head.extensions.insert(actor);
        return Ok(Request::from_parts(head, Body::empty()));
    }
    let visitor = session(shared, &head.headers).ok_or_else(|| (actor, Refusal::no_session()))?;
    actor.session = visitor.number;
    let body = if acts {
        let body = read(shared, body).await.map_err(|refusal| (actor, refusal))?;
        check_csrf(&visitor, &head, &body).map_err(|refusal| (actor, refusal))?;
        Body::from(body)
    } else {
        Body::empty()
    };
    head.extensions.insert(actor);
    head.extensions.insert(visitor);
    Ok(Request::from_parts(head, body))
}

/// What can be had without a session: the way in, and what is the same for all.
fn is_public(path: &str) -> bool {
    path == super::link::PATH || path.starts_with(super::assets::PATH)
}

fn check_site(shared: &Shared, head: &request::Parts) -> Result<(), Refusal> {
    let host = text(&head.headers, header::HOST).unwrap_or_default();
    if !shared.site.is_host(host) {
        return Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This console is not known by the host name that was asked for.",
            "Open it by the address it printed; give other names with --name when it is started.",
        ));
    }
    let foreign = Refusal::new(
        StatusCode::FORBIDDEN,
        "The request comes from a page of another site.",
        "Open the console in a window of its own and act there.",
    );
    match text(&head.headers, header::ORIGIN) {
        Some(origin) if shared.site.is_origin(origin, host) => Ok(()),
        Some(_) => Err(foreign),
        // Every browser names the origin of what acts.
        None if !matches!(head.method, Method::GET | Method::HEAD) => Err(foreign),
        None if head.headers.contains_key(header::ORIGIN) => Err(foreign),
        None => Ok(()),
    }
}

fn session(shared: &Shared, headers: &HeaderMap) -> Option<Visitor> {
    let name = shared.site.cookie();
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let secret = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))?;
    shared.sessions.visit(secret)
}

async fn read(shared: &Shared, body: Body) -> Result<Bytes, Refusal> {
    match timeout(shared.limits.deadline, Limited::new(body, shared.limits.body).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request is longer than any form of this console.",
            "Go back and send less.",
        )),
        Ok(Err(_)) | Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive whole in time.",
            "Try again.",
        )),
    }
}

fn check_csrf(visitor: &Visitor, head: &request::Parts, body: &[u8]) -> Result<(), Refusal> {
    let shown = match head.headers.get(CSRF_HEADER) {
        Some(value) => value.to_str().ok().map(str::to_owned),
        None => field(body, CSRF_FIELD),
    };
    if shown.is_some_and(|shown| visitor.carries(&shown)) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "The form is not one of this session's pages.",
        "Load the page again and act there.",
    ))
}

/// The value of a form's field. It is a hexadecimal number, so nothing in it is percent-encoded.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
