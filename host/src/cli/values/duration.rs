//! Durations: a whole number and a unit.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Parses a duration that may be zero.
pub(in crate::cli) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    text.split_at_checked(text.len().saturating_sub(1))
        .and_then(|(number, unit)| number.trim_end().parse::<u64>().ok()?.checked_mul(seconds(unit)?))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            "expected a whole number and s, m, h, d, w or y (365 days), for example 90s or 12h".to_owned()
        })
}

/// Parses a duration that is not zero.
pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text)? {
        Duration::ZERO => Err("the time must be longer than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// The seconds of a unit.
fn seconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        "y" => 365 * DAY,
        _ => return None,
    })
}
