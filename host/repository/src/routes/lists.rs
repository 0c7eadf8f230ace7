//! The lists of revoked certificates: `/crl/SHARD.crl` and `/crl.json` by the present key, and `/crl/KEY/SHARD.crl` and
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
use minipki_ca::crl_path;
use minipki_os::clock;
use minipki_server::{CaService, ListName, Published, ServedList};

use super::not_found;
use crate::document::Document;
use crate::problem::Problem;

/// The longest time in which a cache need not ask again, in seconds: an hour. A revocation makes a new list at once, and
/// nobody knows its time before.
pub(super) const MAX_AGE: u64 = 60 * 60;

/// The largest number of the X.509 lists of one key that a refusal names.
const NAMED: u32 = 4;

pub(super) fn routes() -> Router<Arc<CaService>> {
    Router::new()
        .route("/crl.json", get(json))
        .route("/crl/{name}", get(present_or_json))
        .route("/crl/{key}/{shard}", get(of_key))
}

/// The names of these documents. Of many lists only the first ones are named.
pub(super) fn names(published: &Published) -> Vec<String> {
    let mut names = vec!["/crl.json".to_owned()];
    names.extend(published.keys.iter().map(|key| format!("/crl/{key}.json")));
    let shards = 0..published.publication.shards.count().min(NAMED);
    if published.present().is_some() {
        names.extend(shards.clone().map(|shard| format!("/crl/{shard}.crl")));
    }
    for certificates in &published.certificates {
        names.extend(shards.clone().map(|shard| crl_path(certificates.own.key_id(), shard)));
    }
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
        None => Some(ListName::Crl { key: published.present()?.own.key_id(), shard: shard(&name)? }),
    };
    answer(service, &headers, find).await
}

async fn of_key(
    service: State<Arc<CaService>>,
    Path((key, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let find = |_: &Published| Some(ListName::Crl { key: key.parse().ok()?, shard: shard(&name)? });
    answer(service, &headers, find).await
}

/// The number in the name of a list, for example `0.crl`. A number has one name.
fn shard(name: &str) -> Option<u32> {
    let shard = name.strip_suffix(".crl")?.parse().ok()?;
    (name == format!("{shard}.crl")).then_some(shard)
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
        ListName::Crl { .. } => "application/pkix-crl",
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
