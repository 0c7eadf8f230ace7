//! The SQL of a search.
//!
//! A filter that lets few through is followed by its own index, and what it finds is sorted; otherwise the index of the
//! order is followed, and the filters applied on the way, within the span of numbers that days of begin leave. Whatever
//! takes too long is given up.

use std::time::{Duration, Instant};

use minipki_core::time::UnixTime;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::StoreError;
use super::rows::{records, row_error, select};
use minipki_ca::ports::{CertificateRecord, Cursor, Found, LedgerError, Order, PagePlace, Search, SortValue};

/// How many certificates a filter may let through for them all to be looked at and sorted: at once,
/// and where a page of them was not found near.
const FEW: usize = 2000;
const MANY: usize = 50_000;

/// How many rows are looked at for a page of what passes a filter that lets many through.
const NEAR: usize = 5000;

/// How long a search may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// SQLite's instructions between two looks at the clock.
const LOOK: i32 = 10_000;

const fn column(order: Order) -> &'static str {
    match order {
        Order::Issue => "id",
        Order::Subject => "subject_id",
        Order::Serial => "serial",
        Order::Begin => "not_before",
        Order::End => "not_after",
    }
}

/// What SQLite is told of the way to go when the index of `order` is to be followed.
const fn path(order: Order) -> &'static str {
    match order {
        Order::Issue => "NOT INDEXED",
        Order::Subject => BY_SUBJECT,
        Order::Serial => BY_SERIAL,
        Order::Begin => BY_BEGIN,
        Order::End => "INDEXED BY certificates_by_end",
    }
}

/// The value of a cursor as the column of `order` has it.
fn value(order: Order, cursor: &Cursor) -> Value {
    match order.value_at(cursor) {
        SortValue::Number(number) => integer(number),
        SortValue::Text(text) => Value::Text(text),
        SortValue::Serial(octets) => Value::Blob(octets.into()),
    }
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

const BY_SERIAL: &str = "INDEXED BY certificates_by_serial";
const BY_SUBJECT: &str = "INDEXED BY certificates_by_subject";
const BY_BEGIN: &str = "INDEXED BY certificates_by_begin";

/// A filter: what SQL it is, and the way to go when it is followed.
struct Filter {
    sql: &'static str,
    values: Vec<Value>,
    path: &'static str,
}

fn filters(search: &Search) -> Vec<Filter> {
    let mut filters = Vec::new();
    if let Some(serial) = search.serial {
        let values = vec![Value::Blob(serial.to_be_bytes().into())];
        filters.push(Filter { sql: "serial = ?", values, path: BY_SERIAL });
    }
    if let Some(range) = &search.key {
        let values = vec![Value::Blob(range.start().clone()), Value::Blob(range.end().clone())];
        let path = "INDEXED BY certificates_by_key";
        filters.push(Filter { sql: "subject_key BETWEEN ? AND ?", values, path });
    }
    if !search.subject.is_empty() {
        // `~` comes after every character of a name.
        let values = vec![search.subject.clone(), format!("{}~", search.subject)];
        let values = values.into_iter().map(Value::Text).collect();
        filters.push(Filter { sql: "subject_id >= ? AND subject_id < ?", values, path: BY_SUBJECT });
    }
    if search.begins_from.is_some() || search.begins_before.is_some() {
        let time = |time: Option<UnixTime>, open| time.map_or(open, |time| time.get() as i64);
        let values = [time(search.begins_from, 0), time(search.begins_before, i64::MAX)];
        let values = values.into_iter().map(Value::Integer).collect();
        filters.push(Filter { sql: "not_before >= ? AND not_before < ?", values, path: BY_BEGIN });
    }
    filters
}

/// The order of the rows in the direction of reading.
fn order(search: &Search) -> String {
    let backward = matches!(search.place, PagePlace::Before(_));
    let direction = if search.descending != backward { "DESC" } else { "ASC" };
    format!("{} {direction}, id {direction}", column(search.order))
}

/// The bound that the page's place sets, as another filter.
fn bound(search: &Search) -> Option<(String, [Value; 2])> {
    let (cursor, forward) = match &search.place {
        PagePlace::First => return None,
        PagePlace::After(cursor) => (cursor, true),
        PagePlace::Before(cursor) => (cursor, false),
    };
    let than = if forward != search.descending { '>' } else { '<' };
    let sql = format!("({}, id) {than} (?, ?)", column(search.order));
    Some((sql, [value(search.order, cursor), integer(cursor.id())]))
}

/// One page of what `search` asks for, as [`minipki_ca::ports::LedgerReader::search`] says.
pub(super) fn search(connection: &mut Connection, search: &Search) -> Result<Found, LedgerError> {
    let began = Instant::now();
    let bounded = |connection: &mut Connection| {
        connection.progress_handler(LOOK, Some(move || began.elapsed() > TIMEOUT))?;
        // One more than the page has, if there is one.
        let rows = rows(connection, search, search.limit.clamp(1, Search::MOST) + 1);
        connection.progress_handler(0, None::<fn() -> bool>)?;
        rows
    };
    match bounded(connection) {
        Ok(rows) => Ok(search.page(rows)),
        Err(StoreError::Sqlite(error))
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
        {
            Err(LedgerError::TooSlow)
        }
        Err(error) => Err(row_error(connection, error)),
    }
}

/// The first `wanted` rows from the page's place on, in the direction of reading.
fn rows(
    connection: &Connection,
    search: &Search,
    wanted: usize,
) -> Result<Vec<CertificateRecord>, StoreError> {
    let filters = filters(search);
    let conditions: Vec<&str> = filters.iter().map(|filter| filter.sql).collect();
    let values: Vec<Value> = filters.iter().flat_map(|filter| filter.values.clone()).collect();
    let (bound, bounds) =
        bound(search).map_or((None, Vec::new()), |(sql, values)| (Some(sql), values.into()));
    let order = order(search);
    let read = |rows: &str, values: Vec<Value>| {
        let sql = format!("{} WHERE id IN ({rows}) ORDER BY {order}", select!(""));
        records(connection, &sql, params_from_iter(values))
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
        return whole(path(search.order), &[]);
    }
    if let Some(path) = narrow(connection, &filters, FEW)? {
        return whole(path, &[]);
    }
    // Many pass the filters, so most likely a page of them is near.
    let (path, conditions) = (path(search.order), filtered(&conditions));
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
        _ => match narrow(connection, &filters, MANY)? {
            Some(path) => whole(path, &[]),
            None => whole(path, &span(connection, &filters)?),
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
