//! The part of the Authority page about the X.509 certificate of the CA: its fingerprint, its download and its import.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;

use super::download;
use crate::shell::Shared;
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use minipki_ca::CaCertificate;
use minipki_ca::ports::CertificateFormat;
use minipki_keys::CaFolder;
use minipki_os::files::quoted;
use minipki_os::{Failure, clock};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/authority/ca.pem", get(pem)).route("/authority/ca.crt", get(der))
}

/// The X.509 certificate of the CA's present key.
#[derive(Template)]
#[template(path = "ca_certificate.html")]
pub(super) struct CaCertificateCard {
    dir: String,
    /// `None` if it was not made yet.
    shown: Result<Option<Shown>, Failure>,
}

struct Shown {
    fingerprint: String,
    end: RelativeTime,
}

impl Shown {
    fn new(certificate: &CaCertificate, now: UnixTime) -> Self {
        let fingerprint = Fingerprint(Portable::new().sha256(&[certificate.der()]));
        let end = RelativeTime::new(certificate.validity().not_after(), now);
        Self { fingerprint: fingerprint.to_string(), end }
    }

    /// The fingerprint in the form of browsers: pairs of digits.
    fn pairs(&self) -> String {
        let digits = self.fingerprint.to_ascii_uppercase();
        let pairs: Vec<_> = digits.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
        pairs.join(":")
    }
}

impl CaCertificateCard {
    /// The part for a CA with a key.
    pub(super) async fn read(shared: &Shared, folder: &CaFolder) -> Self {
        let shown = async {
            let now = clock::now().map_err(|error| Failure::from(&error))?;
            let read = shared.service.x509_certificate_of(folder.fingerprint()).await;
            let found = read.map_err(|error| Failure::from(&error))?;
            Ok(found.map(|certificate| Shown::new(&certificate, now)))
        };
        Self { dir: quoted(folder.path()).to_string(), shown: shown.await }
    }
}

async fn pem(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let text = CertificateFormat::X509.text(find(&shared).await?.der());
    Ok(download("application/x-pem-file", "ca.pem", text.into_bytes()))
}

async fn der(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    Ok(download("application/x-x509-ca-cert", "ca.crt", find(&shared).await?.der().to_vec()))
}

async fn find(shared: &Shared) -> Result<CaCertificate, Refusal> {
    let key = shared.service.folder()?.fingerprint();
    shared.service.x509_certificate_of(key).await?.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "This CA has no X.509 certificate yet.",
            "Make it with: minipki ca certificate --dir DIR",
        )
    })
}
