//! The device on each emulated board, with the real programs and with hostile remotes.
//!
//! `cargo xtask device --check` builds the firmware and runs these tests.

/// Makes a test for each board from functions that take a board.
macro_rules! on_each_board {
    ($($test:ident),* $(,)?) => {
        mod lm3s6965 {
            $(#[test]
            fn $test() {
                super::$test(minipki_qemu::LM3S6965);
            })*
        }
        mod mps2_an385 {
            $(#[test]
            fn $test() {
                super::$test(minipki_qemu::MPS2_AN385);
            })*
        }
    };
}

mod cas;
mod clock;
mod cuts;
mod failures;
mod peers;
mod renewals;
mod rollovers;
mod statuses;
mod talks;
mod x509;
