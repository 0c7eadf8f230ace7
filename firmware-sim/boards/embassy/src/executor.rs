//! embassy's executor in the board's own idle loop: the processor sleeps while no task can run.
//!
//! The executor's own loop (feature `executor-thread`) waits by WFE, in which QEMU does not sleep.
#![allow(unsafe_code, reason = "embassy-executor makes the poll and the callback unsafe")]

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::singleton;
use embassy_executor::Spawner;
use embassy_executor::raw::Executor;
use minipki_cortex_m::chip::Mac;
use minipki_cortex_m::{clock, failure};

/// Whether a task was woken since the executor was last polled.
static PENDING: AtomicBool = AtomicBool::new(false);

/// The callback of the executor: a task was woken.
// SAFETY: embassy-executor declares this function with this name and type, and nothing else defines it.
#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    PENDING.store(true, Ordering::Release);
}

/// Starts tasks and runs them for ever. While no task can run, the processor sleeps until a frame arrives or the clock
/// ticks. Then `poll` moves the network's frames and wakes the tasks that wait for them.
pub(crate) fn run(mac: &dyn Mac, poll: impl Fn(), spawn: impl FnOnce(Spawner) -> Option<()>) -> ! {
    let executor = singleton!(: Executor = Executor::new(ptr::null_mut())).map(|executor| &*executor);
    let Some(executor) = executor.filter(|executor| spawn(executor.spawner()).is_some()) else {
        failure::stop(failure::FAULT, format_args!("started twice"));
    };
    loop {
        while PENDING.swap(false, Ordering::Acquire) {
            // SAFETY: this loop is the only caller, and is entered once, since the singleton is made once.
            unsafe { executor.poll() };
        }
        clock::sleep(mac);
        poll();
    }
}
