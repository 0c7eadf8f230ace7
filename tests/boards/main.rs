//! The device on each emulated board, among the real programs and among others that are not as they should be.
//!
//! Run by `cargo xtask device --check`, which builds the firmware and says where it is.

/// Makes a test of each board out of functions that take one.
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
mod embassy;
mod failures;
mod peers;
mod talks;
