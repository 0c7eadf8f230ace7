//! Arithmetic modulo p = 2^255 - 19 for 32-bit machines: nine limbs of 29 bits.
//!
//! A column of nine products fits a u64 even if the factors are sums, so the inner code only multiplies and
//! accumulates. 2^261 is 1216 modulo p: this factor folds the upper half of a product into the lower one.
//!
//! There are two kinds of numbers, by the size of their limbs. *Tight* limbs are below 2^29 + 2^18; all functions
//! except [`Field::add`] return them. *Loose* limbs are below 2^30 + 2^19; `add` returns them for two tight numbers.
//! Both kinds may be above p.

use subtle::{Choice, ConditionallySelectable};
use zeroize::{DefaultIsZeroes, Zeroizing};

const LIMBS: usize = 9;
const RADIX: u32 = 29;
const MASK: u32 = (1 << RADIX) - 1;
/// 2^261 modulo p.
const FOLD: u32 = 1216;
/// Bits of the highest limb that are below 2^255.
const HIGHEST: u32 = 255 - 8 * RADIX;

/// A number modulo p, least significant limb first.
#[derive(Clone, Copy, Default)]
pub(super) struct Field([u32; LIMBS]);

impl DefaultIsZeroes for Field {}

/// The carry from a column to the next one.
struct Carry(u64);

impl Carry {
    /// The limb of a column, with the carry into it.
    #[inline(always)]
    fn take(&mut self, column: u64) -> u32 {
        let sum = self.0 + column;
        self.0 = sum >> RADIX;
        sum as u32 & MASK
    }

    /// The number with these `limbs` and the last carry, which is below 2^36. Tight.
    #[inline(always)]
    fn fold(self, mut limbs: [u32; LIMBS]) -> Field {
        let [first, second, ..] = &mut limbs;
        let sum = u64::from(*first) + self.0 * u64::from(FOLD);
        *first = sum as u32 & MASK;
        *second += (sum >> RADIX) as u32;
        Field(limbs)
    }
}

/// The carry from a limb to the next one, where there are no products.
struct Borrow(u32);

impl Borrow {
    #[inline(always)]
    fn take(&mut self, limb: u32) -> u32 {
        let sum = self.0 + limb;
        self.0 = sum >> RADIX;
        sum & MASK
    }
}

impl Field {
    pub(super) const ZERO: Self = Self([0; LIMBS]);

    /// Selects the number whose mask is all ones from eight numbers, given limb by limb. The other masks are zero.
    #[inline(never)]
    pub(super) fn masked(limbs: &[[u32; 8]; LIMBS], masks: &[u32; 8]) -> Self {
        let [m0, m1, m2, m3, m4, m5, m6, m7] = masks;
        let mut field = Self::ZERO;
        for (limb, [a0, a1, a2, a3, a4, a5, a6, a7]) in field.0.iter_mut().zip(limbs) {
            *limb = a0 & m0 | a1 & m1 | a2 & m2 | a3 & m3 | a4 & m4 | a5 & m5 | a6 & m6 | a7 & m7;
        }
        field
    }

