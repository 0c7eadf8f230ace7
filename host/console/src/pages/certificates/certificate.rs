//! The page of one certificate: each field with its purpose, the encoded and the signed bytes, and the result of each
//! check.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minipki_core::cert::{self, Anchor, Certificate};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{self, RevocationCheck, Serial};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shell::Shared;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{CertificateFormat, CertificateRecord};
use minipki_net::trace::explain::{self, Line, hex};
use minipki_os::clock;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/certificates/{serial}", get(page))
        .route("/certificates/{serial}/certificate.json", get(file))
        .route("/certificates/{serial}/certificate.pem", get(file))
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    frame: Frame,
    serial: Serial,
    subject: String,
    key: String,
    begin: RelativeTime,
    end: RelativeTime,
    /// The parts of a JSON certificate; `None` for X.509.
    json: Option<JsonParts>,
    text: String,
    /// The name of the file for a download.
    file: &'static str,
    checks: Option<Vec<Check>>,
    at: RelativeTime,
}

/// The parts of a JSON certificate: each field with its purpose, and the signed text with its digest.
struct JsonParts {
    lines: Vec<Line>,
    signed: String,
    digest: String,
}

impl JsonParts {
    /// The parts of `text`; empty for a damaged certificate.
    fn of(text: &[u8]) -> Self {
        let body: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
        let lines = explain::explanation(&body).map(|known| known.lines(&body)).unwrap_or_default();
        let slices =
            Certificate::parse(text).map(|certificate| certificate.signed_slices()).unwrap_or_default();
        Self {
            lines,
            signed: String::from_utf8_lossy(&slices.concat()).into_owned(),
            digest: hex(&Portable::new().sha256(&slices)),
        }
    }
}

/// The name and the media type of the file for a download.
const fn file_type(format: CertificateFormat) -> (&'static str, &'static str) {
    match format {
        CertificateFormat::Json => ("certificate.json", "application/json"),
        CertificateFormat::X509 => ("certificate.pem", "application/x-pem-file"),
    }
}

/// One check and its result.
struct Check {
    text: &'static str,
    result: Outcome,
}

enum Outcome {
    Passed,
    Failed(String),
    /// An earlier check has failed.
    NotReached,
}

/// The checks in the order of [`Certificate::parse`] and [`cert::verify`].
const CHECKS: [&str; 5] = [
    "The text is canonical JSON with the fields of a certificate, and each field is well formed",
    "The issuer is this CA",
    "The issuer key is this CA's key, by its fingerprint",
    "The signature over the signed bytes verifies under this key: RSASSA-PSS with SHA-256",
    "The time now is within the validity period",
];

/// The index of a check in [`CHECKS`]. This page expects no subject, so the last two never fail here.
const fn place(check: trust::Check) -> usize {
    match check {
        trust::Check::Encoding | trust::Check::Fields => 0,
        trust::Check::Issuer => 1,
        trust::Check::IssuerKey => 2,
        trust::Check::Signature => 3,
        trust::Check::NotBefore | trust::Check::NotAfter => 4,
        trust::Check::SubjectKey | trust::Check::Subject => 0,
    }
}

/// Verifies a certificate with the code of a client.
fn check(anchor: &Anchor, text: &[u8], now: UnixTime) -> Vec<Check> {
    let verdict = Certificate::parse(text).and_then(|certificate| {
        cert::verify(Portable::new(), anchor, &certificate, Now::Exact(now), RevocationCheck::NotChecked)
    });
    let failed = verdict.err().map(|error| (error.check().map_or(0, place), error.to_string()));
    let result = |place: usize| match &failed {
        Some((at, reason)) if *at == place => Outcome::Failed(reason.clone()),
        Some((at, _)) if *at < place => Outcome::NotReached,
        _ => Outcome::Passed,
    };
    CHECKS.into_iter().enumerate().map(|(place, text)| Check { text, result: result(place) }).collect()
}

#[derive(Deserialize)]
struct CheckQuery {
    check: Option<String>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
    Query(query): Query<CheckQuery>,
) -> Result<Response, Refusal> {
    let record = find(&shared, &serial).await?;
    let now = clock::now()?;
    let folder = shared.service.folder().map_err(Refusal::from_diagnostic)?;
    let text = record.certificate.as_slice();
    let json = (record.format == CertificateFormat::Json).then(|| JsonParts::of(text));
    render(&CertificatePage {
        frame: Frame::new("Certificate", "/certificates", &visitor),
        serial: record.serial,
        subject: record.subject_id.to_string(),
        key: hex(&record.subject_key),
        begin: RelativeTime::new(record.validity.not_before(), now),
        end: RelativeTime::new(record.validity.not_after(), now),
        checks: query.check.filter(|_| json.is_some()).map(|_| check(folder.anchor(), text, now)),
        json,
        file: file_type(record.format).0,
        at: RelativeTime::new(now, now),
        text: record.format.text(text),
    })
}

async fn file(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let record = find(&shared, &serial).await?;
    let (name, media_type) = file_type(record.format);
    let disposition = format!("attachment; filename=\"{name}\"");
    let head = [(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((head, record.format.text(&record.certificate)).into_response())
}

async fn find(shared: &Shared, serial: &str) -> Result<CertificateRecord, Refusal> {
    let none = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "No certificate was issued with this serial number.",
            "Search for the certificate by its subject.",
        )
    };
    let serial = serial.parse().map_err(|_| none())?;
    let found = shared.service.clone().read(move |reader| reader.find_by_serial(serial)).await;
    found.map_err(Refusal::from_diagnostic)?.ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of passed checks, the index of the failed check, and the number of checks that were not reached.
    fn outcome(certificate: &[u8], now: u64) -> (usize, Option<usize>, usize) {
        let anchor =
            Anchor::decode(Portable::new(), include_bytes!("../../../../../vectors/cert/anchor.json"))
                .expect("a good anchor");
        let checks = check(&anchor, certificate, UnixTime::new(now).expect("a time"));
        let count =
            |wanted: fn(&Outcome) -> bool| checks.iter().filter(|check| wanted(&check.result)).count();
        (
            count(|result| matches!(result, Outcome::Passed)),
            checks.iter().position(|check| matches!(check.result, Outcome::Failed(_))),
            count(|result| matches!(result, Outcome::NotReached)),
        )
    }

    #[test]
    fn each_check_fails_by_itself() {
        let good = include_bytes!("../../../../../vectors/cert/accept/good");
        let validity = Certificate::parse(good).expect("a good one").validity();
        let now = validity.not_before().get();
        assert_eq!(outcome(good, now), (5, None, 0));
        assert_eq!(outcome(good, now - 1), (4, Some(4), 0));
        assert_eq!(outcome(b"{}", now), (0, Some(0), 4));
        for (certificate, place) in [
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_mismatch-other_name")[..], 1),
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_key_mismatch-other_exponent")[..], 2),
            (&include_bytes!("../../../../../vectors/cert/refuse/signature-by_another_key")[..], 3),
        ] {
            assert_eq!(outcome(certificate, now), (place, Some(place), 4 - place));
        }
    }
}
