//! RSA private operations, eight at a time, on AVX-512 IFMA.
//!
//! [`BatchKey`] computes the private operation of the core for eight numbers at once: with the two primes, blinded, and
//! verified. A vector register holds a limb of each of the eight numbers in its lanes, so one instruction multiplies
//! eight pairs of limbs. For a single signature this is slower than the core.
//!
//! From the bottom: `vector` has the lanes, in plain Rust, and `avx512` has them in registers. `tile` and `engine`
//! multiply, `number` and `modulus` add modular arithmetic, `crt` the private operation, and `key` the three key sizes.
//!
//! No branch and no address depends on a secret.
#![deny(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod crt;
mod engine;
mod key;
mod modulus;
mod number;
mod tile;
mod vector;

pub use engine::Engine;
pub use key::{BatchKey, Error};
pub use vector::LANES;

/// The arithmetic, for tests.
#[doc(hidden)]
pub mod arith {
    pub use crate::modulus::{Digits, Modulus, Ring, digits};
    pub use crate::number::{Number, Wiped, read, write, zero};
    pub use crate::vector::Lanes;
}
