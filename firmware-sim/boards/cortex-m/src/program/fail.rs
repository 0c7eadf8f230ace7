//! Fails as the command line says, to show that each failure ends the run with its own code.
#![allow(unsafe_code, reason = "a fault is made by breaking the rules")]

use core::hint::black_box;

use minipki_core::crypto::Portable;

use super::Line;
use crate::chip::Chip;
use crate::{boot, semihosting};

/// Fails on `chip` in the way that `by=` names.
pub fn fail(chip: &Chip, line: &'static mut Line) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    match arguments.get("by") {
        Some("panic") => panic!("as asked"),
        Some("undefined") => cortex_m::asm::udf(),
        // SAFETY: not at all: nothing is at this address, and that has to be noticed.
        Some("wild-read") => drop(black_box(unsafe { core::ptr::read_volatile(0x3000_0000 as *const u32) })),
        // SAFETY: not at all: flash cannot be written like this.
        Some("flash-write") => unsafe { core::ptr::write_volatile(0x0000_1000 as *mut u32, 1) },
        Some("overflow") => drop(black_box(recurse(0))),
        Some("big-frame") => drop(black_box(big_frame())),
        Some("entropy") => drop(boot::board(chip, arguments, Portable::new())),
        _ => boot::usage(format_args!("by= what?")),
    }
    semihosting::exit(0)
}

/// Fills the stack a little at a time.
#[allow(unconditional_recursion, reason = "that is the point")]
#[inline(never)]
fn recurse(depth: u32) -> u32 {
    let frame = black_box([depth; 16]);
    recurse(black_box(depth + 1)) + frame[15]
}

/// Passes the end of the stack in one step, so far that a small guard would be jumped over.
#[inline(never)]
fn big_frame() -> u32 {
    let frame = black_box([1_u32; 8192]);
    frame.iter().sum()
}
