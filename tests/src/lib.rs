//! Shared by the tests.

pub mod board;
pub mod browser;
pub mod ca;
pub mod certificate_corpus;
pub mod certificates;
mod command;
pub mod console;
pub mod console_program;
pub mod dead_stack;
pub mod device;
pub mod device_others;
pub mod flood;
pub mod kill_points;
pub mod loopback;
pub mod noise;
pub mod pair;
pub mod peers;
pub mod pictures;
pub mod program;
pub mod rsa_keys;
pub mod server;
pub mod stream;
pub mod terminal;
mod vectors;

/// Makes tests of generic functions, each under each provider: `portable::name` and `aws_lc::name`.
#[macro_export]
macro_rules! under_each_provider {
    ($($test:ident)*) => {
        mod portable {
            $(#[test] fn $test() { super::$test::<minipki_core::crypto::Portable>(); })*
        }
        mod aws_lc {
            $(#[test] fn $test() { super::$test::<minipki_provider::AwsLc>(); })*
        }
    };
}

pub use command::{openssl, openssl_fails};
pub use vectors::{vector_path, vectors};

/// The bytes that `text` spells in hexadecimal; blanks may stand between digits.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("hex") as u8).collect();
    let (pairs, rest) = digits.as_chunks();
    assert!(rest.is_empty(), "an odd number of hexadecimal digits");
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

/// [`hex`] of a fixed length.
pub fn hex_array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("as many bytes as the test says")
}
