//! The Certificates page: all issued certificates, with search, order and pages.

mod actions;
mod certificate;
mod revocation;
mod search;
mod state;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use axum::routing::get;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use self::search::{SORTS, SearchForm, encoded};
use self::state::{EXPIRING_DAYS, StateBadge};
use crate::shell::Shared;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{CertificateRecord, CertificateState, Found, LedgerError, Order};
use minipki_net::trace::explain::hex;
use minipki_os::{Failure, clock};

const PATH: &str = "/certificates";

/// The number of hexadecimal digits of a key in the table.
const KEY_SHOWN: usize = 12;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).merge(certificate::routes()).merge(actions::routes())
}

/// A certificate in the table.
struct CertificateRow {
    serial: Serial,
    subject: String,
    state: StateBadge,
    key: String,
    issued: Option<RelativeTime>,
    begin: RelativeTime,
    end: RelativeTime,
}

impl CertificateRow {
    fn new(record: &CertificateRecord, now: UnixTime, days: u64) -> Self {
        let CertificateRecord { serial, subject_id, subject_key, validity, issued, .. } = record;
        Self {
            serial: *serial,
            subject: subject_id.to_string(),
            state: StateBadge::of(record, now, days),
            key: hex(subject_key).chars().take(KEY_SHOWN).collect(),
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
    days: u64,
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

    /// The states: the value in the form, and its label.
    fn states(&self) -> [(&'static str, &'static str); 6] {
        CertificateState::ALL.map(|state| (state.name(), state::words(state)))
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

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(form): Query<SearchForm>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let (search, mut error) = match form.search(now) {
        Ok(search) => (Some(search), None),
        Err(seen) => (None, Some(Failure { seen, next: None })),
    };
    let read = shared.service.clone().read(move |reader| {
        let found = search.map(|search| reader.search(&search)).transpose();
        Ok((reader.issued()?, found))
    });
    let (issued, found) = read.await.map_err(Refusal::from_diagnostic)?;
    let found = match found {
        Ok(found) => found,
        Err(slow @ LedgerError::TooSlow) => {
            error = Some(Failure::from(&slow));
            None
        }
        Err(error) => return Err(Refusal::from_diagnostic(error)),
    };
    let Found { records, before, after } =
        found.unwrap_or(Found { records: Vec::new(), before: None, after: None });
    let days = form.days().unwrap_or(EXPIRING_DAYS);
    let query = form.query();
    let link = |name: &str, cursor: String| format!("{PATH}?{query}{name}={}", encoded(&cursor));
    render(&CertificatesPage {
        frame: Frame::new("Certificates", PATH, &visitor),
        days,
        issued,
        rows: records.iter().map(|record| CertificateRow::new(record, now, days)).collect(),
        before: before.map(|cursor| link("before", cursor.to_string())),
        after: after.map(|cursor| link("after", cursor.to_string())),
        error,
        form,
    })
}
