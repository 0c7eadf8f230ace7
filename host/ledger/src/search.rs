//! The SQL of a search.
//!
//! A filter with few matches uses its own index, and the matches are sorted. Otherwise the search follows the index of
//! the order and applies the filters to each row, within the row numbers that the filters of times allow. A search has a
//! time limit.

use std::time::{Duration, Instant};

use minipki_core::time::UnixTime;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Row, params_from_iter};

use super::StoreError;
use super::rows::{records, row_error, select};
use minipki_ca::ports::{
    CertificateRecord, CertificateState, Cursor, Found, LedgerError, Order, PagePlace, Search, SortValue,
    StateFilter,
};

/// The number of matches of a filter that are all read and sorted at once.
const FEW: usize = 2000;

/// The number of matches that are all read and sorted if the page was not found in the nearest rows.
const MANY: usize = 50_000;

/// The number of nearest rows that are read first for a page.
const NEAR: usize = 5000;

/// The time limit of a search.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The number of SQLite's instructions between two checks of the time.
const CHECK_INTERVAL: i32 = 10_000;

const fn column(order: Order) -> &'static str {
    match order {
        Order::Issue => "id",
        Order::Subject => "subject_id",
        Order::Serial => "serial",
        Order::Begin => "not_before",
        Order::End => "not_after",
    }
}

/// The index hint for the index of `order`.
const fn index(order: Order) -> &'static str {
    match order {
        Order::Issue => BY_NUMBER,
        Order::Subject => BY_SUBJECT,
        Order::Serial => BY_SERIAL,
        Order::Begin => BY_BEGIN,
        Order::End => BY_END,
    }
}

/// The value of a cursor for the column of `order`.
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
const BY_END: &str = "INDEXED BY certificates_by_end";
const BY_NUMBER: &str = "NOT INDEXED";

/// The SQL condition of a filter, with its values and the hint for its index.
struct Filter {
    sql: &'static str,
    values: Vec<Value>,
    index: &'static str,
}

fn filters(search: &Search) -> Vec<Filter> {
    let mut filters = Vec::new();
    if let Some(serial) = search.serial {
        let values = vec![Value::Blob(serial.to_be_bytes().into())];
        filters.push(Filter { sql: "serial = ?", values, index: BY_SERIAL });
    }
    if let Some(range) = &search.key {
        let values = vec![Value::Blob(range.start().clone()), Value::Blob(range.end().clone())];
        let index = "INDEXED BY certificates_by_key";
        filters.push(Filter { sql: "subject_key BETWEEN ? AND ?", values, index });
    }
    if !search.subject.is_empty() {
        // `~` sorts after every character of a name.
        let values = vec![search.subject.clone(), format!("{}~", search.subject)];
        let values = values.into_iter().map(Value::Text).collect();
        filters.push(Filter { sql: "subject_id >= ? AND subject_id < ?", values, index: BY_SUBJECT });
    }
    if let Some(range) = &search.numbers {
        let values = vec![integer(*range.start()), integer(*range.end())];
        filters.push(Filter { sql: "id BETWEEN ? AND ?", values, index: BY_NUMBER });
    }
    let mut times = |sql, index, from: Option<UnixTime>, before: Option<UnixTime>| {
        if from.is_some() || before.is_some() {
            let time = |time: Option<UnixTime>, open| time.map_or(open, |time| time.get() as i64);
            let values = [from, before].into_iter().zip([0, i64::MAX]);
            let values = values.map(|(value, open)| Value::Integer(time(value, open))).collect();
            filters.push(Filter { sql, values, index });
        }
    };
    times("not_before >= ? AND not_before < ?", BY_BEGIN, search.begins_from, search.begins_before);
    times("not_after >= ? AND not_after < ?", BY_END, search.ends_from, search.ends_before);
    filters.extend(search.state.map(state_filter));
    filters
}

/// The reason 6 is a hold. A certificate in `revoked` has no other state.
fn state_filter(StateFilter { state, now, expiring_within }: StateFilter) -> Filter {
    macro_rules! unrevoked {
        ($times:literal) => {
            concat!($times, " AND NOT EXISTS (SELECT 1 FROM revoked WHERE revoked.id = c.id)")
        };
    }
    let near = integer(now.get().saturating_add(expiring_within));
    let now = integer(now.get());
    let (sql, values, index) = match state {
        CertificateState::NotYetValid => (unrevoked!("not_before > ?"), vec![now], BY_BEGIN),
        CertificateState::Valid => {
            (unrevoked!("not_after >= max(?, ?) AND not_before <= ?"), vec![now.clone(), near, now], BY_END)
        }
        CertificateState::Expiring => (
            unrevoked!("not_after >= ? AND not_after < ? AND not_before <= ?"),
            vec![now.clone(), near, now],
            BY_END,
        ),
        CertificateState::Expired => (unrevoked!("not_after < ?"), vec![now], BY_END),
        CertificateState::Held => ("c.id IN (SELECT id FROM revoked WHERE reason = 6)", vec![], BY_NUMBER),
        CertificateState::Revoked => {
            ("c.id IN (SELECT id FROM revoked WHERE reason <> 6)", vec![], BY_NUMBER)
        }
    };
    Filter { sql, values, index }
}

