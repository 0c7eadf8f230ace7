//! The page of one certificate: its state, each field with its purpose, the encoded and the signed bytes, the result of
//! each check, and its revocation.

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
use minipki_core::trust::{self, Revocation, RevocationCheck, Serial, StatusError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::revocation::{Notice, RevocationCard};
use super::state::{EXPIRING_DAYS, StateBadge};
use crate::shell::Shared;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, LedgerError, LedgerReader, Page, RevocationRecord,
};
use minipki_net::trace::explain::{self, Line, hex};
use minipki_os::clock;

/// The number of later certificates of a subject among which the page looks for renewals of one certificate.
const LATER: usize = 50;

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
    state: StateBadge,
    key: String,
    issued: Option<RelativeTime>,
    begin: RelativeTime,
    end: RelativeTime,
    renews: Option<Serial>,
    renewed_by: Vec<Serial>,
    revocation: RevocationCard,
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
const CHECKS: [&str; 6] = [
    "The text is canonical JSON with the fields of a certificate, and each field is well formed",
    "The issuer is this CA",
    "The issuer key is this CA's key, by its fingerprint",
    "The signature over the signed bytes verifies under this key: RSASSA-PSS with SHA-256",
    "The CA has neither revoked the certificate nor put it on hold. A client sees this in a status that the CA signs",
    "The time now is within the validity period",
];

/// The index of the check of the revocation in [`CHECKS`].
const REVOCATION: usize = 4;

/// The index of a check in [`CHECKS`]. This page expects no subject, so the last two never fail here.
const fn place(check: trust::Check) -> usize {
    match check {
        trust::Check::Encoding | trust::Check::Fields => 0,
        trust::Check::Issuer => 1,
        trust::Check::IssuerKey => 2,
        trust::Check::Signature => 3,
        trust::Check::Status | trust::Check::Revocation | trust::Check::StatusTime => REVOCATION,
        trust::Check::NotBefore | trust::Check::NotAfter => 5,
        trust::Check::SubjectKey | trust::Check::Subject => 0,
    }
}

/// Verifies a certificate with the code of a client. Its revocation is from the ledger.
fn check(anchor: &Anchor, text: &[u8], revocation: Option<Revocation>, now: UnixTime) -> Vec<Check> {
    let verdict = Certificate::parse(text).and_then(|certificate| {
        cert::verify(Portable::new(), anchor, &certificate, Now::Exact(now), RevocationCheck::NotChecked)
    });
    let failed = verdict.err().map(|error| (error.check().map_or(0, place), error.to_string()));
    let revoked = revocation.map(|revocation| (REVOCATION, StatusError::Revoked(revocation).to_string()));
    let failed = [failed, revoked].into_iter().flatten().min_by_key(|(place, _)| *place);
    let result = |place: usize| match &failed {
        Some((at, reason)) if *at == place => Outcome::Failed(reason.clone()),
        Some((at, _)) if *at < place => Outcome::NotReached,
        _ => Outcome::Passed,
    };
    CHECKS.into_iter().enumerate().map(|(place, text)| Check { text, result: result(place) }).collect()
}

#[derive(Deserialize)]
struct CertificateQuery {
    check: Option<String>,
    /// The revocation number of the change that the user has made.
    change: Option<String>,
    /// The change was made before.
    repeated: Option<String>,
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Path(serial): Path<String>,
    Query(query): Query<CertificateQuery>,
) -> Result<Response, Refusal> {
    let change = query.change.and_then(|number| number.parse().ok());
    let notice = change.map(|number| Notice::Made { number, repeated: query.repeated.is_some() });
    show(&shared, &visitor, &serial, query.check.is_some(), notice).await
}

