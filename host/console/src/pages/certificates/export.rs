//! The export of the certificates that a search finds, as CSV (RFC 4180) or JSON. It reads page by page, so its memory
//! is bounded.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use minipki_core::time::UnixTime;
use serde_json::json;

use super::Outcome;
use super::search::SearchForm;
use super::state::{EXPIRING_DAYS, StateBadge};
use crate::shell::Shared;
use crate::shell::refusal::Refusal;
use minipki_ca::ports::{CertificateRecord, Found, PagePlace, Search};
use minipki_net::trace::explain::hex;
use minipki_os::clock;

/// The number of certificates that are read at once.
const CHUNK: usize = 500;

/// The names of the columns, which are also the names of the members in JSON.
const COLUMNS: [&str; 9] =
    ["serial", "subject", "state", "key", "issued", "not_before", "not_after", "format", "renews"];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/certificates/export.csv", get(csv)).route("/certificates/export.json", get(json))
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
}

async fn csv(state: State<Arc<Shared>>, query: Query<SearchForm>) -> Result<Response, Refusal> {
    export(state, query, Format::Csv).await
}

async fn json(state: State<Arc<Shared>>, query: Query<SearchForm>) -> Result<Response, Refusal> {
    export(state, query, Format::Json).await
}

async fn export(
    State(shared): State<Arc<Shared>>,
    Query(form): Query<SearchForm>,
    format: Format,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let form = SearchForm { after: String::new(), before: String::new(), ..form };
    let Outcome { search, found, error, .. } = Outcome::of(&shared, form, CHUNK, now).await?;
    let search = match (search, error) {
        (Some(search), None) => search,
        (_, error) => {
            let seen = error.map_or_else(|| "The search has a mistake.".to_owned(), |error| error.seen);
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, seen, "Search for something else."));
        }
    };
    let begin = Progress { shared, search, format, now, next: Some(Ok(found)), first: true };
    let body = Body::from_stream(stream::unfold(begin, Progress::chunk));
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "certificates.csv"),
        Format::Json => ("application/json", "certificates.json"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// The progress of an export.
struct Progress {
    shared: Arc<Shared>,
    search: Search,
    format: Format,
    now: UnixTime,
    /// The next page; `None` at the end.
    next: Option<Result<Found, io::Error>>,
    first: bool,
}

impl Progress {
    /// The text of the next page. After an error the connection ends, so the browser knows that the file is not whole.
    async fn chunk(mut self) -> Option<(Result<String, io::Error>, Self)> {
        let found = match self.next.take()? {
            Ok(found) => found,
            Err(error) => return Some((Err(error), self)),
        };
        let text = self.text(&found);
        self.first = false;
        if let Some(cursor) = found.after {
            self.search.place = PagePlace::After(cursor);
            let search = self.search.clone();
            let read = self.shared.service.clone().read(move |reader| reader.search(&search)).await;
            self.next = Some(read.map_err(io::Error::other));
        }
        Some((Ok(text), self))
    }

    fn text(&self, found: &Found) -> String {
        let rows = found.records.iter().map(|record| values(record, self.now));
        match self.format {
            Format::Csv => {
                let head = self.first.then(|| COLUMNS.map(|name| Some(name.to_owned())));
                head.into_iter().chain(rows).map(|row| line(&row)).collect()
            }
            Format::Json => {
                let mut text = String::from(if self.first { "[" } else { "" });
                for (at, row) in rows.enumerate() {
                    text.push_str(if self.first && at == 0 { "\n" } else { ",\n" });
                    let members = COLUMNS.into_iter().map(str::to_owned).zip(row.map(|value| json!(value)));
                    text.push_str(&serde_json::Value::Object(members.collect()).to_string());
                }
                text.push_str(if found.after.is_none() { "\n]\n" } else { "" });
                text
            }
        }
    }
}

/// The values of a row, in the order of [`COLUMNS`].
fn values(record: &CertificateRecord, now: UnixTime) -> [Option<String>; 9] {
    let time = |time: UnixTime| time.to_string();
    [
        Some(record.serial.to_string()),
        Some(record.subject_id.to_string()),
        Some(StateBadge::of(record, now, EXPIRING_DAYS).words().to_owned()),
        Some(hex(&record.subject_key)),
        record.issued.map(time),
        Some(time(record.validity.not_before())),
        Some(time(record.validity.not_after())),
        Some(record.format.name().to_owned()),
        record.renews.map(|serial| serial.to_string()),
    ]
}

/// A line of CSV.
fn line(row: &[Option<String>]) -> String {
    let cells: Vec<String> = row.iter().map(|value| cell(value.as_deref().unwrap_or_default())).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell of CSV, always quoted. Spreadsheet programs take a text with one of these first characters for a formula, so
/// it gets an apostrophe before it.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("pump-1", "\"pump-1\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("-1", "\"'-1\""),
            ("=1", "\"'=1\""),
            ("+1", "\"'+1\""),
            ("a\"b,c", "\"a\"\"b,c\""),
        ] {
            assert_eq!(cell(text), written);
        }
        assert_eq!(line(&[Some("a".to_owned()), None]), "\"a\",\"\"\r\n");
    }
}
