//! Ends that nobody planned: panic, fault and stack overflow, each with its own exit code.
#![allow(unsafe_code, reason = "the handler of faults stands below Rust's rules")]

use core::fmt;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;

use crate::{exit, semihosting};

/// Says why, and ends the run.
pub fn stop(code: u8, why: fmt::Arguments<'_>) -> ! {
    semihosting::print(why);
    semihosting::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => stop(exit::PANIC, format_args!("panic at {}:{}", place.file(), place.line())),
        None => stop(exit::PANIC, format_args!("panic")),
    }
}

/// Takes every fault: none of the finer handlers is enabled.
///
/// The stack may be what is broken, so its pointer is set to the top before anything is pushed.
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

/// `stack` is where the stack pointer was, with what the processor saved on top of it.
extern "C" fn report(stack: usize, stack_end: usize) -> ! {
    if stack < stack_end {
        stop(exit::STACK_OVERFLOW, format_args!("stack overflow"));
    }
    // SAFETY: reading has no effect; nobody else runs any more.
    let (status, address) = unsafe { ((*SCB::PTR).cfsr.read(), (*SCB::PTR).mmfar.read()) };
    stop(exit::FAULT, format_args!("fault: CFSR {status:#010x}, address {address:#010x}"))
}
