//! The times of issue. They are in the order of the rows, so a time is found by bisection.

use minipki_core::time::UnixTime;
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// See [`minipki_ca::ports::LedgerReader::issued_before`].
pub(super) fn issued_before(connection: &Connection, times: &[UnixTime]) -> Result<Vec<u64>, StoreError> {
    let newest = "SELECT coalesce(max(id), 0) FROM certificates";
    let newest: i64 = connection.query_row(newest, [], |row| row.get(0))?;
    let mut query = connection.prepare_cached("SELECT issued FROM issued WHERE id = ?1")?;
    let mut before = |time: &UnixTime| {
        // The rows up to `low` were issued before the time, those after `high` were not.
        let (mut low, mut high) = (0, newest);
        while low < high {
            let middle = high - (high - low) / 2;
            let issued: Option<i64> = query.query_row([middle], |row| row.get(0)).optional()?;
            if issued.is_none_or(|issued| issued < time.get() as i64) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low.unsigned_abs())
    };
    times.iter().map(&mut before).collect()
}
