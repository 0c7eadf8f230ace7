//! The integers below RSA: one set of algorithms over two kernels.
//!
//! [`Limb`] is what a kernel gives: `u32` in radix 2^28 for 32-bit machines,
//! `u64` in full radix for 64-bit ones. [`Modulus`] and [`Crt`] are written
//! once, over any of the two. Only the tests name a kernel; RSA uses [`Native`].
//!
//! Where a secret decides, it does so as a [`subtle::Choice`]. The compiler cannot see that a `Choice` is 0 or 1. It can
//! see that of a plain carry, and may compile a mask that is made from one to a branch.

mod crt;
mod kernel32;
mod kernel64;
mod limb;
mod modulus;

pub use crt::{Crt, Parts};
pub use limb::{Limb, Wiped};
pub use modulus::Modulus;

/// The kernel that fits this machine.
#[cfg(target_pointer_width = "64")]
pub type Native = u64;
/// The kernel that fits this machine.
#[cfg(not(target_pointer_width = "64"))]
pub type Native = u32;

/// Limbs of kernel `W` that hold a number of `bits` bits.
pub const fn limbs<W: Limb>(bits: usize) -> usize {
    bits.div_ceil(W::BITS as usize).next_multiple_of(W::BLOCK)
}
