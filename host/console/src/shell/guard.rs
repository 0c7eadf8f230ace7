//! Stands before every page: who asks, from where, and what the browser may do with the answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use minipki_http::{Peer, Permit};
use tokio::time::timeout;

use super::audit::Actor;
use super::page::Refusal;
use super::session::Visitor;
use super::shared::Shared;
use super::site::Place;

/// The field of a form that shows that it is of these pages; a script sends it as this header.
pub(crate) const CSRF_FIELD: &str = "csrf";
const CSRF_HEADER: &str = "x-csrf";

/// The field in the query of a request that a script or a page makes by itself.
const AUTO_FIELD: &str = "auto";

/// The header in which a browser says which site a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(([0; 4], 0).into(), |peer| peer.0);
    let permit = request.extensions().get::<Arc<Permit>>().cloned();
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let here = check_site(&shared, &head);
    // A request under another name, or from another site, has no session here.
    let visitor = here.as_ref().ok().and_then(|()| session(&shared, &head, peer));
    let session = visitor.as_ref().map_or(0, |visitor| visitor.number);
    let actor = Actor { peer, session, service: shared.service.clone() };
    let more = permit.is_none_or(|permit| permit.shows(visitor.as_ref().map(|visitor| visitor.number)));
    let admitted = match here {
        Ok(()) => admit(&shared, head, body, visitor, actor.clone()).await.map_err(Stop::Refused),
        Err(stop) => Err(stop),
    };
    let mut response = match admitted {
        Ok(request) => next.run(request).await,
        Err(Stop::Leads(url)) => Redirect::to(&url).into_response(),
        Err(Stop::Refused(refusal)) => {
            actor.refused(&format!("{method} {path}"), &refusal.seen);
            refusal.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a page says may be secret, and is old at once; assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if !more {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Why a request does not come to its page.
enum Stop {
    Refused(Refusal),
    /// The page is at this address.
    Leads(String),
}

async fn admit(
    shared: &Shared,
    mut head: request::Parts,
    body: Body,
    visitor: Option<Visitor>,
    actor: Actor,
) -> Result<Request, Refusal> {
    head.extensions.insert(actor);
    if is_public(&head) {
        return Ok(Request::from_parts(head, Body::empty()));
    }
    let visitor = visitor.ok_or_else(Refusal::no_session)?;
    let body = if reads(&head) {
        Body::empty()
    } else {
        let body = read(shared, body).await?;
        check_csrf(&visitor, &head, &body)?;
        Body::from(body)
    };
    head.extensions.insert(visitor);
    Ok(Request::from_parts(head, body))
}

/// Whether a request only reads.
fn reads(head: &request::Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
}

/// What can be had without a session: the way in, and what is the same for all.
fn is_public(head: &request::Parts) -> bool {
    reads(head) && (head.uri.path() == super::login::PATH || is_asset(head))
}

fn is_asset(head: &request::Parts) -> bool {
    head.uri.path().starts_with(super::assets::PATH)
}

/// Whether a person has asked: a script or a page that asks by itself puts the field `auto` into its query. A session
/// that only such requests use is idle. Nobody gains by the field: without it a request needs the same cookie.
fn is_by_person(head: &request::Parts) -> bool {
    let fields = head.uri.query().unwrap_or_default();
    !is_public(head) && !fields.split('&').any(|field| field == AUTO_FIELD)
}

fn check_site(shared: &Shared, head: &request::Parts) -> Result<(), Stop> {
    let host = text(&head.headers, header::HOST).unwrap_or_default();
    let place = shared.site.place(host);
    if place == Place::Nothing {
        return Err(Stop::Refused(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This console is not known by the host name that was asked for.",
            "Open it by the address it printed; give other names with --name when it is started.",
        )));
    }
    check_origin(shared, head, host).map_err(Stop::Refused)?;
    let Place::Elsewhere(site) = place else { return Ok(()) };
    if reads(head) && is_asset(head) {
        return Ok(());
    }
    // Only a link that can be opened leads to the console's own host name: the name is a secret.
    match head.uri.path_and_query().filter(|_| is_public(head) && shared.sessions.is_link(key(head))) {
        Some(link) => Err(Stop::Leads(format!("{site}{link}"))),
        None => Err(Stop::Refused(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "The console has no pages under this host name: other servers of this machine would get its cookie.",
            "Open the link that the console printed. To have it print a new one, send its process SIGUSR1.",
        ))),
    }
}

/// The secret of a link.
fn key(head: &request::Parts) -> &str {
    let fields = head.uri.query().unwrap_or_default().split('&');
    fields.into_iter().find_map(|field| field.strip_prefix("key=")).unwrap_or_default()
}

/// Refuses what a page of another site asks for. Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata), where they
/// encrypt or ask this machine; those that do not know it, and other programs, are told by `Origin` alone.
fn check_origin(shared: &Shared, head: &request::Parts, host: &str) -> Result<(), Refusal> {
    let own = |value: &HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
    let allowed = head.headers.get_all(SEC_FETCH_SITE).into_iter().all(own)
        && match head.headers.get(header::ORIGIN) {
            Some(origin) => origin.to_str().is_ok_and(|origin| shared.site.is_origin(origin, host)),
            // Every browser names the origin of what acts.
            None => reads(head),
        };
    if allowed {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "The request comes from a page of another site.",
        "Copy the console's address into a window of its own, and act there. A link is still good.",
    ))
}

fn session(shared: &Shared, head: &request::Parts, peer: SocketAddr) -> Option<Visitor> {
    let name = shared.site.cookie();
    let cookies = head.headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let secret = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))?;
    shared.sessions.visit(secret, peer.ip(), is_by_person(head))
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
