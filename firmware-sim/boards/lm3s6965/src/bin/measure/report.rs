//! What every measurement is made of: its outcome, its memory, and its row.

use minipki_core::limits::FRAME;
use minipki_cortex_m::meter::Cost;
use minipki_cortex_m::semihosting::print;

/// Names of the program's failures, which are all of its surroundings.
pub(crate) type Outcome<T> = Result<T, &'static str>;

/// Two frames for each of two ends.
pub(crate) type Frames = [[u8; FRAME]; 4];

/// Reports what something took.
pub(crate) fn row(name: &str, cost: Cost) {
    print(format_args!("{name} | {} | {}", cost.instructions, cost.stack));
}

/// [`row`], for work that a certificate's RSA key has a part in.
pub(crate) fn row_of(bits: usize, name: &str, cost: Cost) {
    print(format_args!("{name}, RSA-{bits} | {} | {}", cost.instructions, cost.stack));
}
