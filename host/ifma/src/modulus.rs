//! A modulus, and arithmetic modulo it on eight numbers at once.
//!
//! # Bounds
//! `R` = 2^(52 `L`) leaves 16 bits or more above every modulus in use: 2^16 n <= R. A *residue* is a
//! number below 4n. A Montgomery product of two residues, or of a number below n and any number below R, is
//!
//! (a b + q n) / R < (16 n^2 + R n) / R <= n (2^-12 + 1) < 2n, or (n R + R n) / R = 2n,
//!
//! since q < R. So no product needs a subtraction, and the sum of two products is a residue.
//! [`Modulus::canonical`] takes a number below 2n and brings it below n, before it is compared or leaves the lanes.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::engine::{Combine, Engine, Multiply, Reducer, Select, Square};

use crate::number::{Number, Wiped, add, assign, first_lane, limbs, splat, sub, zero};
use crate::vector::{BITS, Lanes, MASK, Vector};

/// The number of bits in a digit of [`Ring::power`]. With 5 bits there are fewer multiplications, but the table is too
/// large for the first-level cache, and the whole table is read for each digit.
const WINDOW: usize = 4;

/// An odd modulus with its constants for Montgomery arithmetic.
pub struct Modulus<const L: usize> {
    pub(crate) n: [u64; L],
    /// `-1 / n` modulo 2^52.
    n_inverse: u64,
    /// `R mod n`: 1 in Montgomery form.
    one: [u64; L],
    /// `R^2 mod n`: the factor that brings a number into Montgomery form.
    pub(crate) r_squared: [u64; L],
}

impl<const L: usize> Modulus<L> {
    /// The modulus of these big-endian bytes. It must be odd, with its first bit set.
    pub fn new(engine: Engine, bytes: &[u8]) -> Self {
        let n = limbs(bytes);
        let mut modulus = Self { n, n_inverse: negated_inverse(n[0]), one: [0; L], r_squared: [0; L] };
        // Start with 2^bits mod n. Double it to R mod n, and once more: this is 2 in Montgomery form.
        let mut x = Wiped::new(zero());
        sub(&mut x, &splat(&n));
        let bits = 8 * bytes.len();
        let spare = BITS as usize * L - bits;
        for (i, limb) in x.iter_mut().enumerate() {
            let kept = bits.saturating_sub(BITS as usize * i).min(BITS as usize);
            *limb = limb.and(Lanes::splat((1 << kept) - 1));
        }
        for _ in 0..spare {
            modulus.double(&mut x);
        }
        modulus.one = first_lane(&x);
        modulus.double(&mut x);
        // Raise it to the power of 52 L by squarings and doublings: this is R in Montgomery form.
        let mut ring = Ring::new(engine, &modulus);
        let power = BITS as usize * L;
        for bit in (0..power.ilog2()).rev() {
            x = ring.square(&x);
            modulus.canonical(&mut x);
            if power >> bit & 1 == 1 {
                modulus.double(&mut x);
            }
        }
        drop(ring);
        modulus.r_squared = first_lane(&x);
        modulus
    }

    /// Reduces a number below 2n to one below n.
    pub(crate) fn canonical(&self, x: &mut Number<L>) {
        let mut less = Wiped::new(*x);
        let borrow = sub(&mut less, &splat(&self.n));
        assign(x, &less, borrow.zip(borrow, |borrow, _| borrow ^ 1));
    }

    /// `a = a - b mod n` for numbers below n.
    pub(crate) fn sub(&self, a: &mut Number<L>, b: &Number<L>) {
        let borrow = sub(a, b);
        let mut sum = Wiped::new(*a);
        add(&mut sum, &splat(&self.n));
        assign(a, &sum, borrow);
    }

    /// `x = 2 x mod n` for a number below n.
    fn double(&self, x: &mut Number<L>) {
        let same = Wiped::new(*x);
        add(x, &same);
        self.canonical(x);
    }
}

impl<const L: usize> Drop for Modulus<L> {
    fn drop(&mut self) {
        self.n.zeroize();
        self.n_inverse.zeroize();
        self.one.zeroize();
        self.r_squared.zeroize();
    }
}

impl<const L: usize> ZeroizeOnDrop for Modulus<L> {}

/// The digits of an exponent for [`Ring::power`], the most significant first.
pub type Digits = Zeroizing<Vec<u8>>;

/// The digits of a big-endian exponent.
pub fn digits(bytes: &[u8]) -> Digits {
    let bit = |at: usize| bytes.iter().rev().nth(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
    let digit = |at: usize| (0..WINDOW).rev().fold(0, |digit, i| digit << 1 | bit(WINDOW * at + i));
    Zeroizing::new((0..(8 * bytes.len()).div_ceil(WINDOW)).rev().map(digit).collect())
}

/// Arithmetic modulo a modulus, with its working memory.
pub struct Ring<'m, const L: usize> {
    engine: Engine,
    modulus: &'m Modulus<L>,
    space: Zeroizing<[Number<L>; 2]>,
}

