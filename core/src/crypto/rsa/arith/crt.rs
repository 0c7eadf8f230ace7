//! The private operation: with the two primes, blinded, and verified.
#![allow(clippy::indexing_slicing, reason = "the ranges are constants of the type")]

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::limb::{Limb, Wiped, add_mod, equal, less, mul_wide, sub, sub_mod};
use super::modulus::{Modulus, plain_one};
use crate::bytes::{Public, declassify};

/// The number of uses of one pair of blinding factors. Each use squares the factors.
const BLINDING_USES: u8 = 32;

/// Big-endian parts of a private key (RFC 8017 §3.2), each half as long as the modulus.
pub struct Parts<'a> {
    /// The first prime.
    pub p: &'a [u8],
    /// The second prime.
    pub q: &'a [u8],
    /// `1 / e mod (p - 1)`.
    pub dp: &'a [u8],
    /// `1 / e mod (q - 1)`.
    pub dq: &'a [u8],
    /// `1 / q mod p`.
    pub q_inverse: &'a [u8],
}

/// A private key modulo `n` of `L` limbs, with primes of `H` limbs each.
pub struct Crt<W: Limb, const L: usize, const H: usize> {
    p: Prime<W, H>,
    q: Prime<W, H>,
    /// `1 / q mod p`, in Montgomery form.
    q_inverse: [W; H],
    /// `R^2 mod n`.
    r_squared: [W; L],
    /// `a` and `a^-d` of a random `a`, both in Montgomery form modulo `n`.
    blinding: [[W; L]; 2],
    blinding_uses: u8,
}

/// A secret prime. It wipes itself, also if its key is refused.
struct Prime<W: Limb, const H: usize> {
    modulus: Modulus<W, H>,
    /// `R^2` modulo the prime.
    r_squared: [W; H],
    /// The private exponent modulo the prime less one.
    exponent: [W; H],
}

impl<W: Limb, const H: usize> Prime<W, H> {
    const EMPTY: Self = Self { modulus: Modulus::EMPTY, r_squared: [W::ZERO; H], exponent: [W::ZERO; H] };

    /// Takes a prime. `None` unless `prime` is odd and of full size, and `e * exponent = 1 mod (prime - 1)`.
    fn load(&mut self, prime: &[u8], exponent: &[u8]) -> Option<()> {
        self.modulus.load(prime)?;
        self.modulus.load_number(&mut self.exponent, exponent)?;
        self.r_squared = *self.modulus.r_squared();
        let below = self.less_one();
        let mut product = Wiped::new(self.exponent);
        for _ in 0..16 {
            let same = Wiped::new(*product);
            add_mod(&mut product, &same, &below);
        }
        add_mod(&mut product, &self.exponent, &below);
        let right = less(&self.exponent, &below) & equal(&product, &plain_one());
        declassify(right, Public::KeyIsSound).then_some(())
    }

    fn less_one(&self) -> Wiped<W, H> {
        let mut below = Wiped::new(self.modulus.n);
        sub(&mut below, &plain_one());
        below
    }

    /// `x^exponent` modulo the prime, for a number `x` modulo `n`; with `inverse`, `1 / x^exponent`.
    fn power<const L: usize>(&self, x: &[W; L], inverse: bool) -> Wiped<W, H> {
        let m = &self.modulus;
        // x = high * R + low: two Montgomery products give x * R.
        let (mut low, mut high) = (Wiped::new([W::ZERO; H]), Wiped::new([W::ZERO; H]));
        low.copy_from_slice(&x[..H]);
        high[..L - H].copy_from_slice(&x[H..]);
        let mut r_cubed = m.square(&self.r_squared);
        m.canonical(&mut r_cubed);
        let (mut low, mut high) = (m.mul(&low, &self.r_squared), m.mul(&high, &r_cubed));
        m.canonical(&mut low);
        m.canonical(&mut high);
        m.add(&mut low, &high);

        let mut exponent = Wiped::new(self.exponent);
        if inverse {
            *exponent = *self.less_one();
            sub(&mut exponent, &self.exponent);
        }
        let mut y = m.mul(&m.pow_secret(&low, &exponent), &plain_one());
        m.canonical(&mut y);
        y
    }
}

impl<W: Limb, const L: usize, const H: usize> Crt<W, L, H> {
    /// Takes the parts of the key of modulus `n` over; `None` if they do not fit each other.
    ///
    /// The primality of `p` and `q` is not tested: a wrong key fails the check in [`Crt::private`].
    pub fn new(n: &Modulus<W, L>, parts: &Parts<'_>) -> Option<Self> {
        let mut key = Self::EMPTY;
        key.load(n, parts).map(|()| key)
    }

    /// An empty key, for [`Crt::load`] to fill.
    pub const EMPTY: Self = Self {
        p: Prime::EMPTY,
        q: Prime::EMPTY,
        q_inverse: [W::ZERO; H],
        r_squared: [W::ZERO; L],
        blinding: [[W::ZERO; L]; 2],
        blinding_uses: 0,
    };

