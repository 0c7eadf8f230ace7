//! X25519 (RFC 7748 §5) for 32-bit machines: the Montgomery ladder over its own arithmetic.
//!
//! Nothing here branches on a secret or uses one as an index. The multiplier of some small processors, for example the
//! Cortex-M3, takes longer for large factors. So the ladder runs on coordinates that are multiplied by a number unknown
//! to the peer. Then the time reveals nothing about the key.

mod base;
mod field;

pub use base::x25519_base;
use subtle::Choice;
use zeroize::Zeroizing;

use field::Field;

/// (A - 2) / 4, where A = 486662 is the curve's coefficient.
const A24: u32 = 121_665;

/// The u-coordinate of `scalar` times the point with u-coordinate `u`, or zeros if the product has none.
///
/// `blind` is a secret value. The result does not depend on it.
pub fn x25519(scalar: &[u8; 32], u: &[u8; 32], blind: &[u8; 32]) -> [u8; 32] {
    let scalar = clamp(scalar);
    let u = Field::from_bytes(u);
    // Zero for one blind in 2^254. Then the result is zero, and is refused like a point of low order.
    let one = Field::from_bytes(blind);
    let mut state = Zeroizing::new([one, Field::ZERO, u.mul(&one), one]);
    let mut last = Choice::from(0);
    for byte in scalar.iter().rev() {
        for bit in (0..8).rev() {
            let bit = Choice::from((byte >> bit) & 1);
            step(&u, &mut state, bit ^ last);
            last = bit;
        }
    }
    let [x, z, ..] = &*state;
    Zeroizing::new(x.mul(&z.invert())).to_bytes()
}

/// The scalar that 32 bytes encode (RFC 7748 §5): a multiple of 8 with 255 bits.
fn clamp(scalar: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut scalar = Zeroizing::new(*scalar);
    let [first, .., last] = &mut *scalar;
    *first &= 248;
    *last = (*last & 127) | 64;
    scalar
}

/// Takes two points that differ by (u : 1). Doubles the first, or the second if `second`, and adds the two. The
/// coordinates are X and Z of the first point, then X and Z of the second, all tight.
///
/// The sum is the same in both cases, so only the point to be doubled is selected.
fn step(u: &Field, points: &mut [Field; 4], second: Choice) {
    let [x2, z2, x3, z3] = points;
    let (a, b) = (x2.add(z2), x2.sub(z2));
    let (c, d) = (x3.add(z3), x3.sub(z3));
    let (da, cb) = (d.mul(&a), c.mul(&b));
    let (aa, bb) = (Field::select(&a, &c, second).square(), Field::select(&b, &d, second).square());
    let e = aa.sub(&bb);
    *x2 = aa.mul(&bb);
    *z2 = e.mul(&aa.add(&e.mul_small(A24)));
    *x3 = da.add(&cb).square();
    *z3 = u.mul(&da.sub(&cb).square());
}
