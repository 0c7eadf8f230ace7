//! The kernel for 64-bit machines: full limbs of 64 bits.
//!
//! A product is formed whole and then reduced, both by blocks of four rows: the
//! running sum is loaded and stored once for four products, and the four carry
//! chains run beside each other. `L` is a multiple of four for all sizes in use.
//! The modulus fills its limbs, so whatever fits them is a residue, and a
//! result is brought back by subtracting n once if it overflows.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use super::{Limb, Modulus};

impl Limb for u64 {
    const BITS: u32 = 64;
    const ZERO: Self = 0;

    fn from_u64(value: u64) -> Self {
        value
    }

    fn to_u64(self) -> u64 {
        self
    }

    fn add_carry(self, other: Self, carry: Self) -> (Self, Self) {
        let (sum, first) = self.overflowing_add(other);
        let (sum, second) = sum.overflowing_add(carry);
        (sum, u64::from(first | second))
    }

    fn sub_borrow(self, other: Self, borrow: Self) -> (Self, Self) {
        let (difference, first) = self.overflowing_sub(other);
        let (difference, second) = difference.overflowing_sub(borrow);
        (difference, u64::from(first | second))
    }

    fn mul_add(self, other: Self, add: Self, carry: Self) -> (Self, Self) {
        mac(add, self, other, carry)
    }

    /// `2^127 / (h + 1)`, rounded down, where `h` is the highest limb of `n`.
    fn reciprocal<const L: usize>(n: &[u64; L], _bits: u32) -> u64 {
        let d = u128::from(n[L - 1]) + 1;
        let (mut rest, mut quotient) = (1u128 << 63, 0);
        for _ in 0..64 {
            rest <<= 1;
            let (less, borrow) = rest.overflowing_sub(d);
            let mask = u128::from(borrow).wrapping_neg();
            rest = (rest & mask) | (less & !mask);
            quotient = (quotient << 1) | u64::from(!borrow);
        }
        quotient
    }

    /// Long division by digits of 56 bits. A digit is estimated from 64 bits of each side
    /// and always down, by less than 1.75: the rest stays below 2n, `above` holds its bit 64 L.
    fn shift_mod<const L: usize>(x: &mut [u64; L], m: &Modulus<u64, L>) {
        let mut above = 0;
        let mut left = 64 * L as u32;
        while left > 0 {
            let shift = (left - 1) % 56 + 1;
            let high = above << 63 | x[L - 1] >> 1;
            let digit = ((u128::from(high) * u128::from(m.reciprocal)) >> (126 - shift)) as u64;
            let (mut below, mut carry, mut borrow) = (0, 0, 0);
            for (x, n) in x.iter_mut().zip(&m.n) {
                let shifted = *x << shift | below >> (64 - shift);
                below = *x;
                let product;
                (product, carry) = mac(0, digit, *n, carry);
                (*x, borrow) = shifted.sub_borrow(product, borrow);
            }
            above = (above << shift | below >> (64 - shift)).wrapping_sub(carry).wrapping_sub(borrow);
            left -= shift;
        }
        subtract_if(x, &m.n, above);
    }

    fn montgomery_mul<const L: usize>(out: &mut [u64; L], a: &[u64; L], b: &[u64; L], m: &Modulus<u64, L>) {
        let mut t = [[0; L]; 2];
        let t = t.as_flattened_mut();
        for i in (0..L).step_by(4) {
            let rows = [b[i], b[i + 1], b[i + 2], b[i + 3]];
            multiply_rows(&mut t[i..i + L + 4], a, rows);
        }
        reduce(out, t, m);
    }

    fn montgomery_square<const L: usize>(out: &mut [u64; L], a: &[u64; L], m: &Modulus<u64, L>) {
        Self::montgomery_mul(out, a, a, m);
    }
}

/// `add + a * b + carry` as (low, high): never overflows.
#[inline(always)]
fn mac(add: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(a) * u128::from(b) + u128::from(add) + u128::from(carry);
    (sum as u64, (sum >> 64) as u64)
}

/// `x -= n` if `choice` is 1, of 0 and 1.
#[inline(always)]
fn subtract_if(x: &mut [u64], n: &[u64], choice: u64) {
    let mask = choice.wrapping_neg();
    let mut borrow = 0;
    for (x, n) in x.iter_mut().zip(n) {
        (*x, borrow) = x.sub_borrow(n & mask, borrow);
    }
}

/// `t += a * rows` of `L` + 4 limbs, the highest four of which are written only.
#[inline(always)]
fn multiply_rows<const L: usize>(t: &mut [u64], a: &[u64; L], rows: [u64; 4]) {
    let mut carries = [0; 4];
    for c in 0..3 {
        for r in 0..=c {
            (t[c], carries[r]) = mac(t[c], a[c - r], rows[r], carries[r]);
        }
    }
    let (columns, end) = t.split_at_mut(L);
    end.copy_from_slice(&finish_rows(&mut columns[3..], a, rows, carries));
}

/// The columns from where all four `rows` have begun, up to the last of `t`;
/// returns the four columns that follow.
#[inline(always)]
fn finish_rows(t: &mut [u64], a: &[u64], rows: [u64; 4], carries: [u64; 4]) -> [u64; 4] {
    let [b0, b1, b2, b3] = rows;
    let [mut c0, mut c1, mut c2, mut c3] = carries;
    let mut v;
    for (t, a) in t.iter_mut().zip(a.windows(4)) {
        (v, c0) = mac(*t, a[3], b0, c0);
        (v, c1) = mac(v, a[2], b1, c1);
        (v, c2) = mac(v, a[1], b2, c2);
        (*t, c3) = mac(v, a[0], b3, c3);
    }
    let [.., a1, a2, a3] = *a else { return [c0, c1, c2, c3] };
    let mut end = [0; 4];
    (v, c1) = mac(c0, a3, b1, c1);
    (v, c2) = mac(v, a2, b2, c2);
    (end[0], c3) = mac(v, a1, b3, c3);
    (v, c2) = mac(c1, a3, b2, c2);
    (end[1], c3) = mac(v, a2, b3, c3);
    (end[2], end[3]) = mac(c2, a3, b3, c3);
    end
}

/// Montgomery reduction of the `2 * L` limbs of `t`.
#[inline(always)]
fn reduce<const L: usize>(out: &mut [u64; L], t: &mut [u64], m: &Modulus<u64, L>) {
    let mut above = 0;
    for i in (0..L).step_by(4) {
        // The quotient digits of four rows make the lowest four columns 0.
        let (mut q, mut carries) = ([0; 4], [0; 4]);
        for c in 0..4 {
            let mut v = t[i + c];
            for r in 0..c {
                (v, carries[r]) = mac(v, m.n[c - r], q[r], carries[r]);
            }
            q[c] = v.wrapping_mul(m.n_inverse);
            (_, carries[c]) = mac(v, m.n[0], q[c], 0);
        }
        let end = finish_rows(&mut t[i + 4..i + L], &m.n[1..], q, carries);
        for (t, end) in t[i + L..].iter_mut().zip(end) {
            (*t, above) = t.add_carry(end, above);
        }
    }
    out.copy_from_slice(&t[L..]);
    subtract_if(out, &m.n, above);
}
