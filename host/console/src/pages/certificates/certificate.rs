//! One certificate: every field explained, the bytes as they travel and as they were signed, and
//! each check with its result.

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

use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use crate::shell::shared::Shared;
use minipki_ca::ports::CertificateRecord;
use minipki_net::trace::explain::{self, Line, hex};
use minipki_os::clock;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/certificates/{serial}", get(page))
        .route("/certificates/{serial}/certificate.json", get(file))
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
    lines: Vec<Line>,
    text: String,
    signed: String,
    digest: String,
    checks: Option<Vec<Check>>,
    at: RelativeTime,
}

/// One check and its result.
struct Check {
    what: &'static str,
    result: Outcome,
}

enum Outcome {
    Passed,
    Failed(String),
    /// A check before it failed, so that this one would say nothing.
    NotReached,
}

/// The checks, in their order, as [`cert::verify`] makes them after the text was parsed.
const CHECKS: [&str; 5] = [
    "The text is canonical JSON with the fields of a certificate, and each field is well formed",
    "It names this CA as its issuer",
    "It names this CA's key, by its fingerprint",
    "The signature is this key's over the signed bytes: RSASSA-PSS with SHA-256",
    "The time now is within its validity",
];

/// The place in [`CHECKS`] of a check. This page compares with no subject that it expects, so the last two have none.
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

/// Makes every check, with the code that a client makes them with.
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
    CHECKS.into_iter().enumerate().map(|(place, what)| Check { what, result: result(place) }).collect()
}

#[derive(Deserialize)]
struct Asked {
    check: Option<String>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let record = find(&shared, &serial).await?;
    let now = clock::now()?;
    let folder = shared.service.folder().map_err(Refusal::told)?;
    let text = record.certificate.as_slice();
    // Of a damaged one there is still to see what is there.
    let body: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
    let lines = explain::explanation(&body).map(|known| known.lines(&body)).unwrap_or_default();
    let slices = Certificate::parse(text).map(|certificate| certificate.signed_slices()).unwrap_or_default();
    render(&CertificatePage {
        frame: Frame::new("Certificate", "/certificates", &visitor),
        serial: record.serial,
        subject: record.subject_id.to_string(),
        key: hex(&record.subject_key),
        begin: RelativeTime::new(record.validity.not_before(), now),
        end: RelativeTime::new(record.validity.not_after(), now),
        lines,
        signed: String::from_utf8_lossy(&slices.concat()).into_owned(),
        digest: hex(&Portable::new().sha256(&slices)),
        checks: asked.check.map(|_| check(folder.anchor(), text, now)),
        at: RelativeTime::new(now, now),
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

async fn file(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let record = find(&shared, &serial).await?;
    let disposition = "attachment; filename=\"certificate.json\"";
    let head = [(CONTENT_TYPE, "application/json"), (CONTENT_DISPOSITION, disposition)];
    Ok((head, record.certificate).into_response())
}

async fn find(shared: &Shared, serial: &str) -> Result<CertificateRecord, Refusal> {
    let none = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "No certificate was issued with this serial number.",
            "Search for it by its subject.",
        )
    };
    let serial = serial.parse().ok().and_then(|number| Serial::new(number).ok()).ok_or_else(none)?;
    let found = shared.service.clone().read(move |reader| reader.find_by_serial(serial)).await;
    found.map_err(Refusal::told)?.ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which check failed, after how many that passed and before how many that were not reached.
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