/// The order of the rows in the direction of reading.
fn order(search: &Search) -> String {
    let backward = matches!(search.place, PagePlace::Before(_));
    let direction = if search.descending != backward { "DESC" } else { "ASC" };
    format!("{} {direction}, id {direction}", column(search.order))
}

/// The condition for the place of the page, as another filter.
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

/// See [`minipki_ca::ports::LedgerReader::search`].
pub(super) fn search(connection: &mut Connection, search: &Search) -> Result<Found, LedgerError> {
    let began = Instant::now();
    let bounded = |connection: &mut Connection| {
        connection.progress_handler(CHECK_INTERVAL, Some(move || began.elapsed() > TIMEOUT))?;
        // One more row than the page has, if there is one.
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
    let whole = |index: &str, span: &[Value]| {
        let mut conditions = conditions.clone();
        conditions.extend(bound.as_deref());
        conditions.extend((!span.is_empty()).then_some("id BETWEEN ? AND ?"));
        let conditions = filtered(&conditions);
        let rows =
            format!("SELECT id FROM certificates AS c {index} {conditions} ORDER BY {order} LIMIT {wanted}");
        read(&rows, [&values[..], &bounds[..], span].concat())
    };

    if filters.is_empty() {
        return whole(index(search.order), &[]);
    }
    if let Some(index) = narrow(connection, &filters, FEW)? {
        return whole(index, &[]);
    }
    // There are many matches, so most likely the nearest rows have a page of them.
    let (index, conditions) = (index(search.order), filtered(&conditions));
    let near = format!(
        "SELECT id, serial, subject_id, subject_key, not_before, not_after FROM certificates {index} {} \
         ORDER BY {order} LIMIT {NEAR}",
        filtered(bound.as_deref().as_slice()),
    );
    let near = format!("SELECT id FROM ({near}) AS c {conditions} ORDER BY {order} LIMIT {wanted}");
    let found = read(&near, [&bounds[..], &values[..]].concat())?;
    match &filters[..] {
        _ if found.len() == wanted => Ok(found),
        // Every index is also sorted by row number, so it suffices for this order.
        [alone] if search.order == Order::Issue => whole(alone.index, &[]),
        _ => match narrow(connection, &filters, MANY)? {
            Some(index) => whole(index, &[]),
            None => whole(index, &span(connection, &filters)?),
        },
    }
}

fn filtered(conditions: &[&str]) -> String {
    if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) }
}

/// The index hint of a filter with at most `most` matches, if there is one.
fn narrow(
    connection: &Connection,
    filters: &[Filter],
    most: usize,
) -> Result<Option<&'static str>, StoreError> {
    for Filter { sql, values, index } in filters {
        let count = format!(
            "SELECT count(*) FROM (SELECT 1 FROM certificates AS c {index} WHERE {sql} LIMIT {most} + 1)"
        );
        let mut query = connection.prepare_cached(&count)?;
        let count: i64 = query.query_row(params_from_iter(values), |row| row.get(0))?;
        if count as usize <= most {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The first and the last row number that the filters of times allow, if there are such filters.
fn span(connection: &Connection, filters: &[Filter]) -> Result<Vec<Value>, StoreError> {
    let mut span: Option<(i64, i64)> = None;
    for Filter { sql, values, index } in
        filters.iter().filter(|filter| [BY_BEGIN, BY_END].contains(&filter.index))
    {
        let mut query = connection
            .prepare_cached(&format!("SELECT min(id), max(id) FROM certificates AS c {index} WHERE {sql}"))?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (Some(first), Some(last)) = query.query_row(params_from_iter(values), read)? else {
            return Ok([0, -1].map(Value::Integer).into());
        };
        span = Some(span.map_or((first, last), |(low, high)| (low.max(first), high.min(last))));
    }
    Ok(span.map_or_else(Vec::new, |(first, last)| [first, last].map(Value::Integer).into()))
}
