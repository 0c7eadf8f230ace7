//! The kernel for 32-bit machines: limbs of 28 bits.
//!
//! A limb has four spare bits. So a u64 holds the sum of a whole column of products, and the inner loop has no carries:
//! it only multiplies and accumulates. Columns are summed in pairs, which halves the loads, so `L` is even. The spare
//! bits above the modulus make R at least 16 n. So no product needs a final subtraction: for residues below 2n, the
//! result `(a * b + q * n) / R` is below 2n again.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use subtle::{Choice, ConditionallySelectable};

use super::{Limb, Modulus, Wiped};

const RADIX: u32 = 28;
const MASK: u32 = (1 << RADIX) - 1;

impl Limb for u32 {
    const BITS: u32 = RADIX;
    const BLOCK: usize = 2;
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

    /// The highest limb in use has at least four bits, for [`top`], and spare bits for a doubled modulus.
    fn suits(limbs: usize, bits: usize) -> bool {
        limbs.is_multiple_of(Self::BLOCK)
            && (limbs * RADIX as usize).checked_sub(bits).is_some_and(|spare| spare >= 4)
            && bits > 2 * RADIX as usize
            && (3..24).contains(&((bits - 1) % RADIX as usize))
    }

    /// `2^63 / (h + 1)`, rounded down, where `h` is the highest 32 bits of `n`.
    fn reciprocal<const L: usize>(n: &[u32; L], bits: u32) -> u64 {
        let d = (top(n, bits) >> (excess(bits) - 1)) + 1;
        let (mut rest, mut quotient) = (1u64 << 31, 0);
        for _ in 0..32 {
            rest <<= 1;
            let (less, borrow) = rest.overflowing_sub(d);
            let fits = Choice::from(u8::from(!borrow));
            rest.conditional_assign(&less, fits);
            quotient = (quotient << 1) | u64::from(fits.unwrap_u8());
        }
        quotient
    }

    /// Long division, a limb at a time. The estimate of a quotient digit uses 32 bits of each number. It is too low by
    /// less than 1.75, so the rest stays below 2n.
    fn shift_mod<const L: usize>(x: &mut [u32; L], m: &Modulus<u32, L>) {
        for _ in 0..L {
            let high = top(x, m.bits) >> excess(m.bits);
            let digit = ((high * m.reciprocal) >> (62 - RADIX)) as u32;
            // Adding the complement of n, and 1, subtracts n without a sign.
            let (mut shifted, mut carry) = (0, digit);
            for (x, n) in x.iter_mut().zip(&m.n) {
                let sum = product(digit, n ^ MASK) + u64::from(carry + shifted);
                shifted = *x;
                *x = sum as u32 & MASK;
                carry = (sum >> RADIX) as u32;
            }
        }
    }

    fn montgomery_mul<const L: usize>(out: &mut [u32; L], a: &[u32; L], b: &[u32; L], m: &Modulus<u32, L>) {
        let back = reversed(a);
        let low = |k: usize| {
            let (even, odd) = dot(&back[L - 1 - k..], &b[..=k + 1]);
            (even, odd + product(a[k + 1], b[0]))
        };
        reduce(out, m, low, |k| high_columns(&back, b, k));
    }

    /// Every product of two different limbs occurs twice, on both sides of the middle of a column.
    fn montgomery_square<const L: usize>(out: &mut [u32; L], a: &[u32; L], m: &Modulus<u32, L>) {
        let back = reversed(a);
        let pair = |middle: usize| a.get(middle..).and_then(<[u32]>::first_chunk);
        let double = |[middle, next]: &[u32; 2], even: u64, odd: u64| {
            (2 * even + product(*middle, *middle), 2 * (odd + product(*middle, *next)))
        };
        // The defaults are never used: a column has limbs on both sides of its middle, which the compiler does not see.
        let low = |k: usize| {
            let middle = k / 2;
            let (even, odd) = dot(&back[L - middle..], a.get(middle + 1..=k + 1).unwrap_or_default());
            double(pair(middle).unwrap_or(&[0; 2]), even, odd)
        };
        let high = |k: usize| {
            let (first, middle) = (k + 1 - L, k / 2);
            // The last column is the square of the highest limb.
            let Some(pair) = pair(middle) else { return (product(a[L - 1], a[L - 1]), 0) };
            let below = back.get(L - middle..L - 1 - first).unwrap_or_default();
            let (even, odd) = dot(below, &a[middle + 1..]);
            double(pair, even + product(a[first], a[L - 1]), odd)
        };
        reduce(out, m, low, high);
    }
}

