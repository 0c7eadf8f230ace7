//! A sign of life while a key is made: on a terminal only.

use std::time::Duration;

use indicatif::ProgressBar;

/// Does `work`, with a spinner beside it on a terminal. Elsewhere nothing is shown.
pub(super) fn during<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work();
    spinner.finish_and_clear();
    done
}
