//! The Authority page: the CA's trust anchor, its X.509 certificate and its keys.

mod ca_certificate;
mod keys;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minipki_core::limits::{ANCHOR, SPKI_PEM};

use self::ca_certificate::CaCertificateCard;
use self::keys::KeysCard;
use crate::pages::identity::Identity;
use crate::shell::Shared;
use crate::shell::form::Mistake;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::session::Visitor;
use minipki_server::{CaKey, Serving};

const PATH: &str = "/authority";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(PATH, get(page))
        .route("/authority/anchor.pem", get(anchor_pem))
        .route("/authority/anchor.json", get(anchor_json))
        .merge(ca_certificate::routes())
        .merge(keys::routes())
}

#[derive(Template)]
#[template(path = "authority.html")]
struct AuthorityPage {
    frame: Frame,
    dir: String,
    /// `None` without a key.
    identity: Option<Identity>,
    /// The part about the keys; `None` without a key.
    keys: Option<KeysCard>,
    /// The part about the CA certificate; `None` without a key.
    ca_certificate: Option<CaCertificateCard>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Refusal> {
    show(&shared, &visitor, None).await
}

/// Writes the page with a mistake in the form that changes the key.
async fn show(shared: &Shared, visitor: &Visitor, mistake: Option<Mistake>) -> Result<Response, Refusal> {
    let service = &shared.service;
    let serving = service.serving();
    let idle = matches!(serving, Serving::Stopped(_) | Serving::Failed(_))
        && !service.is_locked()
        && service.other_process().is_none();
    let (identity, keys, ca_certificate) = match service.key() {
        CaKey::Ready(folder) => (
            Some(Identity::of(&folder, &serving)),
            Some(KeysCard::read(shared, visitor.csrf(), idle, mistake).await),
            Some(CaCertificateCard::read(shared, &folder).await),
        ),
        _ => (None, None, None),
    };
    render(&AuthorityPage {
        frame: Frame::new("Authority", PATH, visitor),
        dir: service.dir().display().to_string(),
        identity,
        keys,
        ca_certificate,
    })
}

async fn anchor_pem(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let folder = shared.service.folder()?;
    let mut room = [0; SPKI_PEM];
    let text = folder.anchor().key().and_then(|key| key.write_spki_pem(&mut room).ok()).unwrap_or_default();
    Ok(download("application/x-pem-file", "anchor.pem", text.as_bytes().to_vec()))
}

async fn anchor_json(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let folder = shared.service.folder()?;
    let mut room = [0; ANCHOR];
    let encoded = folder.anchor().encode(&mut room);
    let text =
        encoded.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), ""))?;
    Ok(download("application/json", "anchor.json", text.to_vec()))
}

fn download(kind: &'static str, name: &str, content: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], content).into_response()
}
