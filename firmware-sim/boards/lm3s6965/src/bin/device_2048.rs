//! The device for a CA with a key of 2048 bits: the image has no code for other sizes.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::Rsa2048;
use minipki_cortex_m::arguments::{LENGTH, Line};
use minipki_cortex_m::program;
use minipki_device_app::Memory;
use minipki_lm3s6965::CHIP;

#[entry]
fn main() -> ! {
    // These are in .bss, not on the stack; cortex-m-rt lends each once.
    static mut LINE: Line = [0; LENGTH];
    static mut MEMORY: Memory = Memory::new();

    program::device(&CHIP, LINE, MEMORY, Portable::<Rsa2048>::default())
}
