//! The lists of revoked certificates: `/crl/0.crl` and `/crl.json` by the present key, and `/crl/KEY/0.crl` and
//! `/crl/FINGERPRINT.json` by each key.
//!
//! A reader of X.509 wants the list by the key that has signed the certificate, and finds that key in its
//! authorityKeyIdentifier. A reader of JSON certificates knows the keys by their fingerprints.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use minipki_os::clock;
use minipki_server::{CaService, ListName, Published, ServedList};

use super::not_found;
use crate::document::Document;
use crate::problem::Problem;

/// The longest time in which a cache need not ask again, in seconds: an hour. A revocation makes a new list at once, and
/// nobody knows its time before.
const MAX_AGE: u64 = 60 * 60;

/// The name of the only shard.
const SHARD: &str = "0.crl";

pub(super) fn routes() -> Router<Arc<CaService>> {
    Router::new()
        .route("/crl.json", get(json))
        .route("/crl/{name}", get(present_or_json))
        .route("/crl/{key}/{shard}", get(of_key))
}

/// The names of all these documents.
pub(super) fn names(published: &Published) -> Vec<String> {
    let mut names = vec!["/crl.json".to_owned()];
    names.extend(published.keys.iter().map(|key| format!("/crl/{key}.json")));
    if published.present().is_some() {
        names.push(format!("/crl/{SHARD}"));
    }
    names.extend(published.certificates.iter().map(|one| format!("/crl/{}/{SHARD}", one.own.key_id())));
    names
}

async fn json(service: State<Arc<CaService>>, headers: HeaderMap) -> Result<Response, Problem> {
    let present = |published: &Published| published.keys.first().copied().map(ListName::Json);
    answer(service, &headers, present).await
}

async fn present_or_json(
    service: State<Arc<CaService>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let find = |published: &Published| match name.strip_suffix(".json") {
        Some(key) => Some(ListName::Json(key.parse().ok()?)),
        None if name == SHARD => Some(ListName::Crl(published.present()?.own.key_id())),
        None => None,
    };
    answer(service, &headers, find).await
}

async fn of_key(
    service: State<Arc<CaService>>,
    Path((key, shard)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let find = |_: &Published| (shard == SHARD).then_some(ListName::Crl(key.parse().ok()?));
    answer(service, &headers, find).await
}

async fn answer(
    State(service): State<Arc<CaService>>,
    headers: &HeaderMap,
    find: impl FnOnce(&Published) -> Option<ListName>,
) -> Result<Response, Problem> {
    let published = service.published().await?;
    let Some(name) = find(&published) else { return Err(not_found(&published)) };
    let Some(served) = service.list(name).await? else { return Err(not_found(&published)) };
    let kind = match name {
        ListName::Crl(_) => "application/pkix-crl",
        ListName::Json(_) => "application/json",
    };
    let now = clock::now().map_or(u64::MAX, |now| now.get());
    let document = Document {
        kind,
        digest: served.digest,
        modified: served.list.this_update,
        max_age: served.replaced.get().saturating_sub(now).min(MAX_AGE),
        content: Bytes::from_owner(Content(served)),
    };
    Ok(document.answer(headers))
}

/// The content of a list. All answers share it.
struct Content(Arc<ServedList>);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0.list.content
    }
}
