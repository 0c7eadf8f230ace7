//! A sign of life while a key is made: on a terminal only.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;

/// The time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// Does `work`, with a spinner beside it on a terminal. Elsewhere nothing is shown.
pub(super) fn during<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let spinner = ProgressBar::new_spinner().with_message(what);
    let (running, ended) = channel::<()>();
    let done = thread::scope(|scope| {
        let spinner = &spinner;
        let turn = move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                spinner.tick();
            }
        };
        // Where the system gives no thread, the spinner stands still.
        let _ = thread::Builder::new().spawn_scoped(scope, turn);
        let done = work();
        drop(running);
        done
    });
    spinner.finish_and_clear();
    done
}
