//! Times: `now`, a date, or a date and a time of day, in UTC.

use minipki_core::time::UnixTime;

use minipki_os::clock;

/// Parses a time in UTC. A date alone is the first second of the day.
pub(in crate::cli) fn time(text: &str) -> Result<UnixTime, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return clock::now().map_err(|error| error.to_string());
    }
    let (date, of_day) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00"));
    let zones = ["+00:00", "-00:00", "Z", "z"];
    let of_day = zones.iter().find_map(|zone| of_day.strip_suffix(zone)).unwrap_or(of_day);
    let seconds = if of_day.len() == "00:00".len() { ":00" } else { "" };
    format!("{date}T{of_day}{seconds}+00:00").parse().map_err(|error| {
        format!("{error}; expected for example 2027-03-01, 2027-03-01T12:00:00Z or now, in UTC")
    })
}
