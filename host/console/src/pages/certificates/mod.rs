//! The Certificates page: every certificate ever issued, searched, sorted, a page at a time.

mod certificate;

use std::ops::RangeInclusive;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use axum::routing::get;
use minipki_core::encoding::base64;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use serde::Deserialize;

use crate::shell::page::{Frame, Refusal, render};
use crate::shell::relative_time::RelativeTime;
use crate::shell::session::Visitor;
use crate::shell::shared::Shared;
use minipki_ca::ports::{CertificateRecord, Found, LedgerError, Order, PagePlace, Search};
use minipki_net::trace::explain::hex;
use minipki_os::clock;

const PATH: &str = "/certificates";

/// Rows of a page.
const ROWS: usize = 50;

/// Digits of a key that the table shows.
const KEY_SHOWN: usize = 12;

const DAY: u64 = 86_400;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(PATH, get(page)).merge(certificate::routes())
}

/// The search as a browser sends it: everything is text, and empty where it is not filled in.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    subject: String,
    serial: String,
    key: String,
    from: String,
    until: String,
    sort: String,
    after: String,
    before: String,
}

/// The orders that there are: what the browser sends, what it is called, and what it is.
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

impl Asked {
    /// What is asked for.
    ///
    /// # Errors
    /// What is wrong with it, for the person who typed it.
    fn search(&self) -> Result<Search, String> {
        let (_, _, order, descending) =
            SORTS.into_iter().find(|(sort, ..)| *sort == self.sort).unwrap_or(SORTS[0]);
        let serial = match self.serial.trim() {
            "" => None,
            text => Some(text.parse().ok().and_then(|number| Serial::new(number).ok()).ok_or(
                "A serial number is a whole number from 1 to 9007199254740991; a part of one is not searched for.",
            )?),
        };
        let key = match self.key.split_whitespace().collect::<String>().as_str() {
            "" => None,
            text => Some(key_range(text).ok_or(
                "A key is searched for by the digits of its hexadecimal form from the first on, or by its whole base64.",
            )?),
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
            "No subject begins so: a subject has 1 to 64 of the characters A-Z a-z 0-9 . _ - : @".to_owned()
        })
    }

    /// The query string of this search, without its place.
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

/// All keys that begin with these digits, or the one that this is the base64 of.
fn key_range(text: &str) -> Option<RangeInclusive<Vec<u8>>> {
    if text.len() <= 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let end = |fill: char| -> Option<Vec<u8>> {
            let digits: String = text.chars().chain(std::iter::repeat(fill)).take(64).collect();
            let mut key = vec![0; 32];
            for (place, byte) in key.iter_mut().enumerate() {
                *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
            }
            Some(key)
        };
        return Some(end('0')?..=end('f')?);
    }
    let mut room = [0; 64];
    let key: [u8; 32] = base64::decode(text, room.get_mut(..text.len())?).ok()?.try_into().ok()?;
    Some(key.to_vec()..=key.to_vec())
}

/// The beginning of a day, `YYYY-MM-DD`, UTC.
fn date(text: &str) -> Result<Option<UnixTime>, String> {
    match text.trim() {
        "" => Ok(None),
        day => format!("{day}T00:00:00+00:00")
            .parse()
            .map(Some)
            .map_err(|_| format!("{day} is no date; write it as 2026-11-24.")),
    }
}

/// Text as a value of a query string.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
        all
    })
}

/// A certificate as a row shows it.
struct Row {
    serial: Serial,
    subject: String,
    key: String,
    begin: RelativeTime,
    end: RelativeTime,
    expired: bool,
}

impl Row {
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
    asked: Asked,
    issued: u64,
    rows: Vec<Row>,
    before: Option<String>,
    after: Option<String>,
    fault: Option<String>,
}

impl CertificatesPage {
    const fn sorts(&self) -> &'static [(&'static str, &'static str, Order, bool)] {
        &SORTS
    }

    fn is_sort(&self, sort: &str) -> bool {
        self.asked.sort == sort || (self.asked.sort.is_empty() && sort == SORTS[0].0)
    }

    /// The link of a column's head: sorted by it, and the other way round if it is already.
    fn sorted(&self, column: &str) -> String {
        let sort = if self.asked.sort == column { format!("{column}-") } else { column.to_owned() };
        let asked = Asked { sort, ..self.asked.clone() };
        format!("{PATH}?{}", asked.query())
    }

    /// What a screen reader is told of a column.
    fn way(&self, column: &str) -> &'static str {
        match self.asked.sort.strip_prefix(column) {
            Some("") => "ascending",
            Some("-") => "descending",
            _ => "none",
        }
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let now = clock::now()?;
    let (search, mut fault) = match asked.search() {
        Ok(search) => (Some(search), None),
        Err(fault) => (None, Some(fault)),
    };
    let read = shared.service.clone().read(move |reader| {
        let found = search.map(|search| reader.search(&search)).transpose();
        Ok((reader.issued()?, found))
    });
    let (issued, found) = read.await.map_err(Refusal::told)?;
    let found = match found {
        Ok(found) => found,
        Err(slow @ LedgerError::TooSlow) => {
            fault = Some(slow.to_string());
            None
        }
        Err(error) => return Err(Refusal::told(error)),
    };
    let Found { records, before, after } =
        found.unwrap_or(Found { records: Vec::new(), before: None, after: None });
    let query = asked.query();
    let link = |name: &str, cursor: String| format!("{PATH}?{query}{name}={}", encoded(&cursor));
    render(&CertificatesPage {
        frame: Frame::new("Certificates", PATH, &visitor),
        issued,
        rows: records.iter().map(|record| Row::new(record, now)).collect(),
        before: before.map(|cursor| link("before", cursor.to_string())),
        after: after.map(|cursor| link("after", cursor.to_string())),
        fault,
        asked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_first_digits_or_whole() {
        let (low, high) = key_range("aB1").expect("three digits").into_inner();
        assert_eq!((&low[..3], &high[..3]), (&[0xab, 0x10, 0][..], &[0xab, 0x1f, 0xff][..]));
        let whole = key_range(&"5a".repeat(32)).expect("all digits");
        assert_eq!(whole, vec![0x5a; 32]..=vec![0x5a; 32]);
        let base64 = key_range("WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=").expect("base64");
        assert_eq!(base64, whole);
        for wrong in ["xyz", &"a".repeat(65), "WlpaWg==", "é"] {
            assert_eq!(key_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_search_goes_into_a_link_and_says_what_is_wrong_with_it() {
        let asked = Asked { subject: "a&b=c".to_owned(), sort: "end-".to_owned(), ..Asked::default() };
        assert_eq!(asked.query(), "subject=a%26b%3Dc&sort=end-&");
        assert!(asked.search().expect_err("no such subject").contains("No subject"));
        for (from, serial, word) in [("2026-13-01", "", "date"), ("", "0", "serial"), ("", "1x", "serial")] {
            let asked = Asked { from: from.to_owned(), serial: serial.to_owned(), ..Asked::default() };
            assert!(asked.search().expect_err("wrong").contains(word));
        }
    }
}
