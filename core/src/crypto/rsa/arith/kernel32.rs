//! The kernel for 32-bit machines: limbs of 28 bits.
//!
//! Four spare bits in a limb let a whole column of products be summed in one
//! u64 without looking at a carry, so the inner loop is a bare chain of
//! multiply-accumulates. The spare bits of the top limb make R at least 16 n,
//! so no product needs a final subtraction: of residues below 2n the result
//! `(a * b + q * n) / R` is below 2n again.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use super::{Limb, Modulus};

const RADIX: u32 = 28;
const MASK: u32 = (1 << RADIX) - 1;

impl Limb for u32 {
    const BITS: u32 = RADIX;
    const ZERO: Self = 0;

    fn from_u64(value: u64) -> Self {
        value as u32 & MASK
    }

    fn to_u64(self) -> u64 {
        u64::from(self)
    }

    fn add_carry(self, other: Self, carry: Self) -> (Self, Self) {
        let sum = self + other + carry;
        (sum & MASK, sum >> RADIX)
    }

    fn sub_borrow(self, other: Self, borrow: Self) -> (Self, Self) {
        let difference = self.wrapping_sub(other).wrapping_sub(borrow);
        (difference & MASK, difference >> 31)
    }

    fn mul_add(self, other: Self, add: Self, carry: Self) -> (Self, Self) {
        let sum = u64::from(self) * u64::from(other) + u64::from(add) + u64::from(carry);
        (sum as u32 & MASK, (sum >> RADIX) as u32)
    }

    /// Four bits in the top limb, so that [`top`] has enough of them, and four spare.
    fn suits(limbs: usize, bits: usize) -> bool {
        let spare = (limbs * RADIX as usize).checked_sub(bits);
        limbs >= 2 && spare.is_some_and(|spare| (4..=24).contains(&spare))
    }

    /// `2^63 / (h + 1)`, rounded down, where `h` is the highest 32 bits of `n`.
    fn reciprocal<const L: usize>(n: &[u32; L], bits: u32) -> u64 {
        let d = (top(n) >> (spare(L, bits) - 1)) + 1;
        let (mut rest, mut quotient) = (1u64 << 31, 0);
        for _ in 0..32 {
            rest <<= 1;
            let (less, borrow) = rest.overflowing_sub(d);
            let mask = u64::from(borrow).wrapping_neg();
            rest = (rest & mask) | (less & !mask);
            quotient = (quotient << 1) | u64::from(!borrow);
        }
        quotient
    }

    /// Long division, a limb at a time. The quotient digit is estimated from 32 bits
    /// of each side and always down, by less than 1.75: the rest stays below 2n.
    fn shift_mod<const L: usize>(x: &mut [u32; L], m: &Modulus<u32, L>) {
        for _ in 0..L {
            let high = top(x) >> spare(L, m.bits);
            let digit = (high * m.reciprocal) >> (62 - RADIX);
            let (mut shifted, mut carry) = (0, 0i64);
            for (x, n) in x.iter_mut().zip(&m.n) {
                carry += i64::from(shifted) - (digit * u64::from(*n)) as i64;
                shifted = *x;
                *x = carry as u32 & MASK;
                carry >>= RADIX;
            }
        }
    }

    fn montgomery_mul<const L: usize>(out: &mut [u32; L], a: &[u32; L], b: &[u32; L], m: &Modulus<u32, L>) {
        reduce(
            out,
            m,
            |k| if k < L { dot(&a[..=k], &b[..=k]) } else { dot(&a[k + 1 - L..], &b[k + 1 - L..]) },
        );
    }

    fn montgomery_square<const L: usize>(out: &mut [u32; L], a: &[u32; L], m: &Modulus<u32, L>) {
        reduce(out, m, |k| {
            let column = if k < L { &a[..=k] } else { &a[k + 1 - L..] };
            // Every product of two different limbs occurs twice.
            let (low, rest) = column.split_at(column.len() / 2);
            let (middle, high) = rest.split_at(column.len() % 2);
            let square = middle.first().map_or(0, |&x| u64::from(x) * u64::from(x));
            2 * dot(low, high) + square
        });
    }
}

/// The two highest limbs: at least 32 bits of the modulus.
fn top<const L: usize>(x: &[u32; L]) -> u64 {
    u64::from(x[L - 1]) << RADIX | u64::from(x[L - 2])
}

/// How far [`top`] is shifted to leave 31 bits of a number of `bits` bits (32 below 2n).
const fn spare(limbs: usize, bits: u32) -> u32 {
    bits - RADIX * (limbs as u32 - 2) - 31
}

/// Montgomery reduction by columns, of the number whose column `k` is `product(k)`.
///
/// `out` holds the quotient's limbs first; each is dead by the column whose result replaces it.
#[inline(always)]
fn reduce<const L: usize>(out: &mut [u32; L], m: &Modulus<u32, L>, product: impl Fn(usize) -> u64) {
    // Two columns of L products below 2^56 each overflow a u64 above 127 limbs: then the first is carried on early.
    let split = const { 2 * L >= 256 };
    let parts = |sum: u64| if split { (sum & u64::from(MASK), sum >> RADIX) } else { (sum, 0) };
    let mut carry = 0;
    for k in 0..L {
        let (low, high) = parts(carry + product(k));
        let low = low + dot(&out[..k], &m.n[1..=k]);
        let q = (low as u32).wrapping_mul(m.n_inverse) & MASK;
        out[k] = q;
        carry = high + ((low + u64::from(q) * u64::from(m.n[0])) >> RADIX);
    }
    for k in L..2 * L - 1 {
        let (low, high) = parts(carry + product(k));
        let low = low + dot(&out[k + 1 - L..], &m.n[k + 1 - L..]);
        out[k - L] = low as u32 & MASK;
        carry = high + (low >> RADIX);
    }
    out[L - 1] = carry as u32;
}

/// One column: the sum of `a[i] * b[len - 1 - i]`.
#[inline(always)]
fn dot(a: &[u32], b: &[u32]) -> u64 {
    let (a_blocks, a_rest) = a.as_chunks::<4>();
    let (b_rest, b_blocks) = b.as_rchunks::<4>();
    let mul = |a: u32, b: u32| u64::from(a) * u64::from(b);
    let mut sum = 0;
    for (a, b) in a_blocks.iter().zip(b_blocks.iter().rev()) {
        sum += mul(a[0], b[3]);
        sum += mul(a[1], b[2]);
        sum += mul(a[2], b[1]);
        sum += mul(a[3], b[0]);
    }
    a_rest.iter().zip(b_rest.iter().rev()).fold(sum, |sum, (&a, &b)| sum + mul(a, b))
}
