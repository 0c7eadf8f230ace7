//! The answers to requests that get no document: a line of text that says what to do next.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minipki_server::ServiceError;

/// The reason why a request gets no document.
pub(crate) enum Problem {
    /// There is nothing with this name. The text says what there is.
    NotFound(String),
    /// Only reading is possible.
    Method,
    /// The content of the request is of another media type than this one.
    MediaType(&'static str),
    /// The CA cannot make the document now.
    Unavailable,
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        // The reason is for the operator.
        tracing::debug!(%error, "a document of the repository could not be made");
        Self::Unavailable
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        const ALLOW: (HeaderName, HeaderValue) = (header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        const RETRY: (HeaderName, HeaderValue) = (header::RETRY_AFTER, HeaderValue::from_static("5"));
        // A name that is missing now can be made later.
        const CACHE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
        match self {
            Self::NotFound(text) => (StatusCode::NOT_FOUND, CACHE, text).into_response(),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                [ALLOW],
                CACHE,
                "This document can only be read, with GET or HEAD.\n",
            )
                .into_response(),
            Self::MediaType(expected) => {
                let text = format!("The content must be of the type {expected}.\n");
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, CACHE, text).into_response()
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                [RETRY],
                CACHE,
                "The CA cannot make this document at the moment. Try again later.\n",
            )
                .into_response(),
        }
    }
}
