//! The search form of the Certificates page.

use std::ops::RangeInclusive;

use minipki_core::encoding::base64;
use minipki_core::limits::SPKI_DER;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use serde::Deserialize;

use super::state::{DAY, EXPIRING_DAYS};
use minipki_ca::ports::{Order, PagePlace, Search, StateFilter};

/// The number of rows of a page.
pub(super) const ROWS: usize = 50;

/// The length of the shortest public key, an X25519 key.
const KEY_BYTES: usize = 32;

/// The number of hexadecimal digits from which on a text can be the beginning of a key.
const KEY_DIGITS: usize = 4;

/// The range of [`SearchForm::days`], and of the days of issue.
const DAYS: RangeInclusive<u64> = 1..=3650;

/// The search form as a browser sends it. Each field is text; an empty field does not restrict the search.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchForm {
    /// The text of the search box: the beginning of a subject or of a key, or a serial number.
    pub(super) q: String,
    pub(super) subject: String,
    pub(super) serial: String,
    pub(super) key: String,
    pub(super) state: String,
    /// The days before its end in which a certificate is expiring.
    pub(super) days: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) ends_from: String,
    pub(super) ends_until: String,
    /// The days of issue: `today`, a number of days until now, or a date.
    pub(super) issued: String,
    pub(super) sort: String,
    pub(super) after: String,
    pub(super) before: String,
}

/// The orders of the table: the value in the form, its label, the order, and whether it is descending.
pub(super) const SORTS: [(&str, &str, Order, bool); 8] = [
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
    /// This form with each meaning that the text of the search box can have: a serial number, the beginning of a key, or
    /// the beginning of a subject.
    ///
    /// # Errors
    /// A text for the user if it has none.
    pub(super) fn meanings(&self) -> Result<Vec<Self>, String> {
        let text = self.q.trim();
        if text.is_empty() {
            return Ok(vec![self.clone()]);
        }
        let bare = Self {
            q: String::new(),
            subject: String::new(),
            serial: String::new(),
            key: String::new(),
            ..self.clone()
        };
        let digits: String = text.split_whitespace().collect();
        let serial = text.parse::<Serial>().is_ok().then(|| Self { serial: text.to_owned(), ..bare.clone() });
        let key = (digits.len() >= KEY_DIGITS && key_range(&digits).is_some())
            .then(|| Self { key: digits, ..bare.clone() });
        let subject =
            Search::default().for_subject(text).is_some().then(|| Self { subject: text.to_owned(), ..bare });
        let all: Vec<Self> = [serial, key, subject].into_iter().flatten().collect();
        if all.is_empty() {
            return Err(
                "Nothing is found by this text. Write the beginning of a subject, at least four hexadecimal \
                        digits of a key, or a serial number."
                    .to_owned(),
            );
        }
        Ok(all)
    }

    /// The text of the search box.
    pub(super) fn text(&self) -> &str {
        let texts = [&self.q, &self.subject, &self.serial, &self.key];
        texts.into_iter().find(|text| !text.is_empty()).map_or("", |text| text)
    }

    /// The first and the last moment of the days of issue, the last one exclusive.
    ///
    /// # Errors
    /// The error in the form, as a text for the user.
    pub(super) fn days_of_issue(&self, now: UnixTime) -> Result<Option<[UnixTime; 2]>, String> {
        let today = now.get() / DAY * DAY;
        let since = |days: u64| UnixTime::new(today.saturating_sub(days * DAY)).unwrap_or(now);
        let until = now.checked_add_seconds(DAY).unwrap_or(now);
        Ok(match self.issued.trim() {
            "" => None,
            "today" => Some([since(0), until]),
            text => Some(match text.parse::<u64>() {
                Ok(days) if DAYS.contains(&days) => [since(days), until],
                _ => {
                    let day = date(text)?.unwrap_or(now);
                    [day, day_after(day)]
                }
            }),
        })
    }

    /// The search in the ledger at `now`.
    ///
    /// # Errors
    /// The error in the form, as a text for the user.
    pub(super) fn search(&self, now: UnixTime) -> Result<Search, String> {
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
        let expiring_within = self.days()? * DAY;
        let state = match self.state.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|()| "There is no such state. Choose one in the list.")?),
        };
        let place = match (self.after.parse(), self.before.parse()) {
            (Ok(cursor), _) => PagePlace::After(cursor),
            (_, Ok(cursor)) => PagePlace::Before(cursor),
            _ => PagePlace::First,
        };
        let search = Search {
            serial,
            key,
            begins_from: date(&self.from)?,
            begins_before: date(&self.until)?.map(day_after),
            ends_from: date(&self.ends_from)?,
            ends_before: date(&self.ends_until)?.map(day_after),
            state: state.map(|state| StateFilter { state, now, expiring_within }),
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

    /// The days before its end in which a certificate is expiring.
    ///
    /// # Errors
    /// The error in the form, as a text for the user.
    pub(super) fn days(&self) -> Result<u64, String> {
        match self.days.trim() {
            "" => Ok(EXPIRING_DAYS),
            text => text
                .parse()
                .ok()
                .filter(|days| DAYS.contains(days))
                .ok_or_else(|| format!("Enter {} to {} days.", DAYS.start(), DAYS.end())),
        }
    }

    /// The query string of this search, without the position of the page.
    pub(super) fn query(&self) -> String {
        let fields = [
            ("q", &self.q),
            ("subject", &self.subject),
            ("serial", &self.serial),
            ("key", &self.key),
            ("state", &self.state),
            ("days", &self.days),
            ("from", &self.from),
            ("until", &self.until),
            ("ends_from", &self.ends_from),
            ("ends_until", &self.ends_until),
            ("issued", &self.issued),
            ("sort", &self.sort),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}&", encoded(value))).collect()
    }

    /// Whether a field restricts the search.
    pub(super) fn filters(&self) -> bool {
        let Self { q, subject, serial, key, state, issued, .. } = self;
        [q, subject, serial, key, state, issued].iter().any(|text| !text.is_empty()) || self.has_dates()
    }

    /// Whether a date restricts the search.
    pub(super) fn has_dates(&self) -> bool {
        let Self { from, until, ends_from, ends_until, .. } = self;
        [from, until, ends_from, ends_until].iter().any(|text| !text.is_empty())
    }

    /// Whether the order is not the usual one.
    pub(super) fn is_sorted(&self) -> bool {
        !matches!(self.sort.as_str(), "" | "newest")
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

/// The beginning of the next day.
fn day_after(day: UnixTime) -> UnixTime {
    day.checked_add_seconds(DAY).unwrap_or(day)
}

/// Percent-encodes a value of a query string.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(byte)),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
        all
    })
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
