//! The functions of a kernel, and the linear arithmetic on top of them.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::Modulus;

/// A number of `L` limbs, least significant first. It is wiped when dropped.
pub type Wiped<W, const L: usize> = Zeroizing<[W; L]>;

/// A limb of [`Limb::BITS`] bits, and the multiplication kernel over arrays of it.
///
/// No function branches on a value or uses one as an index: `cargo xtask constant-time` checks the machine code.
///
/// A *residue* is a number below twice the modulus that fits `L` limbs. [`Modulus::canonical`] reduces it below `n`.
pub trait Limb: Copy + Eq + Zeroize + ConditionallySelectable + ConstantTimeEq + 'static {
    /// Bits of the number that one limb carries.
    const BITS: u32;
    /// The number of limbs in a block. A number has whole blocks.
    const BLOCK: usize;
    /// The limb of value 0.
    const ZERO: Self;

    /// The low [`Limb::BITS`] bits of `value`.
    fn from_u64(value: u64) -> Self;
    /// The value of the limb.
    fn to_u64(self) -> u64;
    /// `self + other + carry` as (limb, carry of 0 or 1).
    fn add_carry(self, other: Self, carry: Self) -> (Self, Self);
    /// `self - other - borrow` as (limb, borrow of 0 or 1).
    fn sub_borrow(self, other: Self, borrow: Self) -> (Self, Self);
    /// `self * other + add + carry` as (low limb, high limb).
    fn mul_add(self, other: Self, add: Self, carry: Self) -> (Self, Self);

    /// Whether `limbs` limbs suit a modulus of `bits` bits, with the kernel's assumption about the highest limb.
    fn suits(limbs: usize, bits: usize) -> bool;
    /// The factor with which [`Limb::shift_mod`] replaces a division by `n`, whose highest bit is bit `bits - 1`.
    fn reciprocal<const L: usize>(n: &[Self; L], bits: u32) -> u64;
    /// `x * R mod n` in place, R = 2^(`L` * [`Limb::BITS`]), from residue to residue.
    fn shift_mod<const L: usize>(x: &mut [Self; L], m: &Modulus<Self, L>);
    /// Montgomery multiplication: a residue `a * b / R mod n`.
    ///
    /// Both factors are residues, or one is canonical and the other is any number of `L` limbs.
    fn montgomery_mul<const L: usize>(
        out: &mut [Self; L],
        a: &[Self; L],
        b: &[Self; L],
        m: &Modulus<Self, L>,
    );
    /// Montgomery squaring of a residue: a residue `a * a / R mod n`.
    fn montgomery_square<const L: usize>(out: &mut [Self; L], a: &[Self; L], m: &Modulus<Self, L>);
}

/// Reads big-endian bytes. The caller makes sure that they fit the limbs; bytes that do not fit are dropped.
pub(super) fn from_be_bytes<W: Limb, const L: usize>(out: &mut [W; L], bytes: &[u8]) {
    *out = [W::ZERO; L];
    let (mut pending, mut have, mut at) = (0u64, 0, 0);
    for &byte in bytes.iter().rev() {
        pending |= u64::from(byte) << have;
        have += 8;
        if have >= W::BITS {
            have -= W::BITS;
            if let Some(limb) = out.get_mut(at) {
                *limb = W::from_u64(pending);
            }
            at += 1;
            pending = u64::from(byte) >> (8 - have);
        }
    }
    if let Some(limb) = out.get_mut(at) {
        *limb = W::from_u64(pending);
    }
}

/// Writes big-endian bytes, as many as `out` has.
pub(super) fn to_be_bytes<W: Limb>(limbs: &[W], out: &mut [u8]) {
    for (i, byte) in out.iter_mut().rev().enumerate() {
        *byte = bits_at(limbs, 8 * i, 8) as u8;
    }
}

/// The `count` <= 8 bits from bit `at` on; beyond the end of the number they are 0.
pub(super) fn bits_at<W: Limb>(limbs: &[W], at: usize, count: u32) -> u64 {
    let (index, shift) = (at / W::BITS as usize, at as u32 % W::BITS);
    let limb = |i: usize| limbs.get(i).map_or(0, |limb| limb.to_u64());
    let mut bits = limb(index) >> shift;
    if shift + count > W::BITS {
        bits |= limb(index + 1) << (W::BITS - shift);
    }
    bits & ((1 << count) - 1)
}

/// `a += b`; returns the carry.
pub(super) fn add<W: Limb, const L: usize>(a: &mut [W; L], b: &[W; L]) -> W {
    let mut carry = W::ZERO;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, carry) = a.add_carry(*b, carry);
    }
    carry
}

/// `a -= b`; returns the borrow.
pub(super) fn sub<W: Limb, const L: usize>(a: &mut [W; L], b: &[W; L]) -> W {
    let mut borrow = W::ZERO;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, borrow) = a.sub_borrow(*b, borrow);
    }
    borrow
}

/// `a < b`.
pub(super) fn less<W: Limb, const L: usize>(a: &[W; L], b: &[W; L]) -> Choice {
    let borrow = a.iter().zip(b).fold(W::ZERO, |borrow, (a, b)| a.sub_borrow(*b, borrow).1);
    !borrow.ct_eq(&W::ZERO)
}

/// `a == b`.
pub(super) fn equal<W: Limb, const L: usize>(a: &[W; L], b: &[W; L]) -> Choice {
    a.iter().zip(b).fold(Choice::from(1), |equal, (a, b)| equal & a.ct_eq(b))
}

/// `a = b` if `choice`.
pub(super) fn assign<W: Limb, const L: usize>(a: &mut [W; L], b: &[W; L], choice: Choice) {
    for (a, b) in a.iter_mut().zip(b) {
        a.conditional_assign(b, choice);
    }
}

/// `a = a + b mod n` of two numbers below `n`.
pub(super) fn add_mod<W: Limb, const L: usize>(a: &mut [W; L], b: &[W; L], n: &[W; L]) {
    let carry = add(a, b);
    let mut difference = Wiped::new(*a);
    let borrow = sub(&mut difference, n);
    // Without a carry, a borrow means that the sum is below n already.
    assign(a, &difference, !carry.ct_eq(&W::ZERO) | borrow.ct_eq(&W::ZERO));
}

/// `a = a - b mod n` of two numbers below `n`.
pub(super) fn sub_mod<W: Limb, const L: usize>(a: &mut [W; L], b: &[W; L], n: &[W; L]) {
    let borrow = sub(a, b);
    let mut sum = Wiped::new(*a);
    add(&mut sum, n);
    assign(a, &sum, !borrow.ct_eq(&W::ZERO));
}

/// `out = a * b + c`. The caller makes sure that its `2 * H` limbs fit `L`; limbs that do not fit are dropped.
pub(super) fn mul_wide<W: Limb, const H: usize, const L: usize>(
    out: &mut [W; L],
    a: &[W; H],
    b: &[W; H],
    c: &[W; H],
) {
    let (low, high) = out.split_at_mut(H);
    low.copy_from_slice(c);
    high.fill(W::ZERO);
    for (i, a) in a.iter().enumerate() {
        let mut carry = W::ZERO;
        for (out, b) in out[i..].iter_mut().zip(b) {
            (*out, carry) = a.mul_add(*b, *out, carry);
        }
        if let Some(out) = out.get_mut(i + H) {
            *out = carry;
        }
    }
}
