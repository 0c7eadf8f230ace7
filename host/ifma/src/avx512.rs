//! The engine on AVX-512 IFMA: eight lanes in one register, eight products of 52 bits in one instruction.
//!
//! All of the crate's `unsafe` is here, and all of it for one reason: the instructions must be there.
//! [`Ifma`] is made only where they are, and only [`Ifma::run`] brings an [`Avx512`] into being.
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

    /// Does `job` in vectors of this engine.
    pub(crate) fn run(self, job: impl Job) {
        // SAFETY: `detect` alone makes an `Ifma`, and has seen both features.
        unsafe { enter(job) }
    }
}

/// Where the features are on. All of a job is inlined here.
#[target_feature(enable = "avx512f,avx512ifma")]
fn enter(job: impl Job) {
    job.run::<Avx512>();
}

/// Eight lanes in a register.
///
/// The methods are inlined into [`enter`]; nobody else names this type, so where one runs, the CPU
/// has the instructions.
#[derive(Clone, Copy)]
struct Avx512(__m512i);

impl Vector for Avx512 {
    #[inline(always)]
    fn load(from: &Lanes) -> Self {
        // SAFETY: the features are there; `from` is 64 bytes, aligned to 64.
        Self(unsafe { _mm512_load_si512(core::ptr::from_ref(from).cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut Lanes) {
        // SAFETY: the features are there; `to` is 64 bytes, aligned to 64, and ours alone.
        unsafe { _mm512_store_si512(core::ptr::from_mut(to).cast(), self.0) }
    }

    #[inline(always)]
    fn splat(value: u64) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_set1_epi64(value.cast_signed()) })
    }

    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    fn carry(self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: the features are there.
        Self(unsafe { _mm512_or_si512(self.0, other.0) })
    }
}