/// The two highest limbs in use: at least 32 bits of a modulus of `bits` bits.
fn top<const L: usize>(x: &[u32; L], bits: u32) -> u64 {
    let highest = ((bits - 1) / RADIX) as usize;
    // The default is never used: `suits` has checked the number of limbs.
    let limb = |at: usize| x.get(at).copied().map_or(0, u64::from);
    limb(highest) << RADIX | limb(highest - 1)
}

/// The number of bits by which [`top`] is shifted to leave 31 bits of a number of `bits` bits, or 32 below 2n.
const fn excess(bits: u32) -> u32 {
    bits - RADIX * ((bits - 1) / RADIX - 1) - 31
}

/// Montgomery reduction, two columns at a time, of the number whose columns `k` and `k + 1` are `low(k)`
/// below `L`, and `high(k)` from there on.
///
/// `out` first holds the limbs of the quotient, in reverse order. A result replaces a limb after its last use.
#[inline(always)]
fn reduce<const L: usize>(
    out: &mut [u32; L],
    m: &Modulus<u32, L>,
    low: impl Fn(usize) -> (u64, u64),
    high: impl Fn(usize) -> (u64, u64),
) {
    // Above 127 limbs, two columns of L products below 2^56 overflow a u64. Then the first column is carried early.
    let split = const { 2 * L >= 256 };
    let parts = |sum: u64| if split { (sum & u64::from(MASK), sum >> RADIX) } else { (sum, 0) };
    let mut carry = 0;
    for k in (0..L).step_by(2) {
        let (even, odd) = low(k);
        let (q_even, q_odd) = dot(&out[L - k..], &m.n[1..=k + 1]);
        let mut digit = |column, quotients| {
            let (sum, above) = parts(carry + column);
            let sum: u64 = sum + quotients;
            let q = (sum as u32).wrapping_mul(m.n_inverse) & MASK;
            carry = above + ((sum + product(q, m.n[0])) >> RADIX);
            q
        };
        let q = digit(even, q_even);
        out[L - 1 - k] = q;
        out[L - 2 - k] = digit(odd, q_odd + product(q, m.n[1]));
    }
    for k in (L..2 * L).step_by(2) {
        let (even, odd) = high(k);
        let (q_even, q_odd) = high_columns(out, &m.n, k);
        let mut limb = |column, quotients: u64| {
            let (sum, above) = parts(carry + column);
            let sum = sum + quotients;
            carry = above + (sum >> RADIX);
            sum as u32 & MASK
        };
        out[2 * L - 1 - k] = limb(even, q_even);
        out[2 * L - 2 - k] = limb(odd, q_odd);
    }
    out.reverse();
}

/// The limbs of a factor in reverse order: then both factors of a column are read forwards.
fn reversed<const L: usize>(a: &[u32; L]) -> Wiped<u32, L> {
    let mut reversed = Wiped::new(*a);
    reversed.reverse();
    reversed
}

/// Columns `k` and `k + 1`, in the upper half, of the product of a reversed factor and a plain one.
#[inline(always)]
fn high_columns<const L: usize>(back: &[u32; L], b: &[u32; L], k: usize) -> (u64, u64) {
    let first = k + 1 - L;
    let (even, odd) = dot(&back[..L - 1 - first], &b[first..]);
    (even + product(back[L - 1 - first], b[L - 1]), odd)
}

#[inline(always)]
fn product(a: u32, b: u32) -> u64 {
    u64::from(a) * u64::from(b)
}

/// Two neighbouring columns at once, which share their factors: the sums of `a[i] * b[i]` and of `a[i] * b[i + 1]`. `b`
/// is one limb longer than `a`.
#[inline(always)]
fn dot(a: &[u32], b: &[u32]) -> (u64, u64) {
    let (mut even, mut odd) = (0, 0);
    let Some((&first, b)) = b.split_first() else { return (even, odd) };
    let mut below = first;
    let (a_pairs, a_rest) = a.as_chunks::<2>();
    let (b_pairs, b_rest) = b.as_chunks::<2>();
    for ([a0, a1], [b0, b1]) in a_pairs.iter().zip(b_pairs) {
        even += product(*a0, below);
        odd += product(*a0, *b0);
        even += product(*a1, *b0);
        odd += product(*a1, *b1);
        below = *b1;
    }
    if let ([a], [b]) = (a_rest, b_rest) {
        even += product(*a, below);
        odd += product(*a, *b);
    }
    (even, odd)
}
