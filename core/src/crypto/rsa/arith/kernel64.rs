//! The kernel for 64-bit machines: full limbs of 64 bits.
//!
//! A whole product is formed first, then reduced, both in blocks of four rows. A column is loaded and stored once for
//! four products. Their sum has three words, so no carry is stored. `L` is a multiple of four for all sizes in use. The
//! modulus fills its limbs, so each number of `L` limbs is a residue. If a result overflows, n is subtracted once.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]
#![allow(clippy::needless_range_loop, reason = "the indices are rows and columns")]

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::{Limb, Modulus};

impl Limb for u64 {
    const BITS: u32 = 64;
    const BLOCK: usize = 4;
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

    /// Full limbs, in blocks of four.
    fn suits(limbs: usize, bits: usize) -> bool {
        limbs.is_multiple_of(Self::BLOCK) && bits == 64 * limbs
    }

    /// `2^127 / (h + 1)`, rounded down, where `h` is the highest limb of `n`.
    fn reciprocal<const L: usize>(n: &[u64; L], _bits: u32) -> u64 {
        let d = u128::from(n[L - 1]) + 1;
        let (mut rest, mut quotient) = (1u128 << 63, 0);
        for _ in 0..64 {
            rest <<= 1;
            let (less, borrow) = rest.overflowing_sub(d);
            let fits = Choice::from(u8::from(!borrow));
            rest.conditional_assign(&less, fits);
            quotient = (quotient << 1) | u64::from(fits.unwrap_u8());
        }
        quotient
    }

    /// Long division by digits of 56 bits. The estimate of a digit uses 64 bits of each number. It is too low by less
    /// than 1.75, so the rest stays below 2n; `above` holds its bit 64 L.
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
        subtract_if(x, &m.n, Choice::from(above as u8));
    }

    fn montgomery_mul<const L: usize>(out: &mut [u64; L], a: &[u64; L], b: &[u64; L], m: &Modulus<u64, L>) {
        let mut t = Zeroizing::new([[0; L]; 2]);
        let t = t.as_flattened_mut();
        for i in (0..L).step_by(4) {
            let rows = [b[i], b[i + 1], b[i + 2], b[i + 3]];
            multiply_rows(&mut t[i..i + L + 4], a, rows);
        }
        reduce(out, t, m);
    }

    fn montgomery_square<const L: usize>(out: &mut [u64; L], a: &[u64; L], m: &Modulus<u64, L>) {
        let mut t = Zeroizing::new([[0; L]; 2]);
        let t = t.as_flattened_mut();
        for i in (0..L).step_by(4) {
            square_rows(&mut t[2 * i..i + L + 4], &a[i..]);
        }
        double_and_add_squares(t, a);
        reduce(out, t, m);
    }
}

/// `add + a * b + carry` as (low, high): never overflows.
#[inline(always)]
fn mac(add: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(a) * u128::from(b) + u128::from(carry) + u128::from(add);
    (sum as u64, (sum >> 64) as u64)
}

/// `x -= n` if `choice`.
#[inline(always)]
fn subtract_if(x: &mut [u64], n: &[u64], choice: Choice) {
    let mut borrow = 0;
    for (x, n) in x.iter_mut().zip(n) {
        (*x, borrow) = x.sub_borrow(u64::conditional_select(&0, n, choice), borrow);
    }
}

/// The sum of a column of products, and its carry into the next column.
#[derive(Clone, Copy)]
struct Column([u64; 3]);

impl Column {
    const ZERO: Self = Self([0; 3]);

    #[inline(always)]
    fn add(&mut self, limb: u64) {
        let [low, middle, high] = &mut self.0;
        let mut carry;
        (*low, carry) = low.carrying_add(limb, false);
        (*middle, carry) = middle.carrying_add(0, carry);
        *high += u64::from(carry);
    }

    #[inline(always)]
    fn add_product(&mut self, a: u64, b: u64) {
        let product = u128::from(a) * u128::from(b);
        let [low, middle, high] = &mut self.0;
        let mut carry;
        (*low, carry) = low.carrying_add(product as u64, false);
        (*middle, carry) = middle.carrying_add((product >> 64) as u64, carry);
        *high += u64::from(carry);
    }

