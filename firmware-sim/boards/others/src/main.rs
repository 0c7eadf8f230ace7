//! The cost of the crates `rsa` and `snow` for the same work as MiniPKI's, on the same chip.
//!
//! Each line is `name | instructions | bytes of stack | bytes of heap`; `cargo xtask budgets` reads them.
#![no_std]
#![no_main]

mod heap;
mod noise;
mod signature;

use cortex_m::peripheral::Peripherals;
use cortex_m_rt::entry;
use minipki_cortex_m::memory;
use minipki_cortex_m::meter::{self, Cost};
use minipki_cortex_m::semihosting::{exit, print};
use minipki_lm3s6965::CHIP;

/// A result. An error is the name of the step that failed.
type Outcome<T> = Result<T, &'static str>;

#[entry]
fn main() -> ! {
    match run() {
        Ok(()) => exit(0),
        Err(step) => {
            print(format_args!("failed: {step}"));
            exit(1)
        }
    }
}

fn run() -> Outcome<()> {
    let peripherals = Peripherals::take().ok_or("started twice")?;
    memory::protect(peripherals.MPU, &CHIP.memory);
    meter::start(peripherals.SYST);
    heap::start();
    signature::run()?;
    noise::run()
}

/// Runs `work`, and returns its result, its cost and its peak of heap.
fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost, usize) {
    heap::reset_peak();
    let (result, cost) = meter::measure(work);
    (result, cost, heap::peak())
}

/// Prints the cost of some work.
fn row(name: &str, cost: Cost, heap: usize) {
    print(format_args!("{name} | {} | {} | {heap}", cost.instructions, cost.stack));
}
