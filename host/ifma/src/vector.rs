//! Eight lanes of 64 bits: the operations of every engine, and the lanes in plain Rust.

use zeroize::DefaultIsZeroes;

/// The number of lanes, and of numbers that are computed at once.
pub const LANES: usize = 8;

/// The number of bits in a limb.
pub(crate) const BITS: u32 = 52;

/// The low 52 bits.
pub(crate) const MASK: u64 = (1 << BITS) - 1;

/// One limb of each of eight numbers, in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes(pub(crate) [u64; LANES]);

impl DefaultIsZeroes for Lanes {}

/// Eight lanes in the form of an engine. Each operation works on every lane, in a time that does not depend on the
/// values.
pub(crate) trait Vector: Copy {
    /// Loads the lanes from memory.
    fn load(from: &Lanes) -> Self;
    /// Stores the lanes in memory.
    fn store(self, to: &mut Lanes);
    /// The same value in every lane.
    fn splat(value: u64) -> Self;
    /// `self` + the low 52 bits of the 104-bit product of the low 52 bits of `a` and of `b`.
    fn add_low(self, a: Self, b: Self) -> Self;
    /// `self` + the high 52 bits of that product.
    fn add_high(self, a: Self, b: Self) -> Self;
    /// `self + other`, modulo 2^64.
    fn add(self, other: Self) -> Self;
    /// `self >> 52`.
    fn carry(self) -> Self;
    /// `self & other`.
    fn and(self, other: Self) -> Self;
    /// `self | other`.
    fn or(self, other: Self) -> Self;
}

/// Work on the vectors of any engine.
pub(crate) trait Job {
    /// Does the work. This and all functions that it calls must be `#[inline(always)]`: the compiler then uses the
    /// instructions of the engine's function.
    fn run<V: Vector>(self);
}

impl Lanes {
    pub(crate) fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let mut out = self;
        for (out, other) in out.0.iter_mut().zip(other.0) {
            *out = f(*out, other);
        }
        out
    }
}

/// The product of the low 52 bits of `a` and of `b`.
fn product(a: u64, b: u64) -> u128 {
    u128::from(a & MASK) * u128::from(b & MASK)
}

impl Vector for Lanes {
    fn load(from: &Lanes) -> Self {
        *from
    }

    fn store(self, to: &mut Lanes) {
        *to = self;
    }

    fn splat(value: u64) -> Self {
        Self([value; LANES])
    }

    fn add_low(self, a: Self, b: Self) -> Self {
        self.add(a.zip(b, |a, b| product(a, b) as u64 & MASK))
    }

    fn add_high(self, a: Self, b: Self) -> Self {
        self.add(a.zip(b, |a, b| (product(a, b) >> BITS) as u64))
    }

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }

    fn carry(self) -> Self {
        self.zip(self, |a, _| a >> BITS)
    }

    fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }
}
