//! The cost of MiniPKI's work on this chip. Each run has the same figures: no network, no clock, fixed entropy.
//!
//! Each line is `name | instructions | bytes of stack`; `cargo xtask budgets` reads them.
#![no_std]
#![no_main]

mod certificate;
mod channel;
mod enrolment;
mod fixture;

use cortex_m::peripheral::Peripherals;
use cortex_m_rt::entry;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::limits::{FRAME, STAPLED};
use minipki_core::link::{Link, Machine};
use minipki_core::session;
use minipki_cortex_m::memory;
use minipki_cortex_m::meter::{self, Cost, FixedRng, measure};
use minipki_cortex_m::semihosting::{exit, print};
use minipki_lm3s6965::CHIP;

/// A result. An error is the name of the step that failed.
type Outcome<T> = Result<T, &'static str>;

/// Two frames for each of two peers.
type Frames = [[u8; FRAME]; 4];

/// A certificate with its status for each of two peers.
type Staples = [[u8; STAPLED]; 2];

#[entry]
fn main() -> ! {
    static mut FRAMES: Frames = [[0; FRAME]; 4];
    static mut STAPLES: Staples = [[0; STAPLED]; 2];

    match run(FRAMES, STAPLES) {
        Ok(()) => exit(0),
        Err(step) => {
            print(format_args!("failed: {step}"));
            exit(1)
        }
    }
}

fn run(frames: &mut Frames, staples: &mut Staples) -> Outcome<()> {
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
        channel::stapled(&sensor, &gateway, frames, staples)?;
    }
    channel::noise(frames)
}

/// Prints the cost of some work.
fn row(name: &str, cost: Cost) {
    print(format_args!("{name} | {} | {}", cost.instructions, cost.stack));
}

/// [`row`], for work that depends on the size of the CA's key.
fn row_of(bits: usize, name: &str, cost: Cost) {
    print(format_args!("{name}, RSA-{bits} | {} | {}", cost.instructions, cost.stack));
}

/// Moves waiting bytes from one link to the other without a network; returns their number.
fn carry<F: Machine<Error = session::Error>, T: Machine<Error = session::Error>>(
    from: &mut Link<'_, F>,
    to: &mut Link<'_, T>,
) -> usize {
    let moved = to.space().iter_mut().zip(from.to_send()).map(|(to, from)| *to = *from).count();
    if moved > 0 {
        to.received(moved);
        from.sent(moved);
    }
    moved
}
