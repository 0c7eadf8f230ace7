//! What MiniPKI's work costs on this chip, the same figures run after run: no network, no clock, fixed entropy.
//!
//! Each line is `what | instructions | bytes of stack`; `cargo xtask budgets` reads them.
#![no_std]
#![no_main]

mod certificate;
mod channel;
mod enrolment;
mod fixture;
mod handshake;
mod pipe;
mod report;

use cortex_m::peripheral::Peripherals;
use cortex_m_rt::entry;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::FRAME;

use minipki_cortex_m::memory;
use minipki_cortex_m::meter::{self, FixedRng, measure};
use minipki_cortex_m::semihosting::{exit, print};
use minipki_lm3s6965::CHIP;

use report::{Frames, Outcome, row};

#[entry]
fn main() -> ! {
    static mut FRAMES: Frames = [[0; FRAME]; 4];

    match run(FRAMES) {
        Ok(()) => exit(0),
        Err(what) => {
            print(format_args!("failed: {what}"));
            exit(1)
        }
    }
}

fn run(frames: &mut Frames) -> Outcome<()> {
    let peripherals = Peripherals::take().ok_or("started twice")?;
    memory::protect(peripherals.MPU, &CHIP.memory);
    meter::start(peripherals.SYST);

    let (key, cost) = measure(|| KeyPair::generate(Portable::new(), &mut FixedRng));
    row("X25519: key pair", cost);
    let (agreed, cost) = measure(|| key.agree(key.public().as_bytes()));
    agreed.map_err(|_| "agreement")?;
    row("X25519: agreement", cost);

    for ends in fixture::all() {
        let [sensor, gateway] = ends?;
        certificate::run(&sensor)?;
        enrolment::run(&sensor, frames)?;
        channel::run(&sensor, &gateway, frames)?;
    }
    handshake::run(frames)
}
