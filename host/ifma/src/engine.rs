//! The engine, chosen at run time, and its jobs: Montgomery arithmetic on eight numbers at once, and table look-ups.
//!
//! A number is `L` limbs of 52 bits, least significant first; `L` is a multiple of [`TILE`]. The caller lends the space
//! `t` for a product, and wipes it.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

#[cfg(target_arch = "x86_64")]
use crate::avx512::Ifma;
use crate::tile::{Limb, TILE, close, digits, open, settle, tile, triangle};
use crate::vector::{Job, Lanes, Vector};

/// The implementation that runs jobs.
#[derive(Clone, Copy, Debug)]
pub struct Engine(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma(Ifma),
}

impl Engine {
    /// The engine on AVX-512 IFMA; `None` if the CPU or the operating system does not support it.
    pub fn ifma() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Ifma::detect().map(Kind::Ifma).map(Self);
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// The engine in plain Rust, for tests on any machine. Many times slower.
    pub const fn portable() -> Self {
        Self(Kind::Portable)
    }

    pub(crate) fn run(self, job: impl Job) {
        match self.0 {
            Kind::Portable => job.run::<Lanes>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Ifma(ifma) => ifma.run(job),
        }
    }
}

/// A modulus for reduction: its limbs, and `-1 / n` modulo 2^52.
pub(crate) struct Reducer<'a, const L: usize> {
    pub(crate) n: &'a [u64; L],
    pub(crate) n_inverse: u64,
}

/// `out = a * b / R mod n`, R = 2^(52 `L`). The result can be above `n`.
pub(crate) struct Multiply<'a, const L: usize> {
    pub(crate) out: &'a mut [Lanes; L],
    pub(crate) a: &'a [Lanes; L],
    pub(crate) b: &'a [Lanes; L],
    pub(crate) by: Reducer<'a, L>,
    pub(crate) t: &'a mut [[Lanes; L]; 2],
}

impl<const L: usize> Job for Multiply<'_, L> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let t = self.t.as_flattened_mut();
        multiply::<V, _>(t, self.a, self.b);
        reduce::<V, L>(t, self.by);
        settle::<V>(self.out, &t[L..]);
    }
}

/// `out = a * a / R mod n`. The result can be above `n`.
pub(crate) struct Square<'a, const L: usize> {
    pub(crate) out: &'a mut [Lanes; L],
    pub(crate) a: &'a [Lanes; L],
    pub(crate) by: Reducer<'a, L>,
    pub(crate) t: &'a mut [[Lanes; L]; 2],
}

impl<const L: usize> Job for Square<'_, L> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let t = self.t.as_flattened_mut();
        square::<V>(t, self.a);
        reduce::<V, L>(t, self.by);
        settle::<V>(self.out, &t[L..]);
    }
}

/// `out = a * b + c`, of `N` = 2 `L` limbs.
pub(crate) struct Combine<'a, const L: usize, const N: usize> {
    pub(crate) out: &'a mut [Lanes; N],
    pub(crate) a: &'a [Lanes; L],
    pub(crate) b: &'a [u64; L],
    pub(crate) c: &'a [Lanes; L],
    pub(crate) t: &'a mut [[Lanes; L]; 2],
}

impl<const L: usize, const N: usize> Job for Combine<'_, L, N> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let t = self.t.as_flattened_mut();
        multiply::<V, _>(t, self.a, self.b);
        for (t, c) in t.iter_mut().zip(self.c) {
            V::load(t).add(V::load(c)).store(t);
        }
        settle::<V>(self.out, t);
    }
}

/// `out` = the entry of `table` whose mask is all ones. The other masks are zero. Reads all entries.
pub(crate) struct Select<'a, const L: usize> {
    pub(crate) out: &'a mut [Lanes; L],
    pub(crate) table: &'a [[Lanes; L]],
    pub(crate) masks: &'a [u64],
}

impl<const L: usize> Job for Select<'_, L> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        for i in (0..L).step_by(TILE) {
            let mut chosen = [V::splat(0); TILE];
            for (entry, mask) in self.table.iter().zip(self.masks) {
                let (entry, mask) = (&entry[i..i + TILE], V::splat(*mask));
                for (chosen, limb) in chosen.iter_mut().zip(entry) {
                    *chosen = chosen.or(V::load(limb).and(mask));
                }
            }
            for (chosen, out) in chosen.into_iter().zip(&mut self.out[i..]) {
                chosen.store(out);
            }
        }
    }
}

/// `t = a * b`, in columns. Each sweep adds the products of ten limbs of `a`.
#[inline(always)]
fn multiply<V: Vector, B: Limb>(t: &mut [Lanes], a: &[Lanes], b: &[B]) {
    for i in (0..a.len()).step_by(TILE) {
        let mut w = if i == 0 { [V::splat(0); TILE] } else { open(&t[i..]) };
        for j in (0..b.len()).step_by(TILE) {
            let more = i > 0 && j + TILE < b.len();
            tile(&mut w, &mut t[i + j..], &a[i..], &b[j..], more);
        }
        close(&w, &mut t[i + b.len()..]);
    }
}

/// `t = a * a`, in columns. Each product of two different limbs is computed once and doubled.
#[inline(always)]
fn square<V: Vector>(t: &mut [Lanes], a: &[Lanes]) {
    for i in (0..a.len() - TILE).step_by(TILE) {
        let start = 2 * i + TILE;
        let mut w = if i == 0 { [V::splat(0); TILE] } else { open(&t[start..]) };
        for j in (i + TILE..a.len()).step_by(TILE) {
            let more = i > 0 && j + TILE < a.len();
            tile(&mut w, &mut t[i + j..], &a[j..], &a[i..], more);
        }
        close(&w, &mut t[i + a.len()..]);
    }
    for i in (0..a.len()).step_by(TILE) {
        triangle::<V>(&mut t[2 * i..], &a[i..], [i > 0, i + TILE < a.len()]);
    }
}

/// Montgomery reduction of the `2 L` columns of `t`: the upper `L` columns are the result.
#[inline(always)]
fn reduce<V: Vector, const L: usize>(t: &mut [Lanes], by: Reducer<'_, L>) {
    for i in (0..L).step_by(TILE) {
        let t = &mut t[i..i + L + TILE];
        let mut w = digits::<V>(t, by.n, by.n_inverse);
        let (q, rest) = t.split_at_mut(TILE);
        for j in (TILE..L).step_by(TILE) {
            tile(&mut w, &mut rest[j - TILE..], q, &by.n[j..], true);
        }
        close(&w, &mut rest[L - TILE..]);
    }
}
