//! The Certificates page: all issued certificates, with search, order and pages.

mod certificate;

use std::ops::RangeInclusive;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use axum::routing::get;
use minipki_core::encoding::base64;
use minipki_core::limits::SPKI_DER;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use serde::Deserialize;

use crate::shell::Shared;
use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use minipki_ca::ports::{CertificateRecord, Found, LedgerError, Order, PagePlace, Search};
use minipki_net::trace::explain::hex;
use minipki_os::{Failure, clock};

const PATH: &str = "/certificates";

/// The number of rows of a page.
const ROWS: usize = 50;

/// The number of hexadecimal digits of a key in the table.
const KEY_SHOWN: usize = 12;

/// The length of the shortest public key, an X25519 key.
const KEY_BYTES: usize = 32;

const DAY: u64 = 86_400;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).merge(certificate::routes())
}

/// The search form as a browser sends it. Each field is text; an empty field does not restrict the search.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct SearchForm {
    subject: String,
    serial: String,
    key: String,
    from: String,
    until: String,
    sort: String,
    after: String,
    before: String,
}

/// The orders of the table: the value in the form, its label, the order, and whether it is descending.
const SORTS: [(&str, &str, Order, bool); 8] = [
    ("newest", "Newest first", Order::Issue, true),
    ("oldest", "Oldest first", Order::Issue, false),
    ("subject", "Subject, A to Z", Order::Subject, false),
    ("subject-", "Subject, Z to A", Order::Subject, true),
    ("end", "Ends soonest", Order::End, false),
    ("end-", "Ends last", Order::End, true),
    ("begin", "Begins first", Order::Begin, false),
    ("begin-", "Begins last", Order::Begin, true),
];

impl SearchForm {
    /// The search in the ledger.
    ///
    /// # Errors
    /// The error in the form, as a text for the user.
    fn search(&self) -> Result<Search, String> {
        let (_, _, order, descending) =
            SORTS.into_iter().find(|(sort, ..)| *sort == self.sort).unwrap_or(SORTS[0]);
        let serial = match self.serial.trim() {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                "A serial number is a whole number from 1, or its octets with colons between them, as in 1f:80:0a."
            })?),
        };
        let key = match self.key.split_whitespace().collect::<String>().as_str() {
            "" => None,
            text => Some(
                key_range(text)
                    .ok_or("Enter the first hexadecimal digits of a key, or the whole key in base64.")?,
            ),
        };
        let until = date(&self.until)?.map(|day| day.checked_add_seconds(DAY).unwrap_or(day));
        let place = match (self.after.parse(), self.before.parse()) {
            (Ok(cursor), _) => PagePlace::After(cursor),
            (_, Ok(cursor)) => PagePlace::Before(cursor),
            _ => PagePlace::First,
        };
        let search = Search {
            serial,
            key,
            begins_from: date(&self.from)?,
            begins_before: until,
            order,
            descending,
            place,
            limit: ROWS,
            ..Search::default()
        };
        search.for_subject(self.subject.trim()).ok_or_else(|| {
            "No subject begins like this: a subject has 1 to 64 of the characters A-Z a-z 0-9 . _ - : @"
                .to_owned()
        })
    }

    /// The query string of this search, without the position of the page.
    fn query(&self) -> String {
        let fields = [
            ("subject", &self.subject),
            ("serial", &self.serial),
            ("key", &self.key),
            ("from", &self.from),
            ("until", &self.until),
            ("sort", &self.sort),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}&", encoded(value))).collect()
    }

    fn filters(&self) -> bool {
        [&self.subject, &self.serial, &self.key, &self.from, &self.until].iter().any(|text| !text.is_empty())
    }
}

