//! Arm's MPS2 board with the FPGA image of application note 385: a Cortex-M3, 8 MB of SSRAM and a LAN9118, under QEMU.
#![no_std]

mod lan9118;

use minipki_cortex_m::chip::Chip;
use minipki_cortex_m::memory::Region;

/// The chip.
pub static CHIP: Chip = Chip {
    hertz: 25_000_000,
    memory: [Region::flash(0, 22), Region::ram(0x2000_0000, 22), Region::devices(0x4020_0000, 16)],
    mac: &lan9118::Controller,
};
