//! The Certificates page: all issued certificates, with search, filters, order and pages.

mod actions;
mod certificate;
mod checks;
mod chips;
mod encoding;
mod export;
mod path_checks;
mod revocation;
mod search;
mod state;
mod text;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use minipki_core::x509::PublicKeyInfo;

use self::chips::ChipGroup;
use self::search::{SORTS, SearchForm, encoded};
use self::state::{EXPIRING_DAYS, StateBadge};
use crate::shell::Shared;
use crate::shell::page::{Frame, render};
use crate::shell::refusal::Refusal;
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{
    CertificateFormat, CertificateRecord, Found, LedgerError, LedgerReader, Order, Search,
};
use minipki_net::trace::explain::hex;
use minipki_net::trace::x509::algorithm::key_words;
use minipki_os::{Failure, clock};
use minipki_server::ServiceError;

const PATH: &str = "/certificates";

/// The number of hexadecimal digits of a key in the table.
const KEY_SHOWN: usize = 12;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(PATH, get(page))
        .merge(export::routes())
        .merge(certificate::routes())
        .merge(actions::routes())
}

/// A certificate in the table.
struct CertificateRow {
    serial: Serial,
    subject: String,
    state: StateBadge,
    key: String,
    is_x509: bool,
    issued: Option<RelativeTime>,
    begin: RelativeTime,
    end: RelativeTime,
}

impl CertificateRow {
    fn new(record: &CertificateRecord, now: UnixTime, days: u64) -> Self {
        let CertificateRecord { serial, subject_id, subject_key, validity, issued, format, .. } = record;
        let is_x509 = *format == CertificateFormat::X509;
        Self {
            serial: *serial,
            subject: subject_id.to_string(),
            state: StateBadge::of(record, now, days),
            key: match PublicKeyInfo::parse(subject_key) {
                Ok(info) if is_x509 => key_words(&info),
                _ => hex(subject_key).chars().take(KEY_SHOWN).chain(['…']).collect(),
            },
            is_x509,
            issued: issued.map(|time| RelativeTime::new(time, now)),
            begin: RelativeTime::new(validity.not_before(), now),
            end: RelativeTime::new(validity.not_after(), now),
        }
    }
}

#[derive(Template)]
#[template(path = "certificates.html")]
struct CertificatesPage {
    frame: Frame,
    form: SearchForm,
    chips: [ChipGroup; 3],
    issued: u64,
    rows: Vec<CertificateRow>,
    before: Option<String>,
    after: Option<String>,
    error: Option<Failure>,
}

impl CertificatesPage {
    const fn sorts(&self) -> &'static [(&'static str, &'static str, Order, bool)] {
        &SORTS
    }

    fn is_sort(&self, sort: &str) -> bool {
        self.form.sort == sort || (self.form.sort.is_empty() && sort == SORTS[0].0)
    }

    /// The link of a column's head. It sorts by the column, or reverses the order if the column is sorted already.
    fn sorted(&self, column: &str) -> String {
        let sort = if self.form.sort == column { format!("{column}-") } else { column.to_owned() };
        let form = SearchForm { sort, ..self.form.clone() };
        format!("{PATH}?{}", form.query())
    }

    /// The order of a column, for a screen reader.
    fn direction(&self, column: &str) -> &'static str {
        match self.form.sort.strip_prefix(column) {
            Some("") => "ascending",
            Some("-") => "descending",
            _ => "none",
        }
    }
}

/// The outcome of a search.
struct Outcome {
    /// The form with the meaning of the text that was found.
    form: SearchForm,
    /// The filters of the search; `None` after a mistake in the form.
    search: Option<Search>,
    found: Found,
    /// The number of all certificates.
    issued: u64,
    error: Option<Failure>,
}

impl Outcome {
    /// The outcome of the first meaning of the text that finds a certificate, or of the last one.
    async fn of(shared: &Shared, form: SearchForm, limit: usize, now: UnixTime) -> Result<Self, Refusal> {
        let service = shared.service.clone();
        let nothing = Found { records: Vec::new(), before: None, after: None };
        let nothing = Self { form: form.clone(), search: None, found: nothing, issued: 0, error: None };
        if matches!(service.folder(), Err(ServiceError::NoKey)) {
            return Ok(nothing);
        }
        let read = service.read(move |reader| {
            let mut outcome = Self { issued: reader.issued()?, ..nothing };
            let meanings = match form.meanings() {
                Ok(meanings) => meanings,
                Err(seen) => {
                    outcome.error = Some(Failure { seen, next: None });
                    return Ok(outcome);
                }
            };
            for meaning in meanings {
                let search = match search_of(&meaning, reader, limit, now)? {
                    Ok(search) => search,
                    Err(seen) => {
                        outcome.error = Some(Failure { seen, next: None });
                        break;
                    }
                };
                (outcome.form, outcome.search) = (meaning, Some(search.clone()));
                match reader.search(&search) {
                    Ok(found) => outcome.found = found,
                    Err(slow @ LedgerError::TooSlow) => outcome.error = Some(Failure::from(&slow)),
                    Err(error) => return Err(error),
                }
                if outcome.error.is_some() || !outcome.found.records.is_empty() {
                    break;
                }
            }
            Ok(outcome)
        });
        read.await.map_err(|error: ServiceError| error.into())
    }
}

/// The search of `form`, or the error in it for the user.
fn search_of(
    form: &SearchForm,
    reader: &mut dyn LedgerReader,
    limit: usize,
    now: UnixTime,
) -> Result<Result<Search, String>, LedgerError> {
    let (search, days) = match form.search(now).and_then(|search| Ok((search, form.days_of_issue(now)?))) {
        Ok(read) => read,
        Err(seen) => return Ok(Err(seen)),
    };
    let numbers = match days {
        Some(days) => match reader.issued_before(&days)?[..] {
            [before, until] => Some(before + 1..=until),
            _ => None,
        },
        None => None,
    };
    Ok(Ok(Search { numbers, limit, ..search }))
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(form): Query<SearchForm>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let Outcome { form, found, issued, error, .. } = Outcome::of(&shared, form, search::ROWS, now).await?;
    let Found { records, before, after } = found;
    let days = form.days().unwrap_or(EXPIRING_DAYS);
    let query = form.query();
    let link = |name: &str, cursor: String| format!("{PATH}?{query}{name}={}", encoded(&cursor));
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = render(&CertificatesPage {
        frame: Frame::new("Certificates", PATH, &visitor),
        chips: chips::groups(&form, days),
        issued,
        rows: records.iter().map(|record| CertificateRow::new(record, now, days)).collect(),
        before: before.map(|cursor| link("before", cursor.to_string())),
        after: after.map(|cursor| link("after", cursor.to_string())),
        error,
        form,
    })?;
    Ok((status, page).into_response())
}