/// All keys that begin with these hexadecimal digits, or the single key with this base64 form.
fn key_range(text: &str) -> Option<RangeInclusive<Vec<u8>>> {
    if text.len() <= 2 * SPKI_DER && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        // Half an octet at the end stands for all octets that begin with it.
        let prefix = |fill: char| -> Option<Vec<u8>> {
            let digits: String = text.chars().chain((text.len() % 2 == 1).then_some(fill)).collect();
            let octets = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
            octets.map(|octet| u8::from_str_radix(octet?, 16).ok()).collect()
        };
        let mut last = prefix('f')?;
        last.resize(SPKI_DER, 0xff);
        return Some(prefix('0')?..=last);
    }
    let mut room = vec![0; text.len()];
    let key = base64::decode(text, &mut room).ok().filter(|key| key.len() >= KEY_BYTES)?.to_vec();
    Some(key.clone()..=key)
}

/// The beginning of a day, `YYYY-MM-DD`, UTC.
fn date(text: &str) -> Result<Option<UnixTime>, String> {
    match text.trim() {
        "" => Ok(None),
        day => format!("{day}T00:00:00+00:00")
            .parse()
            .map(Some)
            .map_err(|_| format!("{day} is not a date. Write a date as 2026-11-24.")),
    }
}

/// Percent-encodes a value of a query string.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
        all
    })
}

/// A certificate in the table.
struct CertificateRow {
    serial: Serial,
    subject: String,
    key: String,
    begin: RelativeTime,
    end: RelativeTime,
    expired: bool,
}

impl CertificateRow {
    fn new(record: &CertificateRecord, now: UnixTime) -> Self {
        let CertificateRecord { serial, subject_id, subject_key, validity, .. } = record;
        Self {
            serial: *serial,
            subject: subject_id.to_string(),
            key: hex(subject_key).chars().take(KEY_SHOWN).collect(),
            begin: RelativeTime::new(validity.not_before(), now),
            end: RelativeTime::new(validity.not_after(), now),
            expired: validity.not_after() < now,
        }
    }
}

#[derive(Template)]
#[template(path = "certificates.html")]
struct CertificatesPage {
    frame: Frame,
    form: SearchForm,
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

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(form): Query<SearchForm>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let (search, mut error) = match form.search() {
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
    let query = form.query();
    let link = |name: &str, cursor: String| format!("{PATH}?{query}{name}={}", encoded(&cursor));
    render(&CertificatesPage {
        frame: Frame::new("Certificates", PATH, &visitor),
        issued,
        rows: records.iter().map(|record| CertificateRow::new(record, now)).collect(),
        before: before.map(|cursor| link("before", cursor.to_string())),
        after: after.map(|cursor| link("after", cursor.to_string())),
        error,
        form,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_first_digits_or_whole() {
        let (low, high) = key_range("aB1").expect("three digits").into_inner();
        assert_eq!((&low[..], &high[..3]), (&[0xab, 0x10][..], &[0xab, 0x1f, 0xff][..]));
        let base64 = key_range("WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=").expect("base64");
        assert_eq!(base64, vec![0x5a; 32]..=vec![0x5a; 32]);
        for bytes in [32, 91, SPKI_DER] {
            let whole = key_range(&"5a".repeat(bytes)).expect("all digits");
            assert!(whole.contains(&vec![0x5a; bytes]) && !whole.contains(&vec![0x5a; bytes - 1]));
            assert!(!whole.contains(&[&vec![0x5a; bytes - 1][..], &[0x5b]].concat()));
        }
        for wrong in ["xyz", &"a".repeat(2 * SPKI_DER + 1), "WlpaWg==", "é"] {
            assert_eq!(key_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_search_is_encoded_in_a_link_and_names_its_errors() {
        let form =
            SearchForm { subject: "a&b=c".to_owned(), sort: "end-".to_owned(), ..SearchForm::default() };
        assert_eq!(form.query(), "subject=a%26b%3Dc&sort=end-&");
        assert!(form.search().expect_err("no such subject").contains("No subject"));
        for (from, serial, word) in [("2026-13-01", "", "date"), ("", "0", "serial"), ("", "1x", "serial")] {
            let form =
                SearchForm { from: from.to_owned(), serial: serial.to_owned(), ..SearchForm::default() };
            assert!(form.search().expect_err("wrong").contains(word));
        }
    }
}
