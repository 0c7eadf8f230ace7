//! The memory protection unit: an access outside of flash, RAM and devices faults.
//!
//! Without it the emulated board would ignore such an access. The stack is at the bottom of the RAM (memory.x), so a
//! stack overflow faults too.
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
    /// Code and constants: read only.
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

/// Sets up the regions and enables the protection. All faults stay HardFaults, as after a reset.
pub fn protect(mpu: MPU, regions: &[Region]) {
    for (number, region) in (0..).zip(regions) {
        // SAFETY: the regions contain all memory of memory.x and all devices in use: all Rust objects stay accessible.
        unsafe {
            mpu.rnr.write(number);
            mpu.rbar.write(region.start);
            mpu.rasr.write(region.attributes | (region.bits - 1) << 1 | ENABLE);
        }
    }
    // SAFETY: as above. Without PRIVDEFENA only the regions and the processor's own registers are accessible.
    unsafe { mpu.ctrl.write(ENABLE) };
    asm::dsb();
    asm::isb();
}
