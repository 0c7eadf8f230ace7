//! The page of one certificate: its state, each field with its bytes, the result of each check, its revocation, and its
//! history.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minipki_core::cert::Certificate;
use minipki_core::encoding::base64;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use minipki_core::x509::PublicKeyInfo;
use serde::Deserialize;
use serde_json::Value;

use super::checks::{self, Check, Outcome};
use super::encoding::{Encoding, Token};
use super::path_checks;
use super::revocation::{self, Notice, RevocationCard};
use super::state::{EXPIRING_DAYS, StateBadge};
use super::text::CertificateText;
use crate::shell::Shared;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::CaCertificate;
use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, LedgerError, LedgerReader, Page, RevocationRecord,
};
use minipki_keys::CaFolder;
use minipki_net::trace::explain::hex;
use minipki_net::trace::x509::algorithm::key_words;
use minipki_os::clock;

/// The number of later certificates of a subject among which the page looks for renewals of one certificate.
const LATER: usize = 50;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/certificates/{serial}", get(page))
        .route("/certificates/{serial}/certificate.json", get(json))
        .route("/certificates/{serial}/certificate.pem", get(pem))
        .route("/certificates/{serial}/certificate.der", get(der))
        .route("/certificates/{serial}/signed.bin", get(signed))
        .route("/certificates/{serial}/signature.bin", get(signature))
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    frame: Frame,
    serial: Serial,
    subject: String,
    state: StateBadge,
    key: String,
    key_kind: Option<String>,
    issued: Option<RelativeTime>,
    begin: RelativeTime,
    end: RelativeTime,
    renews: Option<Serial>,
    renewed_by: Vec<Serial>,
    history: Vec<Happening>,
    revocation: RevocationCard,
    /// The encoding of the certificate, and that of its twin in the other format, if it has one.
    encodings: Vec<Encoding>,
    /// The signed bytes of JSON, and their digest.
    signed: Option<(String, String)>,
    /// The files for a download: the label and the name of each.
    files: &'static [(&'static str, &'static str)],
    checks: Option<Vec<Check>>,
    at: RelativeTime,
}

/// An entry of the history.
struct Happening {
    at: Option<RelativeTime>,
    /// The class of its mark.
    class: &'static str,
    what: String,
    /// A certificate that it is about.
    link: Option<Serial>,
    by: String,
}

/// The history of a certificate, the latest entry last.
fn happenings(story: &Story, now: UnixTime) -> Vec<Happening> {
    let record = &story.record;
    let what = if record.renews.is_some() { "Issued, as a renewal of" } else { "Issued" };
    let by = match story.token {
        Some(token) => format!("With the token number {token:x}"),
        None => "Without a token".to_owned(),
    };
    let issued = Happening {
        at: record.issued.map(|at| RelativeTime::new(at, now)),
        class: "good",
        what: what.to_owned(),
        link: record.renews,
        by: format!("{by}. The address of the client is not recorded"),
    };
    let change = |change: &RevocationRecord| Happening {
        at: Some(RelativeTime::new(change.time, now)),
        class: match change.reason {
            RevocationReason::CertificateHold => "busy",
            RevocationReason::RemoveFromHold => "good",
            _ => "bad",
        },
        what: match change.reason {
            RevocationReason::CertificateHold | RevocationReason::RemoveFromHold => {
                revocation::words(change.reason).to_owned()
            }
            reason => format!("Revoked: {}", revocation::words(reason)),
        },
        link: None,
        by: format!("By {}", change.actor),
    };
    let renewed = |(serial, at): &(Serial, Option<UnixTime>)| Happening {
        at: at.map(|at| RelativeTime::new(at, now)),
        class: "good",
        what: "Renewed by".to_owned(),
        link: Some(*serial),
        by: "With a proof of both keys".to_owned(),
    };
    let ended = (record.validity.not_after() < now).then(|| Happening {
        at: Some(RelativeTime::new(record.validity.not_after(), now)),
        class: "",
        what: "Expired".to_owned(),
        link: None,
        by: String::new(),
    });
    let mut later: Vec<Happening> =
        story.history.iter().map(change).chain(story.renewed_by.iter().map(renewed)).chain(ended).collect();
    later.sort_by_key(|happening| happening.at.as_ref().map(RelativeTime::unix));
    [issued].into_iter().chain(later).collect()
}

/// The files for a download: the label and the name of each.
const fn files(format: CertificateFormat, has_twin: bool) -> &'static [(&'static str, &'static str)] {
    match format {
        CertificateFormat::Json if !has_twin => &[("Download", "certificate.json")],
        CertificateFormat::Json => {
            &[("JSON", "certificate.json"), ("PEM", "certificate.pem"), ("DER", "certificate.der")]
        }
        CertificateFormat::X509 => &[("PEM", "certificate.pem"), ("DER", "certificate.der")],
    }
}

/// The kind of the key of an X.509 certificate.
fn key_kind(record: &CertificateRecord) -> Option<String> {
    let info = PublicKeyInfo::parse(&record.subject_key).ok()?;
    (record.format == CertificateFormat::X509).then(|| key_words(&info))
}

