//! A time as the pages show it: in UTC, and relative to now.

use minipki_core::time::UnixTime;

/// A time, relative to another time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelativeTime {
    at: UnixTime,
    now: UnixTime,
}

/// Units of a relative time, in seconds. Months would be too coarse for certificates of 90 days.
const UNITS: [(u64, &str); 4] = [(365 * 86_400, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")];

impl RelativeTime {
    pub(crate) const fn new(at: UnixTime, now: UnixTime) -> Self {
        Self { at, now }
    }

    /// Seconds since 1970, for scripts.
    pub(crate) const fn unix(&self) -> u64 {
        self.at.get()
    }

    /// `2026-11-24T19:00:00+00:00`, for machines.
    pub(crate) fn iso(&self) -> String {
        self.at.to_string()
    }

    /// `2026-11-24 19:00:00`, for people; always UTC.
    pub(crate) fn utc(&self) -> String {
        self.iso().get(..19).unwrap_or_default().replace('T', " ")
    }

    /// `in 3 days`, `2 hours ago`.
    pub(crate) fn relative(&self) -> String {
        let (at, now) = (self.at.get(), self.now.get());
        let span = at.abs_diff(now);
        let (count, unit) = UNITS
            .iter()
            .find(|(seconds, _)| span >= *seconds)
            .map_or((span, "second"), |(seconds, unit)| (span / seconds, unit));
        let plural = if count == 1 { "" } else { "s" };
        match at.cmp(&now) {
            std::cmp::Ordering::Equal => "now".to_owned(),
            std::cmp::Ordering::Greater => format!("in {count} {unit}{plural}"),
            std::cmp::Ordering::Less => format!("{count} {unit}{plural} ago"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_have_one_unit() {
        let time = |seconds| UnixTime::new(seconds).expect("a time");
        for (at, words) in [
            (1_000_000, "now"),
            (1_000_001, "in 1 second"),
            (999_941, "59 seconds ago"),
            (999_940, "1 minute ago"),
            (1_000_000 + 7200, "in 2 hours"),
            (1_000_000 + 90 * 86_400 - 1, "in 89 days"),
            (1_000_000 + 800 * 86_400, "in 2 years"),
        ] {
            assert_eq!(RelativeTime::new(time(at), time(1_000_000)).relative(), words);
        }
        assert_eq!(RelativeTime::new(time(0), time(0)).utc(), "1970-01-01 00:00:00");
    }
}
