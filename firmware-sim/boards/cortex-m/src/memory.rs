//! The memory protection unit: whatever is not flash, RAM or a device faults.
//!
//! On the emulated board an access to nowhere would go unnoticed, and a stack that overflows would run
//! on below the RAM. The stack lies at the bottom of the RAM (memory.x), so this is its guard as well.
#![allow(unsafe_code, reason = "the MPU's registers")]

use cortex_m::asm;
use cortex_m::peripheral::MPU;

/// A region of 2^`bits` bytes at a multiple of its length (ARMv7-M ARM, B3.5).
pub struct Region {
    start: u32,
    bits: u32,
    attributes: u32,
}

const READ_WRITE: u32 = 0b011 << 24;
const READ_ONLY: u32 = 0b110 << 24;
const NEVER_EXECUTE: u32 = 1 << 28;
const NORMAL: u32 = 0b010 << 16;
const DEVICE: u32 = 0b101 << 16;
const ENABLE: u32 = 1;

impl Region {
    /// Code and constants: never written to.
    pub const fn flash(start: u32, bits: u32) -> Self {
        Self { start, bits, attributes: READ_ONLY | NORMAL }
    }

    /// Stack and variables: never executed.
    pub const fn ram(start: u32, bits: u32) -> Self {
        Self { start, bits, attributes: READ_WRITE | NORMAL | NEVER_EXECUTE }
    }

    /// Registers: neither cached nor reordered.
    pub const fn devices(start: u32, bits: u32) -> Self {
        Self { start, bits, attributes: READ_WRITE | DEVICE | NEVER_EXECUTE }
    }
}

/// Sets up the regions and switches protection on; faults stay what they are by reset, HardFaults.
pub fn protect(mpu: MPU, regions: &[Region]) {
    for (number, region) in (0..).zip(regions) {
        // SAFETY: the regions hold all that the linker placed (memory.x) and all devices that are used;
        // nothing that a Rust object lives in becomes inaccessible.
        unsafe {
            mpu.rnr.write(number);
            mpu.rbar.write(region.start);
            mpu.rasr.write(region.attributes | (region.bits - 1) << 1 | ENABLE);
        }
    }
    // SAFETY: as above. Without PRIVDEFENA what is in no region is nobody's; the processor's own
    // registers are always there.
    unsafe { mpu.ctrl.write(ENABLE) };
    asm::dsb();
    asm::isb();
}
