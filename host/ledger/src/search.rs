//! Search: the pages of a table of certificates, by any of its columns, however many there are.
//!
//! Pages are found by the place where the one before ended, not by counting (keyset paging), so
//! the last is as near as the first. A filter that lets few through is followed by its own index,
//! and what it finds is sorted; otherwise the index of the order is followed, and the filters applied
//! on the way, within the span of numbers that days of begin leave. Whatever takes too long is given up.

use std::str::FromStr;
use std::time::{Duration, Instant};

use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::reader::{Record, select};
use super::serials;
use super::{LedgerReader, StoreError};

/// How many certificates a filter may let through for them all to be looked at and sorted: at once,
/// and where a page of them was not found near.
const FEW: usize = 2000;
const MANY: usize = 50_000;

/// How many rows are looked at for a page of what passes a filter that lets many through.
const NEAR: usize = 5000;

/// How long a search may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// SQLite's instructions between two looks at the clock.
const LOOK: i32 = 10_000;

/// Which certificates are wanted. All filters that are given apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Those whose subject begins so; empty is all.
    pub subject: String,
    /// The one with this serial number.
    pub serial: Option<Serial>,
    /// Those whose key is in this range, both ends included: a prefix of a key is one.
    pub key: Option<([u8; 32], [u8; 32])>,
    /// Those that are valid from this time on or later.
    pub begins_from: Option<UnixTime>,
    /// Those that are valid from before this time on.
    pub begins_before: Option<UnixTime>,
    /// In which order.
    pub order: Order,
    /// Whether it is turned round.
    pub descending: bool,
    /// Which page.
    pub place: Place,
    /// How many to a page.
    pub limit: usize,
}

/// What the table is sorted by.
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

/// Which page of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
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
    id: i64,
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (value, id) = text.rsplit_once('~').ok_or(())?;
        Ok(Self { value: value.to_owned(), id: id.parse().map_err(drop)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}", self.value, self.id)
    }
}

/// A page of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its rows, in order.
    pub records: Vec<Record>,
    /// Where the page before it ends, if there is one.
    pub before: Option<Cursor>,
    /// Where the page after it begins, if there is one.
    pub after: Option<Cursor>,
}

impl Order {
    const fn column(self) -> &'static str {
        match self {
            Self::Issue => "id",
            Self::Subject => "subject_id",
            Self::Serial => "serial",
            Self::Begin => "not_before",
            Self::End => "not_after",
        }
    }

    /// What SQLite is told of the way to go when this order's index is to be followed.
    const fn path(self) -> &'static str {
        match self {
            Self::Issue => "NOT INDEXED",
            Self::Subject => BY_SUBJECT,
            Self::Serial => "INDEXED BY sqlite_autoindex_certificates_1",
            Self::Begin => BY_BEGIN,
            Self::End => "INDEXED BY certificates_by_end",
        }
    }

    /// A row's place in this order.
    fn cursor(self, record: &Record) -> Cursor {
        let value = match self {
            Self::Issue => record.id.to_string(),
            Self::Subject => record.subject_id.to_string(),
            Self::Serial => record.serial.to_string(),
            Self::Begin => record.validity.not_before().get().to_string(),
            Self::End => record.validity.not_after().get().to_string(),
        };
        Cursor { value, id: i64::try_from(record.id).unwrap_or(i64::MAX) }
    }

    /// A cursor's value as the column has it; one that is no number is the least.
    fn value(self, cursor: &Cursor) -> Value {
        match self {
            Self::Subject => Value::Text(cursor.value.clone()),
            _ => Value::Integer(cursor.value.parse().unwrap_or(0)),
        }
    }
}

const BY_SUBJECT: &str = "INDEXED BY certificates_by_subject";
const BY_BEGIN: &str = "INDEXED BY certificates_by_begin";

/// A filter: what SQL it is, and the way to go when it is followed.
struct Filter {
    sql: &'static str,
    values: Vec<Value>,
    path: &'static str,
}

