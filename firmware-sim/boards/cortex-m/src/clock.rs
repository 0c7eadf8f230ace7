//! The time since the start in milliseconds, by SysTick, and sleep until an event.
#![allow(unsafe_code, reason = "unmasking an interrupt is unsafe in cortex-m 0.7")]

use core::cell::Cell;

use cortex_m::interrupt::{self, InterruptNumber, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SYST};
use cortex_m_rt::exception;
use smoltcp::time::Instant;

use crate::chip::Mac;

/// The longest sleep.
const TICK_MILLISECONDS: u32 = 10;

/// 64 bits never overflow; 32 bits would after 497 days.
static TICKS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// The number of the controller's interrupt in the processor.
#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: the number is the chip's own for its controller, and always the same.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// Starts the clock at 0, on a system clock of `hertz`.
pub fn start(mut timer: SYST, hertz: u32) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(hertz / 1000 * TICK_MILLISECONDS - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

#[exception]
fn SysTick() {
    add(1);
}

/// Adds `ticks` ticks of 10 ms to the clock.
pub fn add(ticks: u32) {
    interrupt::free(|all| {
        let now = TICKS.borrow(all);
        now.set(now.get().wrapping_add(ticks.into()));
    });
}

/// The time since the start, at the last tick.
pub fn now() -> Instant {
    let ticks = interrupt::free(|all| TICKS.borrow(all).get());
    Instant::from_millis(ticks as i64 * i64::from(TICK_MILLISECONDS))
}

/// Stops the processor until a frame comes in or the clock ticks.
///
/// A pending interrupt ends the wait also while interrupts are masked. So a frame that arrives between the check and
/// the wait is not missed, and the Ethernet needs no handler.
pub fn sleep(mac: &dyn Mac) {
    let ethernet = Interrupt(mac.interrupt());
    interrupt::free(|_| {
        mac.acknowledge();
        // No handler clears the interrupt. It would stay pending after the first frame, and end every wait.
        NVIC::unpend(ethernet);
        if !mac.frames_wait() {
            // SAFETY: no critical section is broken: the interrupt is masked again before a handler can run.
            unsafe { NVIC::unmask(ethernet) };
            cortex_m::asm::wfi();
            NVIC::mask(ethernet);
        }
    });
}
