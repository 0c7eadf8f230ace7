//! Times: whole seconds of UTC, as `YYYY-MM-DDTHH:MM:SS+00:00`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use der::DateTime;
use serde::{Serialize, Serializer};

use crate::limits::TIME;

/// The reason why a time is outside the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TimeError {
    /// Not of the form `YYYY-MM-DDTHH:MM:SS+00:00`.
    Form,
    /// No such day or no such time of day, or a year before 1970.
    Calendar,
    /// Later than `9999-12-31T23:59:59+00:00`.
    TooLate,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a time is written YYYY-MM-DDTHH:MM:SS+00:00 (UTC, whole seconds)",
            Self::Calendar => "no such date or time of day in the years 1970 to 9999",
            Self::TooLate => "a time later than the year 9999 cannot be written",
        })
    }
}

impl core::error::Error for TimeError {}

/// Seconds since 1970-01-01T00:00:00 UTC, leap seconds not counted, up to the end of the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

#[cfg(feature = "defmt")]
impl defmt::Format for UnixTime {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u64:iso8601s}", self.0);
    }
}

impl UnixTime {
    /// `1970-01-01T00:00:00+00:00`.
    pub const MIN: Self = Self(0);

    /// `9999-12-31T23:59:59+00:00`.
    pub const MAX: Self = Self(253_402_300_799);

    /// A time from its seconds since 1970.
    ///
    /// # Errors
    /// [`TimeError::TooLate`] after [`UnixTime::MAX`].
    pub const fn new(seconds: u64) -> Result<Self, TimeError> {
        if seconds <= Self::MAX.0 { Ok(Self(seconds)) } else { Err(TimeError::TooLate) }
    }

    /// The seconds since 1970.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The time `seconds` later, or `None` after [`UnixTime::MAX`].
    pub const fn checked_add_seconds(self, seconds: u64) -> Option<Self> {
        match self.0.checked_add(seconds) {
            Some(sum) if sum <= Self::MAX.0 => Some(Self(sum)),
            _ => None,
        }
    }
}

impl FromStr for UnixTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let bytes: &[u8; TIME] = text.as_bytes().try_into().map_err(|_| TimeError::Form)?;
        let form = b"0000-00-00T00:00:00+00:00".iter().zip(bytes);
        // The digits of the offset are fixed.
        if !form
            .enumerate()
            .all(|(at, (&f, &b))| if f == b'0' && at < 20 { b.is_ascii_digit() } else { f == b })
        {
            return Err(TimeError::Form);
        }
        let number = |at: core::ops::Range<usize>| {
            text.get(at).and_then(|digits| digits.parse::<u16>().ok()).ok_or(TimeError::Form)
        };
        // Two digits always fit a byte.
        let pair = |at: usize| number(at..at + 2).map(|n| n as u8);
        let (date, time) = ((number(0..4)?, pair(5)?, pair(8)?), (pair(11)?, pair(14)?, pair(17)?));
        DateTime::new(date.0, date.1, date.2, time.0, time.1, time.2)
            .map(|date_time| Self(date_time.unix_duration().as_secs()))
            .map_err(|_| TimeError::Calendar)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never fails: DateTime covers the same range.
        let t = DateTime::from_unix_duration(Duration::from_secs(self.0)).map_err(|_| fmt::Error)?;
        let (date, time) = ((t.year(), t.month(), t.day()), (t.hour(), t.minutes(), t.seconds()));
        write!(f, "{:04}-{:02}-{:02}T", date.0, date.1, date.2)?;
        write!(f, "{:02}:{:02}:{:02}+00:00", time.0, time.1, time.2)
    }
}

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The present time, as far as the caller knows it.
///
/// # Examples
/// ```
/// use minipki_core::time::Now;
/// use minipki_core::trust::{Validity, ValidityError};
///
/// let validity = Validity::new("2026-06-01T00:00:00+00:00".parse()?, "2026-07-01T00:00:00+00:00".parse()?)?;
/// // A device without a clock knows the time when its firmware was made.
/// let may = Now::AtLeast("2026-05-01T00:00:00+00:00".parse()?);
/// assert_eq!(validity.check(may), Ok(false), "valid, but not for certain");
/// let august = Now::AtLeast("2026-08-01T00:00:00+00:00".parse()?);
/// assert!(matches!(validity.check(august), Err(ValidityError::Expired { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// Exactly this time.
    Exact(UnixTime),
    /// This time or later, for a device without a clock. A certificate that ended before this time is refused. It is not
    /// known whether another one has begun.
    AtLeast(UnixTime),
}
