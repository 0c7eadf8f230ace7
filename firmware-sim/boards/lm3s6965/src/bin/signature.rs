//! The verifier of RSA signatures: the validator of X.509 certificates without X.509.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use minipki_cortex_m::arguments::{LENGTH, Line};
use minipki_cortex_m::x509::{FILE, Files, verify};
use minipki_lm3s6965::CHIP;

#[entry]
fn main() -> ! {
    static mut LINE: Line = [0; LENGTH];
    static mut FILES: Files<3> = [[0; FILE]; 3];

    verify(&CHIP, LINE, FILES)
}