impl Search {
    fn filters(&self) -> Vec<Filter> {
        let mut filters = Vec::new();
        if let Some(serial) = self.serial {
            let values = vec![Value::from(serials::column(serial))];
            filters.push(Filter { sql: "serial = ?", values, path: Order::Serial.path() });
        }
        if let Some((low, high)) = self.key {
            let values = vec![Value::Blob(low.to_vec()), Value::Blob(high.to_vec())];
            let path = "INDEXED BY certificates_by_key";
            filters.push(Filter { sql: "subject_key BETWEEN ? AND ?", values, path });
        }
        if !self.subject.is_empty() {
            // `~` comes after every character of a name.
            let values = vec![self.subject.clone(), format!("{}~", self.subject)];
            let values = values.into_iter().map(Value::Text).collect();
            filters.push(Filter { sql: "subject_id >= ? AND subject_id < ?", values, path: BY_SUBJECT });
        }
        if self.begins_from.is_some() || self.begins_before.is_some() {
            let time = |time: Option<UnixTime>, open| time.map_or(open, |time| time.get() as i64);
            let values = [time(self.begins_from, 0), time(self.begins_before, i64::MAX)];
            let values = values.into_iter().map(Value::Integer).collect();
            filters.push(Filter { sql: "not_before >= ? AND not_before < ?", values, path: BY_BEGIN });
        }
        filters
    }

    /// The order of the rows in the direction of reading.
    fn order(&self) -> String {
        let backward = matches!(self.place, Place::Before(_));
        let direction = if self.descending != backward { "DESC" } else { "ASC" };
        format!("{} {direction}, id {direction}", self.order.column())
    }

    /// The bound that the page's place sets, as another filter.
    fn bound(&self) -> Option<(String, [Value; 2])> {
        let (cursor, forward) = match &self.place {
            Place::First => return None,
            Place::After(cursor) => (cursor, true),
            Place::Before(cursor) => (cursor, false),
        };
        let than = if forward != self.descending { '>' } else { '<' };
        let sql = format!("({}, id) {than} (?, ?)", self.order.column());
        Some((sql, [self.order.value(cursor), Value::Integer(cursor.id)]))
    }
}

impl LedgerReader {
    /// One page of what `search` asks for.
    ///
    /// # Errors
    /// [`StoreError::TooSlow`] where the filters fit together so badly that it takes more than two
    /// seconds; otherwise as [`LedgerReader::list`].
    pub fn search(&mut self, search: &Search) -> Result<Found, StoreError> {
        let began = Instant::now();
        self.connection_mut().progress_handler(LOOK, Some(move || began.elapsed() > PATIENCE))?;
        let found = find(self, search);
        self.connection_mut().progress_handler(0, None::<fn() -> bool>)?;
        found.map_err(|error| match error {
            StoreError::Sqlite(error)
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                StoreError::TooSlow
            }
            error => error.in_ledger(self.connection()),
        })
    }

    /// How many certificates were ever issued: the number of the newest, without counting.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn issued(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(id), 0) FROM certificates";
        let newest = self.connection().query_row(sql, [], |row| row.get::<_, i64>(0));
        newest.map(i64::unsigned_abs).map_err(|e| StoreError::from(e).in_ledger(self.connection()))
    }
}

fn find(reader: &LedgerReader, search: &Search) -> Result<Found, StoreError> {
    let limit = search.limit.clamp(1, FEW);
    let mut records = rows(reader, search, limit + 1)?;
    let (backward, more) = (matches!(search.place, Place::Before(_)), records.len() > limit);
    records.truncate(limit);
    if backward {
        records.reverse();
    }
    let cursor = |record: Option<&Record>| record.map(|record| search.order.cursor(record));
    let (first, last) = (cursor(records.first()), cursor(records.last()));
    Ok(match search.place {
        Place::First => Found { records, before: None, after: last.filter(|_| more) },
        Place::After(_) => Found { records, before: first, after: last.filter(|_| more) },
        Place::Before(_) => Found { records, before: first.filter(|_| more), after: last },
    })
}