    /// Returns the finished limb and moves to the next column.
    #[inline(always)]
    fn next(&mut self) -> u64 {
        let [low, middle, high] = self.0;
        self.0 = [middle, high, 0];
        low
    }
}

/// `t += a * rows`, on `L` + 4 limbs. The highest four are only written.
#[inline(always)]
fn multiply_rows<const L: usize>(t: &mut [u64], a: &[u64; L], rows: [u64; 4]) {
    let mut column = Column::ZERO;
    for c in 0..3 {
        column.add(t[c]);
        for r in 0..=c {
            column.add_product(a[c - r], rows[r]);
        }
        t[c] = column.next();
    }
    let (columns, end) = t.split_at_mut(L);
    end.copy_from_slice(&finish_rows(&mut columns[3..], a, rows, column));
}

/// Adds to `t` the products of each of the first four limbs of `a` with each later limb.
#[inline(always)]
fn square_rows(t: &mut [u64], a: &[u64]) {
    let Some((&rows, rest)) = a.split_first_chunk::<4>() else { return };
    let mut column = Column::ZERO;
    for c in 1..7 {
        column.add(t[c]);
        for r in 0..c.div_ceil(2) {
            if let Some(a) = a.get(c - r) {
                column.add_product(*a, rows[r]);
            }
        }
        t[c] = column.next();
    }
    if rest.is_empty() {
        t[7] = column.next();
    } else {
        let (columns, end) = t.split_at_mut(a.len());
        end.copy_from_slice(&finish_rows(&mut columns[7..], rest, rows, column));
    }
}

/// Doubles `t` and adds the squares of the limbs of `a`, which [`square_rows`] leaves out.
#[inline(always)]
fn double_and_add_squares(t: &mut [u64], a: &[u64]) {
    let (mut below, mut carry) = (0, 0);
    for ([low, high], a) in t.as_chunks_mut::<2>().0.iter_mut().zip(a) {
        let (square_low, square_high) = mac(0, *a, *a, 0);
        let doubled_low = *low << 1 | below >> 63;
        let doubled_high = *high << 1 | *low >> 63;
        below = *high;
        (*low, carry) = doubled_low.add_carry(square_low, carry);
        (*high, carry) = doubled_high.add_carry(square_high, carry);
    }
}

/// Computes the columns with products of all four `rows`, up to the end of `t`. Returns the next four columns.
#[inline(always)]
fn finish_rows(t: &mut [u64], a: &[u64], rows: [u64; 4], mut column: Column) -> [u64; 4] {
    for (t, a) in t.iter_mut().zip(a.windows(4)) {
        column.add(*t);
        column.add_product(a[3], rows[0]);
        column.add_product(a[2], rows[1]);
        column.add_product(a[1], rows[2]);
        column.add_product(a[0], rows[3]);
        *t = column.next();
    }
    let mut end = [0; 4];
    for (c, end) in end.iter_mut().enumerate() {
        // The first row has ended, then the second, and so on.
        for (a, b) in a[a.len() - 3 + c..].iter().zip(rows[1 + c..].iter().rev()) {
            column.add_product(*a, *b);
        }
        *end = column.next();
    }
    end
}

/// Montgomery reduction of the `2 * L` limbs of `t`.
#[inline(always)]
fn reduce<const L: usize>(out: &mut [u64; L], t: &mut [u64], m: &Modulus<u64, L>) {
    let mut above = 0;
    for i in (0..L).step_by(4) {
        // The quotient digits of four rows make the lowest four columns 0.
        let mut q = [0; 4];
        let mut column = Column::ZERO;
        for c in 0..4 {
            column.add(t[i + c]);
            for r in 0..c {
                column.add_product(m.n[c - r], q[r]);
            }
            q[c] = column.0[0].wrapping_mul(m.n_inverse);
            column.add_product(m.n[0], q[c]);
            column.next();
        }
        let end = finish_rows(&mut t[i + 4..i + L], &m.n[1..], q, column);
        for (t, end) in t[i + L..].iter_mut().zip(end) {
            (*t, above) = t.add_carry(end, above);
        }
    }
    out.copy_from_slice(&t[L..]);
    subtract_if(out, &m.n, Choice::from(above as u8));
}
