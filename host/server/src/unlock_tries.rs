//! The tries to unlock a key: one at a time, and a delay after each wrong passphrase.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::ServiceError;

/// The delay after the first wrong passphrase. Each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// The tries to unlock the key, of all sources together.
#[derive(Default)]
pub(super) struct Unlocking(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    /// Whether a try is under way.
    busy: bool,
    /// The number of wrong passphrases since the last right one.
    wrong: u32,
    /// The time of the last wrong one.
    last: Option<Instant>,
}

/// A try that is under way, until it is dropped.
pub(super) struct Try<'a>(&'a Unlocking);

impl Unlocking {
    /// Begins a try at the time `now`.
    ///
    /// # Errors
    /// [`ServiceError::Unlocking`] or [`ServiceError::TooSoon`].
    pub(super) fn begin(&self, now: Instant) -> Result<Try<'_>, ServiceError> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.busy {
            return Err(ServiceError::Unlocking);
        }
        let delay = FIRST_DELAY.saturating_mul(1 << tries.wrong.saturating_sub(1).min(16)).min(LONGEST_DELAY);
        let since = tries.last.map_or(delay, |last| now.saturating_duration_since(last));
        if let Some(left) = delay.checked_sub(since).filter(|left| !left.is_zero()) {
            return Err(ServiceError::TooSoon(left));
        }
        tries.busy = true;
        Ok(Try(self))
    }
}

impl Try<'_> {
    /// Records whether the passphrase was right.
    pub(super) fn ended(&self, right: bool, now: Instant) {
        let mut tries = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        (tries.wrong, tries.last) =
            if right { (0, None) } else { (tries.wrong.saturating_add(1), Some(now)) };
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_with_each_wrong_passphrase_up_to_a_minute_and_ends_with_a_right_one() {
        let unlocking = Unlocking::default();
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let attempt = unlocking.begin(now).expect("the delay is over");
            assert!(matches!(unlocking.begin(now), Err(ServiceError::Unlocking)), "two tries at once");
            attempt.ended(false, now);
            drop(attempt);
            let delay = Duration::from_secs(seconds);
            let early = now + delay - Duration::from_millis(1);
            assert!(matches!(unlocking.begin(early), Err(ServiceError::TooSoon(_))), "after {seconds} s");
            now += delay;
        }
        unlocking.begin(now).expect("the delay is over").ended(true, now);
        assert!(unlocking.begin(now).is_ok());
    }
}
