//! Products in tiles of 10 by 10 limbs. The columns of a tile stay in registers.
//!
//! A product is a sum in columns of 64 bits. [`settle`] does all carries.
//!
//! # Bounds
//! The product of two limbs has 104 bits. Its low half goes to the column of its limbs' places, its high half to the
//! next. A column of `a * b` and `q * n` together gets at most 4 `L` halves below 2^52 and one carry:
//! for `L` = 80 that is below 321 * 2^52 < 2^61.
#![allow(clippy::indexing_slicing, reason = "the indices are bounded by the loops over fixed arrays")]
#![allow(clippy::needless_range_loop, reason = "the indices are rows and columns")]

use crate::vector::{Lanes, MASK, Vector};

/// The side of a tile in limbs. Its columns, one factor and a limb of the other factor fill most of the 32 registers.
pub(crate) const TILE: usize = 10;

/// A limb of one factor: [`Lanes`] with a value in each lane, or a number for all lanes.
pub(crate) trait Limb {
    /// The limb as a vector.
    fn get<V: Vector>(&self) -> V;
}

impl Limb for Lanes {
    #[inline(always)]
    fn get<V: Vector>(&self) -> V {
        V::load(self)
    }
}

impl Limb for u64 {
    #[inline(always)]
    fn get<V: Vector>(&self) -> V {
        V::splat(*self)
    }
}

/// Ten columns in registers. Each tile of a sweep passes them on to the next tile.
pub(crate) type Window<V> = [V; TILE];

/// Loads ten columns of `t`.
#[inline(always)]
pub(crate) fn open<V: Vector>(t: &[Lanes]) -> Window<V> {
    let t = &t[..TILE];
    let mut w = [V::splat(0); TILE];
    for j in 0..TILE {
        w[j] = V::load(&t[j]);
    }
    w
}

/// Stores ten columns in `t`.
#[inline(always)]
pub(crate) fn close<V: Vector>(w: &Window<V>, t: &mut [Lanes]) {
    let t = &mut t[..TILE];
    for j in 0..TILE {
        w[j].store(&mut t[j]);
    }
}

/// Adds `rows * columns` to the first 20 columns of `t`. `w` has the lower ten columns at first, which are stored, and
/// the upper ten at the end. Without `more`, the upper ten are still 0.
#[inline(always)]
pub(crate) fn tile<V: Vector, C: Limb>(
    w: &mut Window<V>,
    t: &mut [Lanes],
    rows: &[Lanes],
    columns: &[C],
    more: bool,
) {
    let (t, rows, columns) = (&mut t[..2 * TILE], &rows[..TILE], &columns[..TILE]);
    let mut b = [V::splat(0); TILE];
    for j in 0..TILE {
        b[j] = columns[j].get();
    }
    for i in 0..TILE {
        let a = V::load(&rows[i]);
        for j in 0..TILE {
            w[j] = w[j].add_low(a, b[j]);
        }
        w[0].store(&mut t[i]);
        for j in 1..TILE {
            w[j - 1] = w[j].add_high(a, b[j - 1]);
        }
        let next = if more { V::load(&t[i + TILE]) } else { V::splat(0) };
        w[TILE - 1] = next.add_high(a, b[TILE - 1]);
    }
}

/// Completes 20 columns of a square. `filled` shows which of the two tens have sums already: products of `a` with other
/// limbs. Adds the products of different limbs of `a`, doubles all sums, and adds the squares of the limbs.
#[inline(always)]
pub(crate) fn triangle<V: Vector>(t: &mut [Lanes], a: &[Lanes], filled: [bool; 2]) {
    let (t, limbs) = (&mut t[..2 * TILE], &a[..TILE]);
    let mut a = [V::splat(0); TILE];
    let mut w = [V::splat(0); 2 * TILE];
    for j in 0..TILE {
        a[j] = V::load(&limbs[j]);
        if filled[0] {
            w[j] = V::load(&t[j]);
        }
        if filled[1] {
            w[TILE + j] = V::load(&t[TILE + j]);
        }
    }
    row::<V, 0>(&mut w, &a);
    row::<V, 1>(&mut w, &a);
    row::<V, 2>(&mut w, &a);
    row::<V, 3>(&mut w, &a);
    row::<V, 4>(&mut w, &a);
    row::<V, 5>(&mut w, &a);
    row::<V, 6>(&mut w, &a);
    row::<V, 7>(&mut w, &a);
    row::<V, 8>(&mut w, &a);
    for i in 0..TILE {
        let j = 2 * i;
        w[j].add(w[j]).add_low(a[i], a[i]).store(&mut t[j]);
        w[j + 1].add(w[j + 1]).add_high(a[i], a[i]).store(&mut t[j + 1]);
    }
}

/// Adds the products of limb `I` with the limbs after it. `I` is a constant, so that the compiler unrolls the loops and
/// `w` stays in registers.
#[inline(always)]
fn row<V: Vector, const I: usize>(w: &mut [V; 2 * TILE], a: &[V; TILE]) {
    for j in I + 1..TILE {
        w[I + j] = w[I + j].add_low(a[I], a[j]);
    }
    for j in I + 1..TILE {
        w[I + j + 1] = w[I + j + 1].add_high(a[I], a[j]);
    }
}

/// Begins a sweep of the reduction. Replaces the first ten columns of `t` by the digits of the quotient that bring them
/// to 0, and adds the products of these digits with the first ten limbs of `n`. Returns the next ten columns.
#[inline(always)]
pub(crate) fn digits<V: Vector>(t: &mut [Lanes], n: &[u64], n_inverse: u64) -> Window<V> {
    let (t, n) = (&mut t[..2 * TILE], &n[..TILE]);
    let inverse = V::splat(n_inverse);
    let zero = V::splat(0);
    let mut b = [zero; TILE];
    for j in 0..TILE {
        b[j] = n[j].get();
    }
    let mut w = open::<V>(t);
    for i in 0..TILE {
        let q = zero.add_low(w[0], inverse);
        q.store(&mut t[i]);
        let carry = w[0].add_low(q, b[0]).carry();
        for j in 1..TILE {
            w[j] = w[j].add_low(q, b[j]);
        }
        for j in 1..TILE {
            w[j - 1] = w[j].add_high(q, b[j - 1]);
        }
        w[0] = w[0].add(carry);
        w[TILE - 1] = V::load(&t[i + TILE]).add_high(q, b[TILE - 1]);
    }
    w
}

/// Carries the columns of `t` into limbs of 52 bits.
#[inline(always)]
pub(crate) fn settle<V: Vector>(out: &mut [Lanes], t: &[Lanes]) {
    let mask = V::splat(MASK);
    let mut carry = V::splat(0);
    for (out, t) in out.iter_mut().zip(t) {
        let sum = V::load(t).add(carry);
        sum.and(mask).store(out);
        carry = sum.carry();
    }
}
