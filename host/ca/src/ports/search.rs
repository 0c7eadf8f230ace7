//! The search of a ledger: a table of certificates, filtered and sorted by its columns, a page at a time.
//!
//! A page is found by the row where the page before it ended, not by counting (keyset paging): so it stays where it is
//! while certificates are issued.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;

use super::CertificateRecord;

/// Which certificates are wanted. All filters that are given apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Those whose subject begins so; empty is all.
    pub subject: String,
    /// The one with this serial number.
    pub serial: Option<Serial>,
    /// Those whose key is in this range, by its bytes: a prefix of a key is a range.
    pub key: Option<RangeInclusive<Vec<u8>>>,
    /// Those that are valid from this time on or later.
    pub begins_from: Option<UnixTime>,
    /// Those that are valid from before this time on.
    pub begins_before: Option<UnixTime>,
    /// In which order.
    pub order: Order,
    /// Whether it is turned round.
    pub descending: bool,
    /// Which page.
    pub place: PagePlace,
    /// How many to a page. At most 2000 are given.
    pub limit: usize,
}

impl Search {
    /// The most rows of a page.
    pub const MOST: usize = 2000;

    /// Searches for a subject that begins with `text`, if a subject can.
    pub fn for_subject(self, text: &str) -> Option<Self> {
        let fits = text.is_empty() || Id::new(text).is_ok();
        fits.then(|| Self { subject: text.to_owned(), ..self })
    }

    /// The page that an engine has found: `rows` in the direction of reading from the page's place on, one more than the
    /// page has if there are more.
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
    /// When validity begins.
    Begin,
    /// When it ends.
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

    /// The value that sorts a row at `cursor` in this order. A text of another order is the least value.
    pub fn value_at(self, cursor: &Cursor) -> SortValue {
        match self {
            Self::Subject => SortValue::Text(cursor.value.clone()),
            Self::Serial => SortValue::Serial(from_hex(&cursor.value).unwrap_or([0; Serial::OCTETS])),
            Self::Issue | Self::Begin | Self::End => SortValue::Number(cursor.value.parse().unwrap_or(0)),
        }
    }

    /// The place of `record` in this order.
    fn cursor(self, record: &CertificateRecord) -> Cursor {
        Cursor { value: self.value(record).to_string(), id: record.id }
    }
}

/// The value that sorts a row. Values of one order are compared with each other only.
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

/// Which page of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PagePlace {
    /// The first.
    #[default]
    First,
    /// The one that begins after this row.
    After(Cursor),
    /// The one that ends before this row.
    Before(Cursor),
}

/// A row's place in an order: what it is sorted by, and its number. As text, `value~number`.
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
    /// Its rows, in order.
    pub records: Vec<CertificateRecord>,
    /// Where the page before it ends, if there is one.
    pub before: Option<Cursor>,
    /// Where the page after it begins, if there is one.
    pub after: Option<Cursor>,
}

/// The 20 octets that `text` spells in hexadecimal digits.
fn from_hex(text: &str) -> Option<[u8; Serial::OCTETS]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let octet = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.iter().map(octet).collect::<Option<Vec<_>>>()?.try_into().ok()
}