/// The X.509 certificates of the CA's keys, that of the present one first.
async fn authorities(shared: &Shared, folder: &CaFolder) -> Result<Vec<CaCertificate>, Refusal> {
    let former = folder.anchor().former_keys().iter().map(|key| key.fingerprint);
    let mut found = Vec::new();
    for key in [folder.fingerprint()].into_iter().chain(former) {
        found.extend(shared.service.x509_certificate_of(key).await?);
    }
    Ok(found)
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
    let story = read(shared, serial, story).await?;
    let now = clock::now()?;
    let history = happenings(&story, now);
    let Story { record, renewed_by, history: changes, twin, .. } = story;
    let folder = shared.service.folder()?;
    let text = record.certificate.as_slice();
    let (own, signed) = match record.format {
        CertificateFormat::Json => {
            let CertificateText { encoding, signed, digest } = CertificateText::of(text);
            (encoding, Some((signed, digest)))
        }
        CertificateFormat::X509 => (Encoding::x509(text), None),
    };
    let twin = twin.as_deref().map(Encoding::x509);
    let checks = match record.format {
        _ if !checked => None,
        CertificateFormat::Json => Some(checks::check(folder.anchor(), text, record.revocation, now)),
        CertificateFormat::X509 => {
            let authorities = authorities(shared, &folder).await?;
            Some(path_checks::check(text, &authorities, record.revocation, now))
        }
    };
    render(&CertificatePage {
        frame: Frame::new("Certificate", "/certificates", visitor),
        serial: record.serial,
        subject: record.subject_id.to_string(),
        state: StateBadge::of(&record, now, EXPIRING_DAYS),
        key: hex(&record.subject_key),
        key_kind: key_kind(&record),
        issued: record.issued.map(|time| RelativeTime::new(time, now)),
        begin: RelativeTime::new(record.validity.not_before(), now),
        end: RelativeTime::new(record.validity.not_after(), now),
        renews: record.renews,
        renewed_by: renewed_by.into_iter().map(|(serial, _)| serial).collect(),
        history,
        revocation: RevocationCard::new(&record, &changes, notice, visitor, now),
        checks,
        files: files(record.format, twin.is_some()),
        encodings: [own].into_iter().chain(twin).collect(),
        signed,
        at: RelativeTime::new(now, now),
    })
}

/// A certificate with everything that the ledger has about it.
struct Story {
    record: CertificateRecord,
    /// Its renewals, with their times of issue.
    renewed_by: Vec<(Serial, Option<UnixTime>)>,
    /// The changes of its revocation.
    history: Vec<RevocationRecord>,
    /// The number of the token that it was issued for.
    token: Option<u64>,
    /// Its X.509 twin, in DER.
    twin: Option<Vec<u8>>,
}

fn story(reader: &mut dyn LedgerReader, serial: Serial) -> Result<Option<Story>, LedgerError> {
    let Some(record) = reader.find_by_serial(serial)? else { return Ok(None) };
    let later = Page { subject: Some(record.subject_id.as_id()), after: record.id, limit: LATER };
    let mut rows = Vec::new();
    // A damaged certificate has a page of its own.
    reader.list_each(later, &mut rows)?;
    let renewals = rows.iter().flatten().filter(|later| later.renews == Some(serial));
    let renewed_by = renewals.map(|later| (later.serial, later.issued)).collect();
    let (history, token) = (reader.revocation_history(serial)?, reader.token_of(&record)?);
    Ok(Some(Story { history, renewed_by, token, twin: reader.twin(serial)?, record }))
}

async fn json(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let record = read(&shared, &serial, |reader, serial| reader.find_by_serial(serial)).await?;
    match record.format {
        CertificateFormat::Json => Ok(download("certificate.json", "application/json", record.certificate)),
        CertificateFormat::X509 => Err(unknown()),
    }
}

async fn pem(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let text = CertificateFormat::X509.text(&read(&shared, &serial, x509).await?);
    Ok(download("certificate.pem", "application/x-pem-file", text.into_bytes()))
}

async fn der(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    Ok(download("certificate.der", "application/pkix-cert", read(&shared, &serial, x509).await?))
}

/// The X.509 certificate with this serial number, in DER: the twin of a JSON certificate.
fn x509(reader: &mut dyn LedgerReader, serial: Serial) -> Result<Option<Vec<u8>>, LedgerError> {
    let record = reader.find_by_serial(serial)?;
    match record.filter(|record| record.format == CertificateFormat::X509) {
        Some(record) => Ok(Some(record.certificate)),
        None => reader.twin(serial),
    }
}

/// The bytes that the CA has signed, for other programs.
async fn signed(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Result<Response, Refusal> {
    let record = read(&shared, &serial, |reader, serial| reader.find_by_serial(serial)).await?;
    let certificate = Certificate::parse(&record.certificate).map_err(|_| unknown())?;
    Ok(download("signed.bin", "application/octet-stream", certificate.signed_slices().concat()))
}

/// The signature of the CA, for other programs.
async fn signature(
    State(shared): State<Arc<Shared>>,
    Path(serial): Path<String>,
) -> Result<Response, Refusal> {
    let record = read(&shared, &serial, |reader, serial| reader.find_by_serial(serial)).await?;
    let body: Value = serde_json::from_slice(&record.certificate).map_err(|_| unknown())?;
    let text = body.get("ca_signature_b64").and_then(Value::as_str).unwrap_or_default();
    let mut room = vec![0; text.len()];
    let bytes = base64::decode(text, &mut room).map_err(|_| unknown())?.to_vec();
    Ok(download("signature.bin", "application/octet-stream", bytes))
}

fn download(name: &str, media_type: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, media_type.to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response()
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
    let found = shared.service.clone().read(move |reader| find(reader, serial)).await?;
    found.ok_or_else(unknown)
}

/// The refusal for a serial number that no certificate has.
pub(super) fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "No certificate was issued with this serial number.",
        "Search for the certificate by its subject.",
    )
}
