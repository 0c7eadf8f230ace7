//! The status of single certificates: OCSP over HTTP (RFC 6960 Appendix A), at `/ocsp`.
//!
//! A GET request has the OCSPRequest in its path, so a cache can keep the answer (RFC 5019 §5).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64ct::{Base64, Encoding};
use minipki_ca::{OCSP_PATH, OcspAnswer, OcspQuery, Source};
use minipki_core::x509::ocsp::OcspStatus;
use minipki_http::Peer;
use minipki_os::clock;
use minipki_server::CaService;

use super::lists::MAX_AGE;
use crate::document::Document;
use crate::problem::Problem;

/// The media types of a request and of a response (RFC 6960 Appendix C).
const REQUEST: &str = "application/ocsp-request";
const RESPONSE: &str = "application/ocsp-response";

pub(super) fn routes() -> Router<Arc<CaService>> {
    Router::new()
        .route(OCSP_PATH, post(posted).get(without_request))
        .route(&format!("{OCSP_PATH}/{{*request}}"), get(in_path))
        .layer(DefaultBodyLimit::max(OcspQuery::BYTES))
}

async fn posted(
    State(service): State<Arc<CaService>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A media type can have parameters (RFC 9110 §8.3.1).
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(REQUEST) {
        return Err(Problem::MediaType(REQUEST));
    }
    let OcspAnswer { der, .. } = service.ocsp(&body, Some(Source::from(peer.ip()))).await;
    // A cache cannot use an answer to POST for another request (RFC 9110 §9.3.3).
    Ok(uncached(&der))
}

/// A GET request without an OCSP request in its path.
async fn without_request() -> Problem {
    Problem::NotFound(
        "An OCSP request is the content of POST /ocsp, or the path of GET /ocsp/BASE64.\n".to_owned(),
    )
}

/// A request in base64. axum has removed the percent-encoding.
async fn in_path(
    State(service): State<Arc<CaService>>,
    Extension(Peer(peer)): Extension<Peer>,
    Path(request): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = match Base64::decode_vec(&request) {
        Ok(request) => service.ocsp(&request, Some(Source::from(peer.ip()))).await,
        Err(_) => OcspAnswer::error(OcspStatus::MalformedRequest),
    };
    let Some((times, now)) = answer.shared.zip(clock::now().ok()) else { return uncached(&answer.der) };
    let document = Document {
        kind: RESPONSE,
        digest: digest(&SHA256, &answer.der).as_ref().try_into().unwrap_or([0; 32]),
        content: Bytes::copy_from_slice(&answer.der),
        modified: times.produced_at,
        // A cache asks again when the CA makes a new answer, and hides a revocation no longer than with a list.
        max_age: times.replaced_at.get().saturating_sub(now.get()).min(MAX_AGE),
    };
    document.answer(&headers)
}

fn uncached(der: &[u8]) -> Response {
    let headers = [(header::CONTENT_TYPE, RESPONSE), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from(der.to_vec())).into_response()
}
