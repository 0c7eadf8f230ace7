//! The Stellaris LM3S6965: a Cortex-M3 with 256 KB of flash, 64 KB of RAM and Ethernet, as QEMU emulates it.
#![no_std]

mod mac;

use minipki_cortex_m::chip::Chip;
use minipki_cortex_m::memory::Region;

/// The chip.
pub static CHIP: Chip = Chip {
    hertz: 12_500_000,
    memory: [Region::flash(0, 18), Region::ram(0x2000_0000, 16), Region::devices(0x4000_0000, 20)],
    mac: &mac::Controller,
};
