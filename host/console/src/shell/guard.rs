//! The guard before every page: checks each request, and sets the security headers of each answer.

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

use super::Shared;
use super::audit::Actor;
use super::refusal::Refusal;
use super::session::Visitor;
use super::site::Place;

/// The form field with the CSRF token. A script sends the token in the header instead.
pub(crate) const CSRF_FIELD: &str = "csrf";
const CSRF_HEADER: &str = "x-csrf";

/// The query field of a request that a script or a page sends by itself.
const AUTO_FIELD: &str = "auto";

/// The header in which a browser names the site that a request comes from (W3C Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The headers of every answer. They forbid content from other sites, inline scripts, and frames.
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

/// Passes a request to its page, or answers with a refusal or a redirect.
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(([0; 4], 0).into(), |peer| peer.0);
    let permit = request.extensions().get::<Arc<Permit>>().cloned();
    let (head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let here = check_site(&shared, &head);
    // A request under another host name, or from another site, has no session.
    let visitor = here.as_ref().ok().and_then(|()| session(&shared, &head, peer));
    let session = visitor.as_ref().map_or(0, |visitor| visitor.number);
    let actor = Actor { peer, session, service: shared.service.clone() };
    let more = permit.is_none_or(|permit| permit.shows(visitor.as_ref().map(|visitor| visitor.number)));
    let admitted = match here {
        Ok(()) => admit(&shared, head, body, visitor.clone(), actor.clone()).await.map_err(Denied::Refused),
        Err(denied) => Err(denied),
    };
    let mut response = match admitted {
        Ok(request) => next.run(request).await,
        Err(Denied::Redirected(url)) => Redirect::to(&url).into_response(),
        Err(Denied::Refused(refusal)) => {
            actor.refused(&format!("{method} {path}"), &refusal.seen);
            refusal.into_response()
        }
    };
    if let Some(refusal) = refusal_of(&response) {
        let earlier = response.headers().clone();
        response = refusal.page(visitor.as_ref());
        for name in [header::ALLOW, header::SET_COOKIE] {
            response.headers_mut().extend(earlier.get(&name).map(|value| (name, value.clone())));
        }
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page may hold secrets, and its content changes. Assets set their own header.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if !more {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The refusal in an answer. The router and the readers of forms refuse without a page.
fn refusal_of(response: &Response) -> Option<Refusal> {
    let plain = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/plain");
    match response.extensions().get::<Refusal>() {
        Some(refusal) => Some(refusal.clone()),
        None if response.status().is_client_error()
            && response.headers().get(header::CONTENT_TYPE).is_none_or(plain) =>
        {
            Some(Refusal::of_status(response.status()))
        }
        None => None,
    }
}

/// The reason why a request is not passed to its page.
enum Denied {
    Refused(Refusal),
    /// The page is at this URL.
    Redirected(String),
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
    let body = if is_read_only(&head) {
        Body::empty()
    } else {
        let body = read_body(shared, body).await?;
        check_csrf(&visitor, &head, &body)?;
        Body::from(body)
    };
    head.extensions.insert(visitor);
    Ok(Request::from_parts(head, body))
}

/// Whether a request only reads.
fn is_read_only(head: &request::Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
}

/// Whether a request needs no session: it opens a link, or reads an asset.
fn is_public(head: &request::Parts) -> bool {
    is_read_only(head) && (head.uri.path() == super::login::PATH || is_asset(head))
}

fn is_asset(head: &request::Parts) -> bool {
    head.uri.path().starts_with(super::assets::PATH)
}

/// Whether a person has sent the request. A script or a page that sends one by itself adds the query field `auto`.
/// Such requests do not keep a session alive. The field grants nothing: the request needs the same cookie.
fn is_by_person(head: &request::Parts) -> bool {
    let fields = head.uri.query().unwrap_or_default();
    !is_public(head) && !fields.split('&').any(|field| field == AUTO_FIELD)
}

fn check_site(shared: &Shared, head: &request::Parts) -> Result<(), Denied> {
    let host = text(&head.headers, header::HOST).unwrap_or_default();
    let place = shared.site.place(host);
    if place == Place::Nothing {
        return Err(Denied::Refused(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "The console does not have this host name.",
            "Open the link that the console printed. To add a name, start the console with --name.",
        )));
    }
    check_origin(shared, head, host).map_err(Denied::Refused)?;
    let Place::Elsewhere(site) = place else { return Ok(()) };
    if is_read_only(head) && is_asset(head) {
        return Ok(());
    }
    // The console's host name is a secret: only a valid link is redirected to it.
    match head.uri.path_and_query().filter(|_| is_public(head) && shared.sessions.is_link(link_secret(head)))
    {
        Some(link) => Err(Denied::Redirected(format!("{site}{link}"))),
        None => Err(Denied::Refused(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "The console has no pages under this host name: other servers of this machine would get its cookie.",
            "Open the link that the console printed. For a new link run `minipki console link --dir DIR`.",
        ))),
    }
}

/// The secret of a link.
fn link_secret(head: &request::Parts) -> &str {
    let fields = head.uri.query().unwrap_or_default().split('&');
    fields.into_iter().find_map(|field| field.strip_prefix("key=")).unwrap_or_default()
}

/// Refuses a request of a page of another site. Browsers name the site in `Sec-Fetch-Site`, over TLS or to this
/// machine. For browsers without this header and for other programs, only `Origin` is checked.
fn check_origin(shared: &Shared, head: &request::Parts, host: &str) -> Result<(), Refusal> {
    let own = |value: &HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
    let allowed = head.headers.get_all(SEC_FETCH_SITE).into_iter().all(own)
        && match head.headers.get(header::ORIGIN) {
            Some(origin) => origin.to_str().is_ok_and(|origin| shared.site.is_origin(origin, host)),
            // Every browser sends the origin of a request that writes.
            None => is_read_only(head),
        };
    if allowed {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "The request comes from a page of another site.",
        "Copy the console's address into a new window, and repeat the action there. A link is still valid.",
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

async fn read_body(shared: &Shared, body: Body) -> Result<Bytes, Refusal> {
    match timeout(shared.limits.deadline, Limited::new(body, shared.limits.body).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request is longer than any form of this console.",
            "Go back and send less.",
        )),
        Ok(Err(_)) | Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive in time.",
            "Try again.",
        )),
    }
}

fn check_csrf(visitor: &Visitor, head: &request::Parts, body: &[u8]) -> Result<(), Refusal> {
    let shown = match head.headers.get(CSRF_HEADER) {
        Some(value) => value.to_str().ok().map(str::to_owned),
        None => field(body, CSRF_FIELD),
    };
    if shown.is_some_and(|shown| visitor.is_csrf(&shown)) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "The form is not from a page of this session.",
        "Load the page again and repeat the action there.",
    ))
}

/// The value of a form's field. It is a hexadecimal number, so it has no percent-encoding.
fn field(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