    /// Takes the parts over as [`Crt::new`] does, in place: a move would leave a copy of the key.
    pub fn load(&mut self, n: &Modulus<W, L>, parts: &Parts<'_>) -> Option<()> {
        let Self { p, q, q_inverse, .. } = self;
        p.load(parts.p, parts.dp)?;
        q.load(parts.q, parts.dq)?;
        p.modulus.load_number(q_inverse, parts.q_inverse)?;
        *q_inverse = *p.modulus.mul(q_inverse, &p.r_squared);
        let mut product = Wiped::new([W::ZERO; L]);
        mul_wide(&mut product, &p.modulus.n, &q.modulus.n, &[W::ZERO; H]);
        let mut q_below_p = Wiped::new(q.modulus.n);
        p.modulus.canonical(&mut q_below_p);
        let mut one = p.modulus.mul(&q_below_p, q_inverse);
        p.modulus.canonical(&mut one);
        let halves = 2 * p.modulus.bits == n.bits && 2 * q.modulus.bits == n.bits;
        let right = equal(&product, &n.n) & equal(&one, &plain_one());
        if !halves || !declassify(right, Public::KeyIsSound) {
            return None;
        }
        self.r_squared = *n.r_squared();
        self.blinding_uses = 0;
        Some(())
    }

    /// Writes the parts, each as long as its primes, in the order of [`Parts`].
    pub fn write_parts(&self, out: [&mut [u8]; 5]) {
        let mut q_inverse = self.p.modulus.mul(&self.q_inverse, &plain_one());
        self.p.modulus.canonical(&mut q_inverse);
        let numbers = [&self.p.modulus.n, &self.q.modulus.n, &self.p.exponent, &self.q.exponent, &*q_inverse];
        for (number, out) in numbers.into_iter().zip(out) {
            Modulus::write(number, out);
        }
    }

    /// `x^d mod n` of a canonical `x`, canonical. `None` if the result under the public exponent is not `x`: a
    /// wrong result would reveal the primes (Boneh, DeMillo and Lipton, 1997).
    pub fn private(
        &mut self,
        n: &Modulus<W, L>,
        x: &[W; L],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Option<[W; L]> {
        if self.blinding_uses == 0 {
            self.draw_blinding(n, rng);
        }
        let [factor, inverse] = &mut self.blinding;
        let mut blinded = n.mul(x, factor);
        n.canonical(&mut blinded);
        *factor = *n.square(factor);
        let unblind = Wiped::new(*inverse);
        *inverse = *n.square(inverse);
        self.blinding_uses -= 1;

        let mut out = n.mul(&self.power(&blinded, false), &unblind);
        n.canonical(&mut out);
        if declassify(equal(&n.pow_65537(&out), x), Public::ResultIsRight) {
            return Some(*out);
        }
        self.blinding_uses = 0;
        None
    }

    /// Draws a new `a` and computes `a^-d` in the same way as a signature, without an inversion.
    fn draw_blinding(&mut self, n: &Modulus<W, L>, rng: &mut (impl CryptoRng + ?Sized)) {
        // One bit fewer than n, so it is below n. It is as good as any number below n.
        let mut a = Wiped::new([W::ZERO; L]);
        let mut bits = n.bits - 1;
        for limb in a.iter_mut() {
            let here = bits.min(W::BITS);
            bits -= here;
            *limb = W::from_u64(rng.next_u64() & u64::MAX.checked_shr(64 - here).unwrap_or(0));
        }

        let mut plain = n.mul(&a, &plain_one());
        n.canonical(&mut plain);
        let inverse = self.power(&plain, true);
        self.blinding = [*a, *n.mul(&inverse, &self.r_squared)];
        self.blinding_uses = BLINDING_USES;
    }

    /// `x^d mod n` by the Chinese remainder theorem (RFC 8017 §5.1.2); with `inverse`, `1 / x^d`.
    fn power(&self, x: &[W; L], inverse: bool) -> Wiped<W, L> {
        let mut h = self.p.power(x, inverse);
        let mq = self.q.power(x, inverse);
        let p = &self.p.modulus;
        // Primes of one length differ by less than a factor of 2.
        let mut mq_mod_p = Wiped::new(*mq);
        p.canonical(&mut mq_mod_p);
        sub_mod(&mut h, &mq_mod_p, &p.n);
        let mut h = p.mul(&h, &self.q_inverse);
        p.canonical(&mut h);
        let mut out = Wiped::new([W::ZERO; L]);
        mul_wide(&mut out, &h, &self.q.modulus.n, &mq);
        out
    }
}

impl<W: Limb, const H: usize> Drop for Prime<W, H> {
    fn drop(&mut self) {
        self.modulus.zeroize();
        self.r_squared.zeroize();
        self.exponent.zeroize();
    }
}

impl<W: Limb, const L: usize, const H: usize> Drop for Crt<W, L, H> {
    fn drop(&mut self) {
        self.q_inverse.zeroize();
        self.blinding.zeroize();
    }
}

impl<W: Limb, const L: usize, const H: usize> ZeroizeOnDrop for Crt<W, L, H> {}
