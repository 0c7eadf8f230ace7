//! The machine's clock. The core and the authority get the time as an argument.

use std::time::SystemTime;

use minipki_core::time::UnixTime;

/// The machine's time is outside the range of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the machine's clock is before 1970 or after 9999")]
#[diagnostic(help("set it, then try again"))]
pub struct ClockError;

/// The machine's time, UTC, in whole seconds.
///
/// # Errors
/// [`ClockError`] for a time outside 1970 to 9999.
pub fn now() -> Result<UnixTime, ClockError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| ClockError)?;
    UnixTime::new(since.as_secs()).map_err(|_| ClockError)
}
