//! The integer arithmetic of RSA: one set of algorithms over two kernels.
//!
//! A kernel implements [`Limb`]: `u32` in radix 2^28 for 32-bit machines, `u64` in full radix for 64-bit machines.
//! [`Modulus`] and [`Crt`] are written once, for both kernels. Only the tests name a kernel; RSA uses [`Native`].
//!
//! A decision over a secret is a [`subtle::Choice`]. The compiler knows that a plain carry is 0 or 1, and may
//! compile a mask of it to a branch. It does not know that of a `Choice`.

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
