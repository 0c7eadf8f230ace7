//! The search of a ledger: a table of certificates, filtered and sorted by its columns, a page at a time.
//!
//! A page begins after the last row of the page before (keyset paging). So new certificates do not move it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::{CertificateRecord, StateFilter};

/// A search. All its filters apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The prefix of the subject; empty for all.
    pub subject: String,
    /// The serial number.
    pub serial: Option<Serial>,
    /// The range of the key, by its bytes. A prefix of a key is a range.
    pub key: Option<RangeInclusive<Vec<u8>>>,
    /// The earliest start of the validity.
    pub begins_from: Option<UnixTime>,
    /// The end of that range, exclusive.
    pub begins_before: Option<UnixTime>,
    /// The earliest end of the validity.
    pub ends_from: Option<UnixTime>,
    /// The end of that range, exclusive.
    pub ends_before: Option<UnixTime>,
    /// The range of the number in the order of issue, [`CertificateRecord::id`].
    pub numbers: Option<RangeInclusive<u64>>,
    /// The state of the certificate.
    pub state: Option<StateFilter>,
    /// The order.
    pub order: Order,
    /// Whether the order is reversed.
    pub descending: bool,
    /// The page.
    pub place: PagePlace,
    /// The number of rows in a page, at most [`Search::MOST`].
    pub limit: usize,
}

impl Search {
    /// The maximum number of rows in a page.
    pub const MOST: usize = 2000;

    /// A search for subjects that begin with `text`; `None` if no subject can.
    pub fn for_subject(self, text: &str) -> Option<Self> {
        let fits = text.is_empty() || Id::new(text).is_ok();
        fits.then(|| Self { subject: text.to_owned(), ..self })
    }

    /// The page from the `rows` that an engine has found. They are in the direction of reading. One row above the limit
    /// means that there are more.
    pub fn page(&self, mut rows: Vec<CertificateRecord>) -> Found {
        let limit = self.limit.clamp(1, Self::MOST);
        let (backward, more) = (matches!(self.place, PagePlace::Before(_)), rows.len() > limit);
        rows.truncate(limit);
        if backward {
            rows.reverse();
        }
        let cursor = |record: Option<&CertificateRecord>| record.map(|record| self.order.cursor(record));
        let (first, last) = (cursor(rows.first()), cursor(rows.last()));
        match self.place {
            PagePlace::First => Found { records: rows, before: None, after: last.filter(|_| more) },
            PagePlace::After(_) => Found { records: rows, before: first, after: last.filter(|_| more) },
            PagePlace::Before(_) => Found { records: rows, before: first.filter(|_| more), after: last },
        }
    }
}

/// The column that sorts the table. Rows with the same value are in the order of issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The order of issue.
    #[default]
    Issue,
    /// The subject, by its bytes.
    Subject,
    /// The serial number.
    Serial,
    /// The start of the validity.
    Begin,
    /// The end of the validity.
    End,
}

impl Order {
    /// The value that sorts `record` in this order.
    pub fn value(self, record: &CertificateRecord) -> SortValue {
        match self {
            Self::Issue => SortValue::Number(record.id),
            Self::Subject => SortValue::Text(record.subject_id.to_string()),
            Self::Serial => SortValue::Serial(record.serial.to_be_bytes()),
            Self::Begin => SortValue::Number(record.validity.not_before().get()),
            Self::End => SortValue::Number(record.validity.not_after().get()),
        }
    }

    /// The value that sorts a row at `cursor` in this order. A cursor of another order has the least value.
    pub fn value_at(self, cursor: &Cursor) -> SortValue {
        match self {
            Self::Subject => SortValue::Text(cursor.value.clone()),
            Self::Serial => SortValue::Serial(from_hex(&cursor.value).unwrap_or([0; Serial::OCTETS])),
            Self::Issue | Self::Begin | Self::End => SortValue::Number(cursor.value.parse().unwrap_or(0)),
        }
    }

    /// The cursor of `record` in this order.
    fn cursor(self, record: &CertificateRecord) -> Cursor {
        Cursor { value: self.value(record).to_string(), id: record.id }
    }
}

/// The value that sorts a row. Only values of one order are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// The row's number, or a time in seconds since 1970.
    Number(u64),
    /// A subject.
    Text(String),
    /// A serial number, the most significant octet first.
    Serial([u8; Serial::OCTETS]),
}

impl fmt::Display for SortValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Serial(octets) => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
        }
    }
}

/// The place of a page in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PagePlace {
    /// The first page.
    #[default]
    First,
    /// The page that begins after this row.
    After(Cursor),
    /// The page that ends before this row.
    Before(Cursor),
}

/// A row's place in an order: its sort value and its number. The text form is `value~number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    value: String,
    id: u64,
}

impl Cursor {
    /// The row's number, [`CertificateRecord::id`].
    pub const fn id(&self) -> u64 {
        self.id
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (value, id) = text.rsplit_once('~').ok_or(())?;
        Ok(Self { value: value.to_owned(), id: id.parse().map_err(drop)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.value, self.id)
    }
}

/// A page of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The rows, in order.
    pub records: Vec<CertificateRecord>,
    /// The end of the page before, if there is one.
    pub before: Option<Cursor>,
    /// The start of the page after, if there is one.
    pub after: Option<Cursor>,
}

/// The 20 octets in the hexadecimal digits of `text`.
fn from_hex(text: &str) -> Option<[u8; Serial::OCTETS]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let octet = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.iter().map(octet).collect::<Option<Vec<_>>>()?.try_into().ok()
}