impl<'m, const L: usize> Ring<'m, L> {
    /// Arithmetic modulo `modulus`.
    pub fn new(engine: Engine, modulus: &'m Modulus<L>) -> Self {
        Self { engine, modulus, space: Zeroizing::new([zero(); 2]) }
    }

    /// Montgomery multiplication, `a * b / R`. The module's documentation has the bounds.
    pub fn mul(&mut self, a: &Number<L>, b: &Number<L>) -> Wiped<L> {
        let mut out = Wiped::new(zero());
        self.mul_into(&mut out, a, b);
        out
    }

    fn mul_into(&mut self, out: &mut Number<L>, a: &Number<L>, b: &Number<L>) {
        let by = Reducer { n: &self.modulus.n, n_inverse: self.modulus.n_inverse };
        self.engine.run(Multiply { out, a, b, by, t: &mut self.space });
    }

    /// Montgomery squaring, `a * a / R`, of a residue.
    pub fn square(&mut self, a: &Number<L>) -> Wiped<L> {
        let mut out = Wiped::new(zero());
        self.square_into(&mut out, a);
        out
    }

    fn square_into(&mut self, out: &mut Number<L>, a: &Number<L>) {
        let by = Reducer { n: &self.modulus.n, n_inverse: self.modulus.n_inverse };
        self.engine.run(Square { out, a, by, t: &mut self.space });
    }

    /// `x * R mod n`, a residue, for any number below R.
    pub fn enter(&mut self, x: &Number<L>) -> Wiped<L> {
        self.mul(x, &splat(&self.modulus.r_squared))
    }

    /// `x / R mod n`, below n, for a residue.
    ///
    /// (x + q n) / R < (4n + (R - 1) n) / R < n + 1, so at most n.
    pub fn leave(&mut self, x: &Number<L>) -> Wiped<L> {
        let mut one = [0; L];
        one[0] = 1;
        let mut out = self.mul(x, &splat(&one));
        self.modulus.canonical(&mut out);
        out
    }

    /// `a * b + c`. The caller ensures that the result fits `N` = 2 `L` limbs.
    pub(crate) fn combine<const N: usize>(
        &mut self,
        out: &mut Number<N>,
        a: &Number<L>,
        b: &[u64; L],
        c: &Number<L>,
    ) {
        self.engine.run(Combine { out, a, b, c, t: &mut self.space });
    }

    /// `x^65537 mod n`, below n, for a number below n: sixteen squarings and a product with `x`.
    pub fn power_65537(&mut self, x: &Number<L>) -> Wiped<L> {
        let (mut y, mut z) = (self.enter(x), Wiped::new(zero()));
        for _ in 0..8 {
            self.square_into(&mut z, &y);
            self.square_into(&mut y, &z);
        }
        self.mul_into(&mut z, &y, x);
        self.modulus.canonical(&mut z);
        z
    }

    /// `base^exponent` for a residue, both in Montgomery form. The result is a residue.
    ///
    /// The window is fixed: each digit reads the whole table, and the digit 0 multiplies by 1.
    pub fn power(&mut self, base: &Number<L>, exponent: &[u8]) -> Wiped<L> {
        let mut table = Zeroizing::new(vec![zero(); 1 << WINDOW]);
        table[0] = *splat(&self.modulus.one);
        table[1] = *base;
        for i in 2..table.len() {
            let (done, rest) = table.split_at_mut(i);
            match i % 2 {
                0 => self.square_into(&mut rest[0], &done[i / 2]),
                _ => self.mul_into(&mut rest[0], &done[i - 1], base),
            }
        }
        let [mut x, mut y, mut entry] = [const { zero() }; 3].map(Wiped::new);
        for (i, digit) in exponent.iter().enumerate() {
            let mut masks = [0; 1 << WINDOW];
            for (i, mask) in (0..).zip(&mut masks) {
                mask.conditional_assign(&u64::MAX, digit.ct_eq(&i));
            }
            let out = if i == 0 { &mut x } else { &mut entry };
            self.engine.run(Select { out, table: &table, masks: &masks });
            masks.zeroize();
            if i == 0 {
                continue;
            }
            for _ in 0..WINDOW / 2 {
                self.square_into(&mut y, &x);
                self.square_into(&mut x, &y);
            }
            self.mul_into(&mut y, &x, &entry);
            *x = *y;
        }
        x
    }
}

/// `-1 / n` modulo 2^52. Newton's iteration starts with three correct bits, and doubles their number each time.
fn negated_inverse(n: u64) -> u64 {
    let inverse = (0..5).fold(n, |x, _| x.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(x))));
    inverse.wrapping_neg() & MASK
}
