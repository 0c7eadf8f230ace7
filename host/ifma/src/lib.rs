//! RSA private operations, eight at a time, on AVX-512 IFMA.
//!
//! [`BatchKey`] does with eight numbers at once what the core does with one: the private operation by
//! the two primes, on blinded numbers, verified before it leaves. Eight lanes of one vector register
//! hold a limb of each of eight numbers, so one instruction multiplies eight pairs of limbs. That pays
//! where signatures are wanted in numbers; for a single one it is slower than doing just one.
//!
//! From the bottom: `vector` is what a lane is, `avx512` and plain Rust are the two engines that have
//! them, `tile` and `kernel` multiply, `number` and `modulus` make arithmetic modulo a number of it,
//! `crt` the private operation, and `key` lends it out for keys of three sizes.
//!
//! Nothing branches on a secret or uses one as an address.
#![deny(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod crt;
mod engine;
mod kernel;
mod key;
mod modulus;
mod number;
mod tile;
mod vector;

pub use engine::Engine;
pub use key::{BatchKey, Error};
pub use vector::LANES;

/// The arithmetic below, for the tests.
#[doc(hidden)]
pub mod arith {
    pub use crate::modulus::{Digits, Modulus, Ring, digits};
    pub use crate::number::{Number, Wiped, read, write, zero};
    pub use crate::vector::Lanes;
}
