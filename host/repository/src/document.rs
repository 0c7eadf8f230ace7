//! A document of the repository as an answer: its content, its type, and its caching (RFC 9110 §13, RFC 9111).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minipki_core::time::UnixTime;

/// A document.
pub(crate) struct Document {
    /// The media type.
    pub(crate) kind: &'static str,
    /// The content.
    pub(crate) content: Bytes,
    /// SHA-256 of the content.
    pub(crate) digest: [u8; 32],
    /// The time since which the content is the same.
    pub(crate) modified: UnixTime,
    /// The time in which a cache need not ask again, in seconds.
    pub(crate) max_age: u64,
}

impl Document {
    /// The answer to a GET or HEAD request with these headers. The server leaves out the content for HEAD.
    pub(crate) fn answer(self, asked: &HeaderMap) -> Response {
        let tag: String = self.digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{tag}\"");
        // A certificate by a parent can begin at any time, and the header must not be later than now (RFC 9110 §8.8.2.1).
        let modified = (UNIX_EPOCH + Duration::from_secs(self.modified.get())).min(SystemTime::now());
        let validators = [
            (header::ETAG, tag.clone()),
            (header::LAST_MODIFIED, httpdate::fmt_http_date(modified)),
            (header::CACHE_CONTROL, format!("public, max-age={}", self.max_age)),
        ];
        let mut response = if is_known(asked, &tag, modified) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
            ([kind], Body::from(self.content)).into_response()
        };
        response.headers_mut().extend(validators.into_iter().filter_map(value));
        response
    }
}

fn value((name, text): (HeaderName, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name, text.try_into().ok()?))
}

/// Whether the client has the document already. If-None-Match decides alone if it is there (RFC 9110 §13.2.2).
fn is_known(asked: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    if asked.contains_key(header::IF_NONE_MATCH) {
        let lines = asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        // The weak comparison (RFC 9110 §13.1.2).
        return tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag);
    }
    let since = asked.get(header::IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok());
    since.and_then(|since| httpdate::parse_http_date(since).ok()).is_some_and(|since| modified <= since)
}
