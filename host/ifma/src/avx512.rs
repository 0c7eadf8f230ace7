//! The vectors of AVX-512 IFMA: eight lanes in one register, eight products of 52 bits in one instruction.
//!
//! All `unsafe` code of the crate is here, and it has one condition: the CPU has the instructions. An [`Ifma`] exists
//! only on such a CPU, and only [`Ifma::run`] makes values of [`Avx512`].
#![allow(unsafe_code, reason = "the instructions of a CPU are reached by intrinsics alone")]

use core::arch::x86_64::*;

use crate::vector::{BITS, Job, Lanes, Vector};

/// The proof that this CPU has AVX-512F and AVX-512 IFMA, and that the operating system saves their registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ifma(());

impl Ifma {
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")).then_some(Self(()))
    }

    /// Runs `job` with [`Avx512`] vectors.
    pub(crate) fn run(self, job: impl Job) {
        // SAFETY: only `detect` makes an `Ifma`, and it has found both features.
        unsafe { enter(job) }
    }
}

/// The function that is compiled with the features. The whole job is inlined here.
#[target_feature(enable = "avx512f,avx512ifma")]
fn enter(job: impl Job) {
    job.run::<Avx512>();
}

/// Eight lanes in a register.
///
/// The methods are inlined into [`enter`]. No other function names this type, so a method runs only on a CPU that has
/// the instructions.
#[derive(Clone, Copy)]
struct Avx512(__m512i);

impl Vector for Avx512 {
    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        // SAFETY: the CPU has the features; `from` is 64 bytes, aligned to 64.
        Self(unsafe { _mm512_load_si512(core::ptr::from_ref(from).cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        // SAFETY: the CPU has the features; `to` is 64 bytes, aligned to 64, and borrowed exclusively.
        unsafe { _mm512_store_si512(core::ptr::from_mut(to).cast(), self.0) }
    }

    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn carry(self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: the CPU has the features.
        Self(unsafe { _mm512_or_si512(self.0, other.0) })
    }
}
