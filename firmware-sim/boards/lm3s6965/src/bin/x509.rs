//! The validator of X.509 certificates.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use minipki_cortex_m::arguments::{LENGTH, Line};
use minipki_cortex_m::x509::{FILE, Files, validate};
use minipki_lm3s6965::CHIP;

/// The certificate of the trust anchor.
static ROOT: &[u8] = include_bytes!("../../../../../vectors/x509/rsa/root");

#[entry]
fn main() -> ! {
    static mut LINE: Line = [0; LENGTH];
    static mut FILES: Files<2> = [[0; FILE]; 2];

    validate(&CHIP, LINE, FILES, ROOT)
}
