//! The crates `rsa` and `snow` at the work that MiniPKI does itself, measured on the same chip by the same meter.
//!
//! Each line is `what | instructions | bytes of stack | bytes of heap`; `cargo xtask budgets` reads them.
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

/// Names of the program's failures.
type Outcome<T> = Result<T, &'static str>;

#[entry]
fn main() -> ! {
    match run() {
        Ok(()) => exit(0),
        Err(what) => {
            print(format_args!("failed: {what}"));
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

/// Runs `work`, and says what it took of the chip and, at most at once, of the heap.
fn measure<T>(work: impl FnOnce() -> T) -> (T, Cost, usize) {
    heap::forget_peak();
    let (result, cost) = meter::measure(work);
    (result, cost, heap::peak())
}

/// Reports what something took.
fn row(name: &str, cost: Cost, heap: usize) {
    print(format_args!("{name} | {} | {} | {heap}", cost.instructions, cost.stack));
}
