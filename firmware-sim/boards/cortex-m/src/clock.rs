//! Milliseconds since the start by SysTick, and sleep until something happens.
#![allow(unsafe_code, reason = "unmasking an interrupt is unsafe in cortex-m 0.7")]

use core::cell::Cell;

use cortex_m::interrupt::{self, InterruptNumber, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SYST};
use cortex_m_rt::exception;
use smoltcp::time::Instant;

use crate::chip::Mac;

/// Sleep never lasts longer.
const TICK_MILLISECONDS: u32 = 10;

/// 64 bits never overflow; 32 bits do after 497 days.
static TICKS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// The controller's interrupt, as the processor counts them.
#[derive(Clone, Copy)]
struct Interrupt(u16);

// SAFETY: the number is the chip's own for its controller, and always the same.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// Starts the clock at 0, on a system clock of so many hertz.
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

/// Moves the clock on by so many ticks of 10 ms.
pub fn add(ticks: u32) {
    interrupt::free(|all| {
        let now = TICKS.borrow(all);
        now.set(now.get().wrapping_add(ticks.into()));
    });
}

/// Time since the start, to the last tick.
pub fn now() -> Instant {
    let ticks = interrupt::free(|all| TICKS.borrow(all).get());
    Instant::from_millis(ticks as i64 * i64::from(TICK_MILLISECONDS))
}

/// Stops the processor until a frame comes in or the clock ticks.
///
/// With interrupts masked a pending one still ends the wait, so a frame that comes between the look at
/// the controller and the wait is not slept over, and the Ethernet needs no handler.
pub fn sleep(mac: &dyn Mac) {
    let ethernet = Interrupt(mac.interrupt());
    interrupt::free(|_| {
        mac.acknowledge();
        // No handler ever takes it, so it would stay pending, and end every wait from the first frame on.
        NVIC::unpend(ethernet);
        if !mac.frames_wait() {
            // SAFETY: no critical section is broken: the interrupt is masked again before any can be taken.
            unsafe { NVIC::unmask(ethernet) };
            cortex_m::asm::wfi();
            NVIC::mask(ethernet);
        }
    });
}
