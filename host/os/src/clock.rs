//! What time it is, for those who are to be told: the core and the authority never ask.

use std::time::SystemTime;

use minipki_core::time::UnixTime;

/// The machine's clock shows a time that no certificate can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the machine's clock is before 1970 or after 9999; set it, then try again")]
pub struct ClockError;

/// The machine's time, UTC, in whole seconds.
///
/// # Errors
/// [`ClockError`] for a time outside 1970 to 9999.
pub fn now() -> Result<UnixTime, ClockError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| ClockError)?;
    UnixTime::new(since.as_secs()).map_err(|_| ClockError)
}
