//! Failures that end a run: panic, fault, stack overflow and others, each with its own exit code.
#![allow(unsafe_code, reason = "the handler of faults cannot follow Rust's rules")]

use core::fmt;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;

use crate::semihosting;

/// The command line is wrong.
pub const USAGE: u8 = 2;
/// A panic, as any Rust program reports it.
pub const PANIC: u8 = 101;
/// A fault of the processor, for example an access outside of memory or an undefined instruction.
pub const FAULT: u8 = 102;
/// The stack is longer than its memory.
pub const STACK_OVERFLOW: u8 = 103;
/// The source of entropy gave no bytes.
pub const NO_ENTROPY: u8 = 104;
/// The network gave no address.
pub const NO_NETWORK: u8 = 105;

/// Prints the reason, and ends the run.
pub fn stop(code: u8, reason: fmt::Arguments<'_>) -> ! {
    semihosting::print(reason);
    semihosting::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => stop(PANIC, format_args!("panic at {}:{}", place.file(), place.line())),
        None => stop(PANIC, format_args!("panic")),
    }
}

/// Handles every fault, since no other fault handler is enabled.
///
/// The stack may be damaged, so its pointer is set to the top before anything is pushed.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn HardFault() -> ! {
    core::arch::naked_asm!(
        "mov r0, sp",
        "movw r1, #:lower16:_stack_end",
        "movt r1, #:upper16:_stack_end",
        "movw r2, #:lower16:_stack_start",
        "movt r2, #:upper16:_stack_start",
        "mov sp, r2",
        "b {report}",
        report = sym report,
    )
}

/// Reports a fault. `stack` is the stack pointer after the processor has saved its registers.
extern "C" fn report(stack: usize, stack_end: usize) -> ! {
    if stack < stack_end {
        stop(STACK_OVERFLOW, format_args!("stack overflow"));
    }
    // SAFETY: reading has no effect, and no other code runs any more.
    let (status, address) = unsafe { ((*SCB::PTR).cfsr.read(), (*SCB::PTR).mmfar.read()) };
    stop(FAULT, format_args!("fault: CFSR {status:#010x}, address {address:#010x}"))
}
