//! The program that fails.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use minipki_cortex_m::arguments::{LENGTH, Line};
use minipki_cortex_m::program;
use minipki_mps2_an385::CHIP;

#[entry]
fn main() -> ! {
    static mut LINE: Line = [0; LENGTH];

    program::fail(&CHIP, LINE)
}
