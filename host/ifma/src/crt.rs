//! The private operation: with the two primes, blinded, and verified.
#![allow(clippy::indexing_slicing, reason = "the ranges are constants of the type")]

use minipki_core::bytes::{Public, declassify};
use minipki_core::crypto::rsa::PrivateParts;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::engine::Engine;
use crate::modulus::{Digits, Modulus, Ring, digits};
use crate::number::{Number, Wiped, add, equal, first_lane, limbs, read, splat, sub, zero};
use crate::vector::{LANES, Lanes};

/// The number of uses of a pair of blinding factors, which are squared after each use. As in the core.
const BLINDING_USES: u8 = 32;

/// A private key modulo `n` of `N` limbs, with primes of `H` = `N` / 2 limbs each.
pub(crate) struct Crt<const N: usize, const H: usize> {
    engine: Engine,
    n: Modulus<N>,
    /// The length of `n` in bytes.
    bytes: usize,
    p: Prime<H>,
    q: Prime<H>,
    /// `1 / q mod p`, in Montgomery form.
    q_inverse: [u64; H],
    /// `a` and `a^-d` with a random `a` in each lane, both in Montgomery form modulo `n`.
    blinding: [Number<N>; 2],
    blinding_uses: u8,
}

struct Prime<const H: usize> {
    modulus: Modulus<H>,
    /// The private exponent modulo `prime - 1`.
    exponent: Digits,
    /// `prime - 1 - exponent`: the exponent for the inverse of the power.
    inverse: Digits,
}

impl<const H: usize> Prime<H> {
    fn new(engine: Engine, prime: &[u8], exponent: &[u8]) -> Self {
        let inverse = less_one_less(prime, exponent);
        Self { modulus: Modulus::new(engine, prime), exponent: digits(exponent), inverse: digits(&inverse) }
    }

    /// `x^exponent` modulo the prime, below it, for `x` modulo `n`. With `inverse`, `1 / x^exponent`.
    fn power(&self, engine: Engine, x: &[Lanes], inverse: bool) -> Wiped<H> {
        let mut ring = Ring::new(engine, &self.modulus);
        // x = high * R + low, both below R.
        let (mut low, mut high) = (Wiped::new(zero()), Wiped::new(zero()));
        low.copy_from_slice(&x[..H]);
        high.copy_from_slice(&x[H..]);
        let high = ring.enter(&high);
        // Both are below 2n, so the sum is a residue.
        let (mut x, low) = (ring.enter(&high), ring.enter(&low));
        add(&mut x, &low);
        let y = ring.power(&x, if inverse { &self.inverse } else { &self.exponent });
        ring.leave(&y)
    }
}

/// `prime - 1 - exponent`, big-endian, for an odd prime and an exponent below it of the same length.
fn less_one_less(prime: &[u8], exponent: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(prime.to_vec());
    let mut borrow = 1;
    for (out, exponent) in out.iter_mut().zip(exponent).rev() {
        let difference = u16::from(*out).wrapping_sub(u16::from(*exponent)).wrapping_sub(borrow);
        *out = difference as u8;
        borrow = difference >> 15;
    }
    out
}

impl<const N: usize, const H: usize> Crt<N, H> {
    /// A key of this modulus and these parts, which the core has checked.
    pub(crate) fn new(engine: Engine, n: &[u8], parts: &PrivateParts<'_>) -> Self {
        let p = Prime::new(engine, parts.p, parts.dp);
        let q = Prime::new(engine, parts.q, parts.dq);
        let mut ring = Ring::new(engine, &p.modulus);
        let q_inverse = Zeroizing::new(limbs(parts.q_inverse));
        let mut q_inverse = ring.enter(&splat(&q_inverse));
        p.modulus.canonical(&mut q_inverse);
        let q_inverse = first_lane(&q_inverse);
        drop(ring);
        let (bytes, n) = (n.len(), Modulus::new(engine, n));
        Self { engine, n, bytes, p, q, q_inverse, blinding: [zero(); 2], blinding_uses: 0 }
    }

    /// Whether each lane is below the modulus.
    pub(crate) fn below(&self, x: &Number<N>) -> bool {
        sub(&mut Wiped::new(*x), &splat(&self.n.n)) == Lanes([1; LANES])
    }

    /// `x^d mod n` for numbers below n. `None` if one result to the public exponent is not its `x`: a wrong result
    /// would disclose the primes (Boneh, DeMillo and Lipton, 1997).
    pub(crate) fn private(&mut self, x: &Number<N>, rng: &mut (impl CryptoRng + ?Sized)) -> Option<Wiped<N>> {
        if self.blinding_uses == 0 {
            self.draw_blinding(rng);
        }
        self.blinding_uses -= 1;
        let mut ring = Ring::new(self.engine, &self.n);
        let [factor, inverse] = &mut self.blinding;
        let mut blinded = ring.mul(x, factor);
        self.n.canonical(&mut blinded);
        let unblind = Wiped::new(*inverse);
        *factor = *ring.square(factor);
        *inverse = *ring.square(inverse);

        let blinded = self.power(&blinded, false);
        let mut ring = Ring::new(self.engine, &self.n);
        let mut out = ring.mul(&blinded, &unblind);
        self.n.canonical(&mut out);
        if declassify(equal(&ring.power_65537(&out), x), Public::ResultIsRight) {
            return Some(out);
        }
        drop(ring);
        self.blinding_uses = 0;
        None
    }

    /// Draws a new `a` for each lane and computes `a^-d` like a signature.
    fn draw_blinding(&mut self, rng: &mut (impl CryptoRng + ?Sized)) {
        let mut a = Wiped::new(zero());
        let mut bytes = Zeroizing::new(vec![0; self.bytes]);
        for lane in 0..LANES {
            rng.fill_bytes(&mut bytes);
            // One bit less than n: so the number is below n.
            bytes[0] &= 0x7f;
            read(&mut *a, lane, &bytes);
        }
        let mut ring = Ring::new(self.engine, &self.n);
        let plain = ring.leave(&a);
        drop(ring);
        let inverse = self.power(&plain, true);
        let mut ring = Ring::new(self.engine, &self.n);
        self.blinding = [*a, *ring.enter(&inverse)];
        drop(ring);
        self.blinding_uses = BLINDING_USES;
    }

    /// `x^d mod n` by the Chinese remainder theorem (RFC 8017 §5.1.2). With `inverse`, `1 / x^d`.
    fn power(&self, x: &Number<N>, inverse: bool) -> Wiped<N> {
        let p = &self.p.modulus;
        let mut h = self.p.power(self.engine, x, inverse);
        let mq = self.q.power(self.engine, x, inverse);
        // Primes of the same length differ by less than a factor of 2.
        let mut mq_mod_p = Wiped::new(*mq);
        p.canonical(&mut mq_mod_p);
        p.sub(&mut h, &mq_mod_p);
        let mut ring = Ring::new(self.engine, p);
        let mut h = ring.mul(&h, &splat(&self.q_inverse));
        p.canonical(&mut h);
        let mut out = Wiped::new(zero());
        ring.combine(&mut out, &h, &self.q.modulus.n, &mq);
        out
    }
}

impl<const N: usize, const H: usize> Drop for Crt<N, H> {
    fn drop(&mut self) {
        self.q_inverse.zeroize();
        self.blinding.zeroize();
    }
}

impl<const N: usize, const H: usize> ZeroizeOnDrop for Crt<N, H> {}
