//! The search form of the Certificates page.

use std::ops::RangeInclusive;

use minipki_core::encoding::base64;
use minipki_core::limits::SPKI_DER;
use minipki_core::time::UnixTime;
use serde::Deserialize;

use super::state::{DAY, EXPIRING_DAYS};
use minipki_ca::ports::{Order, PagePlace, Search, StateFilter};

/// The number of rows of a page.
const ROWS: usize = 50;

/// The length of the shortest public key, an X25519 key.
const KEY_BYTES: usize = 32;

/// The range of [`SearchForm::days`].
const DAYS: RangeInclusive<u64> = 1..=3650;

/// The search form as a browser sends it. Each field is text; an empty field does not restrict the search.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SearchForm {
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
            ("subject", &self.subject),
            ("serial", &self.serial),
            ("key", &self.key),
            ("state", &self.state),
            ("days", &self.days),
            ("from", &self.from),
            ("until", &self.until),
            ("ends_from", &self.ends_from),
            ("ends_until", &self.ends_until),
            ("sort", &self.sort),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}&", encoded(value))).collect()
    }

    /// Whether a field restricts the search.
    pub(super) fn filters(&self) -> bool {
        let Self { subject, serial, key, state, from, until, ends_from, ends_until, .. } = self;
        [subject, serial, key, state, from, until, ends_from, ends_until].iter().any(|text| !text.is_empty())
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
mod tests {
    use super::*;
    use minipki_ca::ports::CertificateState;

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
        let now = UnixTime::MIN;
        let form =
            SearchForm { subject: "a&b=c".to_owned(), sort: "end-".to_owned(), ..SearchForm::default() };
        assert_eq!(form.query(), "subject=a%26b%3Dc&sort=end-&");
        assert!(form.search(now).expect_err("no such subject").contains("No subject"));
        for (query, word) in [
            ("from=2026-13-01", "date"),
            ("ends_until=tomorrow", "date"),
            ("serial=0", "serial"),
            ("serial=1x", "serial"),
            ("state=ended", "state"),
            ("days=0", "1 to 3650 days"),
            ("days=3651", "1 to 3650 days"),
        ] {
            let mut form = SearchForm::default();
            let (name, value) = query.split_once('=').expect("a field");
            let field = match name {
                "from" => &mut form.from,
                "ends_until" => &mut form.ends_until,
                "serial" => &mut form.serial,
                "state" => &mut form.state,
                _ => &mut form.days,
            };
            value.clone_into(field);
            assert!(form.search(now).expect_err(query).contains(word), "{query}");
        }
    }

    #[test]
    fn a_link_keeps_the_state_and_the_dates_of_a_search() {
        let text = |text: &str| text.to_owned();
        let form = SearchForm {
            state: text("expiring"),
            days: text("7"),
            ends_from: text("2026-11-01"),
            ends_until: text("2026-11-30"),
            ..SearchForm::default()
        };
        assert_eq!(form.query(), "state=expiring&days=7&ends_from=2026-11-01&ends_until=2026-11-30&");
        assert!(form.filters() && !SearchForm { days: text("7"), ..SearchForm::default() }.filters());
        let now = UnixTime::MIN;
        let search = form.search(now).expect("a good search");
        let state = StateFilter { state: CertificateState::Expiring, now, expiring_within: 7 * DAY };
        assert_eq!(search.state, Some(state));
        let end = |time: Option<UnixTime>| time.map(|time| time.to_string());
        assert_eq!(end(search.ends_from).as_deref(), Some("2026-11-01T00:00:00+00:00"));
        assert_eq!(end(search.ends_before).as_deref(), Some("2026-12-01T00:00:00+00:00"));
    }
}
