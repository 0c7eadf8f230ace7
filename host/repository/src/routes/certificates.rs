//! The X.509 certificates of the CA's keys: `/ca.crt` and `/ca.pem` of the present key, and `/ca/KEY.crt` and `/ca/KEY.pem`
//! of each key.
//!
//! KEY is the authorityKeyIdentifier of the certificates by that key, so their readers find the certificate that they need
//! also after a change of the CA's key.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minipki_ca::ports::CertificateFormat;
use minipki_ca::{CaCertificate, KeyCertificates, certificate_path};
use minipki_server::{CaService, Published};

use super::not_found;
use crate::document::Document;
use crate::problem::Problem;

/// The time in which a cache need not ask again, in seconds: an hour. The certificate of a key stays the same, and the
/// present key changes seldom.
const MAX_AGE: u64 = 60 * 60;

/// The form of a certificate.
#[derive(Clone, Copy)]
enum Form {
    /// DER (RFC 2585 §3).
    Der,
    /// PEM, with the certificates of its issuers and those of the key by other keys of the CA after it.
    Pem,
}

pub(super) fn routes() -> Router<Arc<CaService>> {
    Router::new()
        .route("/ca.crt", get(async |state, headers| present(state, headers, Form::Der).await))
        .route("/ca.pem", get(async |state, headers| present(state, headers, Form::Pem).await))
        .route("/ca/{name}", get(of_key))
}

/// The names of all these documents.
pub(super) fn names(published: &Published) -> Vec<String> {
    let mut names = Vec::new();
    if published.present().is_some() {
        names.extend(["/ca.crt".to_owned(), "/ca.pem".to_owned()]);
    }
    for certificates in &published.certificates {
        let key = certificates.own.key_id();
        names.extend([certificate_path(key), format!("/ca/{key}.pem")]);
    }
    names
}

async fn present(
    State(service): State<Arc<CaService>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let published = service.published().await?;
    let found = published.present().ok_or_else(|| not_found(&published))?;
    Ok(document(found, form).answer(&headers))
}

async fn of_key(
    State(service): State<Arc<CaService>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let published = service.published().await?;
    let (key, form) = match name.rsplit_once('.') {
        Some((key, "crt")) => (key, Form::Der),
        Some((key, "pem")) => (key, Form::Pem),
        _ => return Err(not_found(&published)),
    };
    let found = key.parse().ok().and_then(|key| published.of_key(key));
    let found = found.ok_or_else(|| not_found(&published))?;
    Ok(document(found, form).answer(&headers).into_response())
}

fn document(certificates: &KeyCertificates, form: Form) -> Document {
    let KeyCertificates { own, issuers, cross } = certificates;
    let (kind, content, modified) = match form {
        Form::Der => ("application/pkix-cert", own.der().to_vec(), own.issued()),
        Form::Pem => {
            let issuers = issuers.iter().map(Vec::as_slice);
            let all = std::iter::once(own.der()).chain(issuers).chain(cross.iter().map(CaCertificate::der));
            let text: String = all.map(|der| CertificateFormat::X509.text(der)).collect();
            let newest = std::iter::once(own).chain(cross).map(CaCertificate::issued).max();
            ("application/x-pem-file", text.into_bytes(), newest.unwrap_or(own.issued()))
        }
    };
    Document {
        kind,
        digest: digest(&SHA256, &content).as_ref().try_into().unwrap_or([0; 32]),
        content: content.into(),
        modified,
        max_age: MAX_AGE,
    }
}
