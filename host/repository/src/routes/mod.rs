//! The routes. To add a kind of document, make a file here with a function `routes`, and a line in [`routes`].

mod certificates;
mod lists;
mod ocsp;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use minipki_http::Permit;
use minipki_server::{CaService, Published};

use crate::problem::Problem;

/// All documents of the CA.
pub(crate) fn routes(service: Arc<CaService>) -> Router {
    Router::new()
        .merge(certificates::routes())
        .merge(lists::routes())
        .merge(ocsp::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(from_fn(each))
        .with_state(service)
}

/// Counts the requests of a connection, and adds the headers of all answers.
async fn each(request: Request, next: Next) -> Response {
    let more = request.extensions().get::<Arc<Permit>>().is_none_or(|permit| permit.shows(None));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !more {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn nothing(State(service): State<Arc<CaService>>) -> Problem {
    match service.published().await {
        Ok(published) => not_found(&published),
        Err(error) => error.into(),
    }
}

/// The refusal of a name, with the names that there are.
fn not_found(published: &Published) -> Problem {
    let mut text = String::from("There is no such document. This CA has:\n");
    for name in certificates::names(published).into_iter().chain(lists::names(published)) {
        text += &format!("{name}\n");
    }
    if published.present().is_none() {
        text += "It has no X.509 certificate of its present key yet: its operator makes it with \
                 `minipki ca certificate`.\n";
    }
    text += "OCSP requests go to /ocsp, by POST or in the path of GET.\n";
    Problem::NotFound(text)
}
