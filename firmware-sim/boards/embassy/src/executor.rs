//! embassy's executor over the board's own idle loop: the processor sleeps while no task can go on.
//!
//! The executor's own loop, its feature `executor-thread`, waits by WFE, which QEMU does not sleep in.
#![allow(unsafe_code, reason = "to poll an executor and to name its callback is unsafe in embassy-executor")]

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::singleton;
use embassy_executor::Spawner;
use embassy_executor::raw::Executor;
use minipki_cortex_m::chip::Mac;
use minipki_cortex_m::{clock, exit, failure};

/// Whether a task was woken since the executor was last polled.
static PENDING: AtomicBool = AtomicBool::new(false);

/// The callback of the executor: a task was woken.
// SAFETY: embassy-executor declares this function with this name and type, and nothing else defines it.
#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    PENDING.store(true, Ordering::Release);
}

/// Starts tasks and runs them for ever. Where none of them can go on, the processor sleeps until a frame comes in or the
/// clock ticks; then `round` moves the network's frames and wakes the tasks that wait for it.
pub(crate) fn run(mac: &dyn Mac, round: impl Fn(), spawn: impl FnOnce(Spawner) -> Option<()>) -> ! {
    let executor = singleton!(: Executor = Executor::new(ptr::null_mut())).map(|executor| &*executor);
    let Some(executor) = executor.filter(|executor| spawn(executor.spawner()).is_some()) else {
        failure::stop(exit::FAULT, format_args!("started twice"));
    };
    loop {
        while PENDING.swap(false, Ordering::Acquire) {
            // SAFETY: this loop is the only caller, and is entered once: there is one singleton.
            unsafe { executor.poll() };
        }
        clock::sleep(mac);
        round();
    }
}
