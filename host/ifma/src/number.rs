//! Eight numbers side by side in memory, and linear arithmetic on them in plain code: a hundredth of the work.
//!
//! A number has its least significant limb first, and each limb is below 2^52. No branch depends on a value. Returned
//! numbers are wiped when dropped, since most come from secrets.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::vector::{BITS, LANES, Lanes, MASK, Vector};

/// One number of `L` limbs in each lane.
pub type Number<const L: usize> = [Lanes; L];

/// A [`Number`] that is wiped when dropped.
pub type Wiped<const L: usize> = Zeroizing<Number<L>>;

/// All zeros.
pub const fn zero<const L: usize>() -> Number<L> {
    [Lanes([0; LANES]); L]
}

/// The same number in every lane.
pub(crate) fn splat<const L: usize>(limbs: &[u64; L]) -> Wiped<L> {
    let mut out = Wiped::new(zero());
    for (out, limb) in out.iter_mut().zip(limbs) {
        *out = Lanes::splat(*limb);
    }
    out
}

/// The number in the first lane.
pub(crate) fn first_lane<const L: usize>(number: &Number<L>) -> [u64; L] {
    number.map(|limb| limb.0[0])
}

/// Reads big-endian bytes into one lane. The caller ensures that they fit; extra bits are dropped.
pub fn read(number: &mut [Lanes], lane: usize, bytes: &[u8]) {
    for (i, limb) in number.iter_mut().enumerate() {
        let at = BITS as usize * i;
        let limb = limb.0.get_mut(lane);
        limb.into_iter().for_each(|limb| *limb = limb_of(bytes, at));
    }
}

/// Big-endian bytes as limbs.
pub(crate) fn limbs<const L: usize>(bytes: &[u8]) -> [u64; L] {
    core::array::from_fn(|i| limb_of(bytes, BITS as usize * i))
}

/// The 52 bits of a big-endian number from bit `at` on. `at` is a multiple of 4, so the bits are in seven bytes.
fn limb_of(bytes: &[u8], at: usize) -> u64 {
    let wide =
        bytes.iter().rev().skip(at / 8).take(7).rev().fold(0, |wide, byte| wide << 8 | u64::from(*byte));
    wide >> (at % 8) & MASK
}

/// Writes one lane as big-endian bytes that fill `out`.
pub fn write(number: &[Lanes], lane: usize, out: &mut [u8]) {
    let limb = |i: usize| number.get(i).and_then(|limb| limb.0.get(lane)).copied().unwrap_or(0);
    for (i, byte) in out.iter_mut().rev().enumerate() {
        let (index, shift) = (8 * i / BITS as usize, 8 * i as u32 % BITS);
        *byte = (limb(index) >> shift) as u8;
        if shift + 8 > BITS {
            *byte |= (limb(index + 1) << (BITS - shift)) as u8;
        }
    }
}

/// `a -= b`. Returns the borrow of each lane, 0 or 1.
pub(crate) fn sub<const L: usize>(a: &mut Number<L>, b: &Number<L>) -> Lanes {
    let mut borrow = Lanes::default();
    for (a, b) in a.iter_mut().zip(b) {
        let difference = a.zip(*b, u64::wrapping_sub).zip(borrow, u64::wrapping_sub);
        borrow = difference.zip(difference, |d, _| d >> 63);
        *a = difference.and(Lanes::splat(MASK));
    }
    borrow
}

/// `a += b`, modulo 2^(52 `L`).
pub(crate) fn add<const L: usize>(a: &mut Number<L>, b: &Number<L>) {
    let mut carry = Lanes::default();
    for (a, b) in a.iter_mut().zip(b) {
        let sum = a.add(*b).add(carry);
        carry = sum.carry();
        *a = sum.and(Lanes::splat(MASK));
    }
}

/// `a = b` in each lane where `choice` is 1. `choice` is 0 in the other lanes.
pub(crate) fn assign<const L: usize>(a: &mut Number<L>, b: &Number<L>, choice: Lanes) {
    let mask =
        Lanes(choice.0.map(|choice| u64::conditional_select(&0, &u64::MAX, Choice::from(choice as u8))));
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.zip(mask, |a, mask| a & !mask).or(b.and(mask));
    }
}

/// Whether `a` and `b` are equal in every lane. Reads all limbs of both.
pub(crate) fn equal<const L: usize>(a: &Number<L>, b: &Number<L>) -> Choice {
    let differences = a.iter().zip(b).fold(Lanes::default(), |all, (a, b)| all.or(a.zip(*b, |a, b| a ^ b)));
    differences.0.iter().fold(0, |all, lane| all | lane).ct_eq(&0)
}