/// Writes the page of the certificate with the serial number `serial`, with a notice about its revocation.
pub(super) async fn show(
    shared: &Shared,
    visitor: &Visitor,
    serial: &str,
    checked: bool,
    notice: Option<Notice>,
) -> Result<Response, Refusal> {
    let Story { record, renewed_by, history } = read(shared, serial, story).await?;
    let now = clock::now()?;
    let folder = shared.service.folder().map_err(Refusal::from_diagnostic)?;
    let text = record.certificate.as_slice();
    let json = (record.format == CertificateFormat::Json).then(|| JsonParts::of(text));
    let checks = (checked && json.is_some()).then(|| check(folder.anchor(), text, record.revocation, now));
    render(&CertificatePage {
        frame: Frame::new("Certificate", "/certificates", visitor),
        serial: record.serial,
        subject: record.subject_id.to_string(),
        state: StateBadge::of(&record, now, EXPIRING_DAYS),
        key: hex(&record.subject_key),
        issued: record.issued.map(|time| RelativeTime::new(time, now)),
        begin: RelativeTime::new(record.validity.not_before(), now),
        end: RelativeTime::new(record.validity.not_after(), now),
        renews: record.renews,
        renewed_by,
        revocation: RevocationCard::new(&record, &history, notice, visitor, now),
        checks,
        json,
        file: file_type(record.format).0,
        at: RelativeTime::new(now, now),
        text: record.format.text(text),
    })
}

/// A certificate, the serial numbers of its renewals, and the changes of its revocation.
struct Story {
    record: CertificateRecord,
    renewed_by: Vec<Serial>,
    history: Vec<RevocationRecord>,
}

fn story(reader: &mut dyn LedgerReader, serial: Serial) -> Result<Option<Story>, LedgerError> {
    let Some(record) = reader.find_by_serial(serial)? else { return Ok(None) };
    let later = Page { subject: Some(record.subject_id.as_id()), after: record.id, limit: LATER };
    let mut rows = Vec::new();
    // A damaged certificate has a page of its own.
    reader.list_each(later, &mut rows)?;
    let renewals = rows.iter().flatten().filter(|later| later.renews == Some(serial));
    let renewed_by = renewals.map(|later| later.serial).collect();
    Ok(Some(Story { history: reader.revocation_history(serial)?, renewed_by, record }))
}

async fn file(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let record = read(&shared, &serial, |reader, serial| reader.find_by_serial(serial)).await?;
    let (name, media_type) = file_type(record.format);
    let disposition = format!("attachment; filename=\"{name}\"");
    let head = [(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((head, record.format.text(&record.certificate)).into_response())
}

/// Reads something about the certificate with the serial number `serial`.
///
/// # Errors
/// A refusal if there is no such certificate.
async fn read<T: Send + 'static>(
    shared: &Shared,
    serial: &str,
    find: fn(&mut dyn LedgerReader, Serial) -> Result<Option<T>, LedgerError>,
) -> Result<T, Refusal> {
    let serial = serial.parse().map_err(|_| unknown())?;
    let found = shared.service.clone().read(move |reader| find(reader, serial)).await;
    found.map_err(Refusal::from_diagnostic)?.ok_or_else(unknown)
}

/// The refusal for a serial number that no certificate has.
pub(super) fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "No certificate was issued with this serial number.",
        "Search for the certificate by its subject.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use minipki_core::trust::RevocationReason;

    /// The number of passed checks, the index of the failed check, and the number of checks that were not reached.
    fn outcome(
        certificate: &[u8],
        revocation: Option<Revocation>,
        now: u64,
    ) -> (usize, Option<usize>, usize) {
        let anchor =
            Anchor::decode(Portable::new(), include_bytes!("../../../../../vectors/cert/anchor.json"))
                .expect("a good anchor");
        let checks = check(&anchor, certificate, revocation, UnixTime::new(now).expect("a time"));
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
        assert_eq!(outcome(good, None, now), (6, None, 0));
        assert_eq!(outcome(good, None, now - 1), (5, Some(5), 0));
        assert_eq!(outcome(b"{}", None, now), (0, Some(0), 5));
        let reason = RevocationReason::KeyCompromise;
        let revoked = Some(Revocation { reason, revoked_at: validity.not_before() });
        for now in [now, now - 1] {
            assert_eq!(outcome(good, revoked, now), (4, Some(REVOCATION), 1));
        }
        assert_eq!(outcome(b"{}", revoked, now), (0, Some(0), 5));
        for (certificate, place) in [
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_mismatch-other_name")[..], 1),
            (&include_bytes!("../../../../../vectors/cert/refuse/issuer_key_mismatch-other_exponent")[..], 2),
            (&include_bytes!("../../../../../vectors/cert/refuse/signature-by_another_key")[..], 3),
        ] {
            assert_eq!(outcome(certificate, None, now), (place, Some(place), 5 - place));
            assert_eq!(outcome(certificate, revoked, now), (place, Some(place), 5 - place));
        }
    }
}
