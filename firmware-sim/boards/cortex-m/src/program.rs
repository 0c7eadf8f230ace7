//! The programs of the images of every chip. Each chip's crate lends the memory.

use core::hint::black_box;

use minipki_core::crypto::{Portable, Provider};
use minipki_device_app::{Config, Memory, run};

use crate::arguments::Line;
use crate::chip::Chip;
use crate::{boot, meter, semihosting};

/// Runs the device on `chip` over the provider `crypto`, and ends the emulator with its exit code.
#[inline(always)] // Otherwise the code is 3 KB longer.
pub fn device(chip: &Chip, line: &'static mut Line, memory: &mut Memory, crypto: impl Provider) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    let config = match Config::parse(arguments.application()) {
        Ok(config) => config,
        Err(error) => boot::usage(format_args!("{error}")),
    };
    meter::paint();
    let mut board = boot::board(chip, arguments, crypto);
    let exit = run(&config, memory, &mut board);
    if arguments.get("show") == Some("stack") {
        semihosting::print(format_args!("stack: {} bytes at most", meter::peak()));
    }
    semihosting::exit(exit.code())
}

/// Fails on `chip` in the way that `by=` names.
#[allow(unsafe_code, reason = "a fault is made by breaking the rules")]
pub fn fail(chip: &Chip, line: &'static mut Line) -> ! {
    boot::start(chip);
    let arguments = boot::arguments(line);
    match arguments.get("by") {
        Some("panic") => panic!("as asked"),
        Some("undefined") => cortex_m::asm::udf(),
        // SAFETY: not safe. No memory is at this address, so the access must fault.
        Some("wild-read") => drop(black_box(unsafe { core::ptr::read_volatile(0x3000_0000 as *const u32) })),
        // SAFETY: not safe. Flash cannot be written in this way, so the access must fault.
        Some("flash-write") => unsafe { core::ptr::write_volatile(0x0000_1000 as *mut u32, 1) },
        Some("overflow") => drop(black_box(recurse(0))),
        Some("big-frame") => drop(black_box(big_frame())),
        Some("entropy") => drop(boot::board(chip, arguments, Portable::new())),
        _ => boot::usage(format_args!("by= must name a failure")),
    }
    semihosting::exit(0)
}

/// Fills the stack a little at a time.
#[allow(unconditional_recursion, reason = "the stack must overflow")]
#[inline(never)]
fn recurse(depth: u32) -> u32 {
    let frame = black_box([depth; 16]);
    recurse(black_box(depth + 1)) + frame[15]
}

/// Exceeds the end of the stack in one step, by more than a small guard region.
#[inline(never)]
fn big_frame() -> u32 {
    let frame = black_box([1_u32; 8192]);
    frame.iter().sum()
}
