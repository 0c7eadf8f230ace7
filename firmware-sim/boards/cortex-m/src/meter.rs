//! Counts instructions and measures the stack, in an emulator where every instruction takes the same time.
//!
//! Under `-icount shift=4` an instruction takes 16 ns. SysTick runs on the core clock of 80 ns, so it counts every
//! fifth instruction, and each run gives the same figure. The figures are instructions, not cycles.
#![allow(unsafe_code, reason = "the stack is painted and read outside of Rust's rules")]

use core::convert::Infallible;
use core::hint::black_box;
use core::ops::{AddAssign, Range};
use core::ptr::{read_volatile, write_volatile};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::register::msp;
use rand_core::{TryCryptoRng, TryRng};

const INSTRUCTIONS_PER_TICK: u32 = 5;
/// SysTick has 24 bits: it wraps after 84 million instructions.
const RELOAD: u32 = 0x00ff_ffff;
const PAINT: u32 = 0x5a5a_a5a5;
/// The bytes below the stack pointer that are not painted, for the painting itself and for interrupts.
const MARGIN: usize = 256;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// The cost of some work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Instructions.
    pub instructions: u32,
    /// Bytes of stack, below that of the caller.
    pub stack: usize,
}

impl AddAssign for Cost {
    /// The cost of two pieces of work in sequence: the sum of the instructions, and the larger stack.
    fn add_assign(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.stack = self.stack.max(other.stack);
    }
}

/// A generator that repeats one byte, so that each run has the same instructions. Only for measurements.
#[derive(Clone, Copy, Debug)]
pub struct FixedRng;

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0x6b6b_6b6b)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0x6b6b_6b6b_6b6b_6b6b)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        to.fill(0x6b);
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

/// Starts counting.
pub fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(RELOAD);
    timer.clear_current();
    timer.enable_counter();
    // The counter is 0 until its first reload.
    while SYST::get_current() == 0 {}
}

/// Runs `work`, and returns its result and its cost.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let top = msp::read() as usize;
    paint();
    let before = SYST::get_current();
    let result = black_box(call(work));
    let ticks = before.wrapping_sub(SYST::get_current()) & RELOAD;
    (result, Cost { instructions: ticks * INSTRUCTIONS_PER_TICK, stack: top.saturating_sub(deepest()) })
}

#[inline(never)]
fn call<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Paints the unused stack, so that [`peak`] finds the part that was used later.
#[inline(never)]
pub fn paint() {
    let top = msp::read() as usize;
    for address in (addresses().start..top - MARGIN).step_by(4) {
        // SAFETY: no object is between the stack's end and its pointer, and interrupts use only the margin.
        unsafe { write_volatile(address as *mut u32, PAINT) };
    }
}

/// The most bytes of stack in use at once since [`paint`].
pub fn peak() -> usize {
    addresses().end - deepest()
}

/// The stack's memory.
fn addresses() -> Range<usize> {
    &raw const _stack_end as usize..&raw const _stack_start as usize
}

/// The lowest address that was written to since [`paint`].
#[inline(never)]
fn deepest() -> usize {
    // SAFETY: aligned words of the stack's memory, which are only read.
    let painted = |address: &usize| unsafe { read_volatile(*address as *const u32) } == PAINT;
    let Range { start, end } = addresses();
    (start..end).step_by(4).find(|address| !painted(address)).unwrap_or(end)
}