/// The first `wanted` rows from the page's place on, in the direction of reading.
fn rows(reader: &LedgerReader, search: &Search, wanted: usize) -> Result<Vec<Record>, StoreError> {
    let filters = search.filters();
    let conditions: Vec<&str> = filters.iter().map(|filter| filter.sql).collect();
    let values: Vec<Value> = filters.iter().flat_map(|filter| filter.values.clone()).collect();
    let (bound, bounds) =
        search.bound().map_or((None, Vec::new()), |(sql, values)| (Some(sql), values.into()));
    let order = search.order();
    let read = |rows: &str, values: Vec<Value>| {
        let sql = format!("{} WHERE id IN ({rows}) ORDER BY {order}", select!(""));
        reader.records(&sql, params_from_iter(values))
    };
    let whole = |path: &str, span: &[Value]| {
        let mut conditions = conditions.clone();
        conditions.extend(bound.as_deref());
        conditions.extend((!span.is_empty()).then_some("id BETWEEN ? AND ?"));
        let conditions = filtered(&conditions);
        let rows = format!("SELECT id FROM certificates {path} {conditions} ORDER BY {order} LIMIT {wanted}");
        read(&rows, [&values[..], &bounds[..], span].concat())
    };

    if filters.is_empty() {
        return whole(search.order.path(), &[]);
    }
    if let Some(path) = narrow(reader.connection(), &filters, FEW)? {
        return whole(path, &[]);
    }
    // Many pass the filters, so most likely a page of them is near.
    let (path, conditions) = (search.order.path(), filtered(&conditions));
    let near = format!(
        "SELECT id, serial, subject_id, subject_key, not_before, not_after FROM certificates {path} {} \
         ORDER BY {order} LIMIT {NEAR}",
        filtered(bound.as_deref().as_slice()),
    );
    let near = format!("SELECT id FROM ({near}) {conditions} ORDER BY {order} LIMIT {wanted}");
    let found = read(&near, [&bounds[..], &values[..]].concat())?;
    match &filters[..] {
        _ if found.len() == wanted => Ok(found),
        // Every index ends with the row's number, so it is enough for this order.
        [alone] if search.order == Order::Issue => whole(alone.path, &[]),
        _ => match narrow(reader.connection(), &filters, MANY)? {
            Some(path) => whole(path, &[]),
            None => whole(path, &span(reader.connection(), &filters)?),
        },
    }
}

fn filtered(conditions: &[&str]) -> String {
    if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) }
}

/// The index of a filter that lets at most so many through, if there is one.
fn narrow(
    connection: &Connection,
    filters: &[Filter],
    most: usize,
) -> Result<Option<&'static str>, StoreError> {
    for Filter { sql, values, path } in filters {
        let count =
            format!("SELECT count(*) FROM (SELECT 1 FROM certificates {path} WHERE {sql} LIMIT {most} + 1)");
        let mut query = connection.prepare_cached(&count)?;
        let count: i64 = query.query_row(params_from_iter(values), |row| row.get(0))?;
        if count as usize <= most {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The first and the last number of what passes the filter of begins, if there is one, off its index.
fn span(connection: &Connection, filters: &[Filter]) -> Result<Vec<Value>, StoreError> {
    let Some(Filter { sql, values, path }) = filters.iter().find(|filter| filter.path == BY_BEGIN) else {
        return Ok(Vec::new());
    };
    let mut query = connection
        .prepare_cached(&format!("SELECT min(id), max(id) FROM certificates {path} WHERE {sql}"))?;
    Ok(query.query_row(params_from_iter(values), |row| Ok(vec![row.get(0)?, row.get(1)?]))?)
}

impl Search {
    /// Searches for a subject that begins with `text`, if a subject can.
    pub fn for_subject(self, text: &str) -> Option<Self> {
        let fits = text.is_empty() || Id::new(text).is_ok();
        fits.then(|| Self { subject: text.to_owned(), ..self })
    }
}
