//! A modulus and the powers modulo it: public (e = 65537) and secret (fixed window).
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::limb::{Limb, Wiped, add_mod, assign, bits_at, equal, from_be_bytes, less, sub, to_be_bytes};
use crate::bytes::{Public, declassify};

/// The number of exponent bits in a digit of [`Modulus::pow_secret`].
const WINDOW: u32 = 5;

/// An odd modulus of exactly `bits` bits, and its constants for Montgomery arithmetic.
#[derive(Clone)]
pub struct Modulus<W, const L: usize> {
    pub(super) n: [W; L],
    /// `-1 / n` modulo the radix.
    pub(super) n_inverse: W,
    /// See [`Limb::reciprocal`].
    pub(super) reciprocal: u64,
    pub(super) bits: u32,
}

impl<W: Limb, const L: usize> Modulus<W, L> {
    /// Takes a big-endian modulus; `None` unless it is odd, its first byte has the highest bit set,
    /// and its length suits `L` limbs.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut modulus = Self::EMPTY;
        modulus.load(bytes).map(|()| modulus)
    }

    /// An empty modulus, which [`Modulus::load`] fills.
    pub(super) const EMPTY: Self = Self { n: [W::ZERO; L], n_inverse: W::ZERO, reciprocal: 0, bits: 0 };

    /// Takes a modulus as [`Modulus::new`] does, in place: a move would leave a copy of a secret modulus.
    pub(super) fn load(&mut self, bytes: &[u8]) -> Option<()> {
        let bits = bytes.len().checked_mul(8)?;
        let (first, last) = (bytes.first()?, bytes.last()?);
        let right = Choice::from(first >> 7) & Choice::from(last & 1);
        if !W::suits(L, bits) || !declassify(right, Public::KeyIsSound) {
            return None;
        }
        from_be_bytes(&mut self.n, bytes);
        self.bits = bits as u32;
        self.reciprocal = W::reciprocal(&self.n, self.bits);
        self.n_inverse = negated_inverse(self.n[0]);
        Some(())
    }

    /// Takes a big-endian number. `None` unless it is below the modulus and no longer: it may be a message out of
    /// range, or a part of a damaged key.
    pub fn number(&self, bytes: &[u8]) -> Option<[W; L]> {
        let mut number = Wiped::new([W::ZERO; L]);
        self.load_number(&mut number, bytes).map(|()| *number)
    }

    /// Takes a number as [`Modulus::number`] does, in place.
    pub(super) fn load_number(&self, number: &mut [W; L], bytes: &[u8]) -> Option<()> {
        if bytes.len() > self.bits as usize / 8 {
            return None;
        }
        from_be_bytes(number, bytes);
        declassify(less(number, &self.n), Public::KeyIsSound).then_some(())
    }

    /// Writes a number as big-endian bytes, as many as `out` has.
    pub fn write(number: &[W; L], out: &mut [u8]) {
        to_be_bytes(number, out);
    }

    /// Writes the modulus itself.
    pub fn write_modulus(&self, out: &mut [u8]) {
        to_be_bytes(&self.n, out);
    }

    /// Whether the two have the same modulus.
    pub fn same(&self, other: &Self) -> Choice {
        equal(&self.n, &other.n)
    }

    /// The residue's representative below the modulus.
    pub fn canonical(&self, x: &mut [W; L]) {
        let mut difference = Wiped::new(*x);
        let borrow = sub(&mut difference, &self.n);
        assign(x, &difference, borrow.ct_eq(&W::ZERO));
    }

    /// Montgomery multiplication, [`Limb::montgomery_mul`].
    pub fn mul(&self, a: &[W; L], b: &[W; L]) -> Wiped<W, L> {
        let mut out = Wiped::new([W::ZERO; L]);
        W::montgomery_mul(&mut out, a, b, self);
        out
    }

    /// Montgomery squaring, [`Limb::montgomery_square`].
    pub fn square(&self, a: &[W; L]) -> Wiped<W, L> {
        let mut out = Wiped::new([W::ZERO; L]);
        W::montgomery_square(&mut out, a, self);
        out
    }

    /// `R^2 mod n`, canonical: the factor that takes a number into Montgomery form.
    pub fn r_squared(&self) -> Wiped<W, L> {
        let mut x = self.one();
        W::shift_mod(&mut x, self);
        self.canonical(&mut x);
        x
    }

    /// `R mod n`, canonical: 1 in Montgomery form.
    pub fn one(&self) -> Wiped<W, L> {
        let mut x = Wiped::new(plain_one());
        W::shift_mod(&mut x, self);
        self.canonical(&mut x);
        x
    }

    /// `a = a + b mod n` of canonical numbers.
    pub fn add(&self, a: &mut [W; L], b: &[W; L]) {
        add_mod(a, b, &self.n);
    }

    /// `x^65537 mod n` of a canonical number, canonical.
    ///
    /// Sixteen squarings and a product with `x` itself, which also leaves Montgomery form. [`Limb::shift_mod`] enters
    /// it at the cost of half a multiplication, so a public key needs no `R^2`.
    pub fn pow_65537(&self, x: &[W; L]) -> Wiped<W, L> {
        let (mut y, mut z) = (Wiped::new(*x), Wiped::new([W::ZERO; L]));
        W::shift_mod(&mut y, self);
        for _ in 0..8 {
            W::montgomery_square(&mut z, &y, self);
            W::montgomery_square(&mut y, &z, self);
        }
        W::montgomery_mul(&mut z, &y, x, self);
        self.canonical(&mut z);
        z
    }

    /// `base^exponent`. Base and result are in Montgomery form. The time depends on the length of the modulus alone.
    ///
    /// A fixed window: every entry of the table is read for every digit, and a digit of 0 multiplies by 1.
    pub fn pow_secret(&self, base: &[W; L], exponent: &[W; L]) -> Wiped<W, L> {
        let mut table = Zeroizing::new([[W::ZERO; L]; 1 << WINDOW]);
        table[0] = *self.one();
        table[1] = *base;
        for i in 2..table.len() {
            let (done, rest) = table.split_at_mut(i);
            W::montgomery_mul(&mut rest[0], &done[i - 1], base, self);
        }
        let digits = self.bits.div_ceil(WINDOW);
        let mut x = Wiped::new([W::ZERO; L]);
        let mut y = Wiped::new([W::ZERO; L]);
        for digit in (0..digits).rev() {
            let wanted = bits_at(exponent, (digit * WINDOW) as usize, WINDOW) as u8;
            for (i, entry) in table.iter().enumerate() {
                assign(&mut y, entry, (i as u8).ct_eq(&wanted));
            }
            if digit == digits - 1 {
                *x = *y;
                continue;
            }
            let mut z = Wiped::new([W::ZERO; L]);
            W::montgomery_square(&mut z, &x, self);
            for _ in 0..2 {
                W::montgomery_square(&mut x, &z, self);
                W::montgomery_square(&mut z, &x, self);
            }
            W::montgomery_mul(&mut x, &z, &y, self);
        }
        x
    }
}

impl<W: Limb, const L: usize> Zeroize for Modulus<W, L> {
    fn zeroize(&mut self) {
        self.n.zeroize();
        self.n_inverse.zeroize();
        self.reciprocal.zeroize();
    }
}

/// The number 1.
pub(super) fn plain_one<W: Limb, const L: usize>() -> [W; L] {
    let mut one = [W::ZERO; L];
    one[0] = W::from_u64(1);
    one
}

/// `-1 / n` modulo the radix. Newton's iteration begins with three correct bits and doubles their number.
fn negated_inverse<W: Limb>(n: W) -> W {
    let n = n.to_u64();
    let mut inverse = n;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(inverse)));
    }
    W::from_u64(inverse.wrapping_neg())
}