    /// Reads 32 little-endian bytes and ignores the highest bit (RFC 7748 §5). Tight.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut field = Self::ZERO;
        let (mut pending, mut have) = (0_u64, 0);
        let mut limbs = field.0.iter_mut();
        for byte in bytes {
            pending |= u64::from(*byte) << have;
            have += 8;
            if have >= RADIX {
                limbs.next().into_iter().for_each(|limb| *limb = pending as u32 & MASK);
                pending >>= RADIX;
                have -= RADIX;
            }
        }
        let [.., highest] = &mut field.0;
        *highest = pending as u32 & ((1 << HIGHEST) - 1);
        field
    }

    /// The canonical form of a tight number, as 32 little-endian bytes.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut reduced = Zeroizing::new(self);
        // The first round leaves less than 2^255 + 2^232, the second less than 2^255, which is below 2p.
        reduced.fold_highest();
        reduced.fold_highest();
        // The number is p or more if and only if number + 19 reaches 2^255.
        let mut more = Zeroizing::new(*reduced);
        more.add_small(19);
        let [.., highest] = more.0;
        reduced.add_small(19 * (highest >> HIGHEST));
        let [.., highest] = &mut reduced.0;
        *highest &= (1 << HIGHEST) - 1;
        let mut bytes = [0; 32];
        let (mut pending, mut have) = (0_u64, 0);
        let mut limbs = reduced.0.iter();
        for byte in &mut bytes {
            if have < 8 {
                pending |= limbs.next().map_or(0, |limb| u64::from(*limb) << have);
                have += RADIX;
            }
            *byte = pending as u8;
            pending >>= 8;
            have -= 8;
        }
        bytes
    }

    /// Folds the bits above 2^255 of a tight number into its lowest limb.
    fn fold_highest(&mut self) {
        let [.., highest] = &mut self.0;
        let above = *highest >> HIGHEST;
        *highest &= (1 << HIGHEST) - 1;
        self.add_small(19 * above);
    }

    /// Adds a small number to a tight number, and carries up to the highest limb.
    fn add_small(&mut self, small: u32) {
        let [lower @ .., highest] = &mut self.0;
        let mut carry = small;
        for limb in lower {
            carry += *limb;
            *limb = carry & MASK;
            carry >>= RADIX;
        }
        *highest += carry;
    }

    /// The sum of tight numbers. Loose.
    pub(super) fn add(&self, other: &Self) -> Self {
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = *self;
        let Self([b0, b1, b2, b3, b4, b5, b6, b7, b8]) = *other;
        Self([a0 + b0, a1 + b1, a2 + b2, a3 + b3, a4 + b4, a5 + b5, a6 + b6, a7 + b7, a8 + b8])
    }

    /// The difference of tight numbers. Tight.
    pub(super) fn sub(&self, other: &Self) -> Self {
        // 128 p, which is 2^262 - 2432, in limbs that are above each tight limb.
        const FIRST: u32 = (2 << RADIX) - 2 * FOLD;
        const OTHER: u32 = 2 * MASK;
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = *self;
        let Self([b0, b1, b2, b3, b4, b5, b6, b7, b8]) = *other;
        let mut borrow = Borrow(0);
        let mut limbs = [
            borrow.take(a0 + FIRST - b0),
            borrow.take(a1 + OTHER - b1),
            borrow.take(a2 + OTHER - b2),
            borrow.take(a3 + OTHER - b3),
            borrow.take(a4 + OTHER - b4),
            borrow.take(a5 + OTHER - b5),
            borrow.take(a6 + OTHER - b6),
            borrow.take(a7 + OTHER - b7),
            borrow.take(a8 + OTHER - b8),
        ];
        let [first, ..] = &mut limbs;
        *first += borrow.0 * FOLD;
        Self(limbs)
    }

    /// The product of loose numbers. Tight.
    #[inline(never)]
    #[rustfmt::skip] // A column a line.
    pub(super) fn mul(&self, other: &Self) -> Self {
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = *self;
        let Self([b0, b1, b2, b3, b4, b5, b6, b7, b8]) = *other;
        let mut carry = Carry(0);
        let [h0, h1, h2, h3, h4, h5, h6, h7] = [
            carry.take(m(a1, b8) + m(a2, b7) + m(a3, b6) + m(a4, b5) + m(a5, b4) + m(a6, b3) + m(a7, b2) + m(a8, b1)),
            carry.take(m(a2, b8) + m(a3, b7) + m(a4, b6) + m(a5, b5) + m(a6, b4) + m(a7, b3) + m(a8, b2)),
            carry.take(m(a3, b8) + m(a4, b7) + m(a5, b6) + m(a6, b5) + m(a7, b4) + m(a8, b3)),
            carry.take(m(a4, b8) + m(a5, b7) + m(a6, b6) + m(a7, b5) + m(a8, b4)),
            carry.take(m(a5, b8) + m(a6, b7) + m(a7, b6) + m(a8, b5)),
            carry.take(m(a6, b8) + m(a7, b7) + m(a8, b6)),
            carry.take(m(a7, b8) + m(a8, b7)),
            carry.take(m(a8, b8)),
        ];
        let h8 = carry.0 as u32;
        carry = Carry(0);
        let limbs = [
            carry.take(m(a0, b0) + m(h0, FOLD)),
            carry.take(m(a0, b1) + m(a1, b0) + m(h1, FOLD)),
            carry.take(m(a0, b2) + m(a1, b1) + m(a2, b0) + m(h2, FOLD)),
            carry.take(m(a0, b3) + m(a1, b2) + m(a2, b1) + m(a3, b0) + m(h3, FOLD)),
            carry.take(m(a0, b4) + m(a1, b3) + m(a2, b2) + m(a3, b1) + m(a4, b0) + m(h4, FOLD)),
            carry.take(m(a0, b5) + m(a1, b4) + m(a2, b3) + m(a3, b2) + m(a4, b1) + m(a5, b0) + m(h5, FOLD)),
            carry.take(m(a0, b6) + m(a1, b5) + m(a2, b4) + m(a3, b3) + m(a4, b2) + m(a5, b1) + m(a6, b0) + m(h6, FOLD)),
            carry.take(m(a0, b7) + m(a1, b6) + m(a2, b5) + m(a3, b4) + m(a4, b3) + m(a5, b2) + m(a6, b1) + m(a7, b0) + m(h7, FOLD)),
            carry.take(m(a0, b8) + m(a1, b7) + m(a2, b6) + m(a3, b5) + m(a4, b4) + m(a5, b3) + m(a6, b2) + m(a7, b1) + m(a8, b0) + m(h8, FOLD)),
        ];
        carry.fold(limbs)
    }

    /// The square of a loose number: every product of two different limbs occurs twice. Tight.
    #[inline(never)]
    #[rustfmt::skip] // A column a line.
    pub(super) fn square(&self) -> Self {
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = *self;
        let [d0, d1, d2, d3, d4, d5, d6, d7] = [a0, a1, a2, a3, a4, a5, a6, a7].map(|a| 2 * a);
        let mut carry = Carry(0);
        let [h0, h1, h2, h3, h4, h5, h6, h7] = [
            carry.take(m(d1, a8) + m(d2, a7) + m(d3, a6) + m(d4, a5)),
            carry.take(m(d2, a8) + m(d3, a7) + m(d4, a6) + m(a5, a5)),
            carry.take(m(d3, a8) + m(d4, a7) + m(d5, a6)),
            carry.take(m(d4, a8) + m(d5, a7) + m(a6, a6)),
            carry.take(m(d5, a8) + m(d6, a7)),
            carry.take(m(d6, a8) + m(a7, a7)),
            carry.take(m(d7, a8)),
            carry.take(m(a8, a8)),
        ];
        let h8 = carry.0 as u32;
        carry = Carry(0);
        let limbs = [
            carry.take(m(a0, a0) + m(h0, FOLD)),
            carry.take(m(d0, a1) + m(h1, FOLD)),
            carry.take(m(d0, a2) + m(a1, a1) + m(h2, FOLD)),
            carry.take(m(d0, a3) + m(d1, a2) + m(h3, FOLD)),
            carry.take(m(d0, a4) + m(d1, a3) + m(a2, a2) + m(h4, FOLD)),
            carry.take(m(d0, a5) + m(d1, a4) + m(d2, a3) + m(h5, FOLD)),
            carry.take(m(d0, a6) + m(d1, a5) + m(d2, a4) + m(a3, a3) + m(h6, FOLD)),
            carry.take(m(d0, a7) + m(d1, a6) + m(d2, a5) + m(d3, a4) + m(h7, FOLD)),
            carry.take(m(d0, a8) + m(d1, a7) + m(d2, a6) + m(d3, a5) + m(a4, a4) + m(h8, FOLD)),
        ];
        carry.fold(limbs)
    }

    /// The product of a loose number and a number below 2^17. Tight.
    pub(super) fn mul_small(&self, small: u32) -> Self {
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = *self;
        let mut carry = Carry(0);
        let limbs = [
            carry.take(m(a0, small)),
            carry.take(m(a1, small)),
            carry.take(m(a2, small)),
            carry.take(m(a3, small)),
            carry.take(m(a4, small)),
            carry.take(m(a5, small)),
            carry.take(m(a6, small)),
            carry.take(m(a7, small)),
            carry.take(m(a8, small)),
        ];
        carry.fold(limbs)
    }

    /// Squares `count` times. Tight.
    pub(super) fn square_times(&self, count: u32) -> Self {
        let mut power = *self;
        for _ in 0..count {
            power = power.square();
        }
        power
    }

    /// 1 / x as x^(p - 2), and 0 for 0, of a tight number. Tight. In binary p - 2 is 250 ones, then 01011.
    pub(super) fn invert(&self) -> Self {
        let x2 = self.square();
        let x9 = x2.square_times(2).mul(self);
        let x11 = x9.mul(&x2);
        // The names give the number of ones in the exponent.
        let ones5 = x11.square().mul(&x9);
        let ones10 = ones5.square_times(5).mul(&ones5);
        let ones20 = ones10.square_times(10).mul(&ones10);
        let ones40 = ones20.square_times(20).mul(&ones20);
        let ones50 = ones40.square_times(10).mul(&ones10);
        let ones100 = ones50.square_times(50).mul(&ones50);
        let ones200 = ones100.square_times(100).mul(&ones100);
        let ones250 = ones200.square_times(50).mul(&ones50);
        ones250.square_times(5).mul(&x11)
    }

    /// `a`, or `b` if `choice`.
    pub(super) fn select(a: &Self, b: &Self, choice: Choice) -> Self {
        let Self([a0, a1, a2, a3, a4, a5, a6, a7, a8]) = a;
        let Self([b0, b1, b2, b3, b4, b5, b6, b7, b8]) = b;
        let limb = |a, b| u32::conditional_select(a, b, choice);
        Self([
            limb(a0, b0),
            limb(a1, b1),
            limb(a2, b2),
            limb(a3, b3),
            limb(a4, b4),
            limb(a5, b5),
            limb(a6, b6),
            limb(a7, b7),
            limb(a8, b8),
        ])
    }
}

#[inline(always)]
fn m(a: u32, b: u32) -> u64 {
    u64::from(a) * u64::from(b)
}
