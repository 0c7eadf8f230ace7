//! The private operation: by the two primes, blinded, and verified before it leaves.
#![allow(clippy::indexing_slicing, reason = "the ranges are constants of the type")]

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::limb::{Limb, Wiped, add_mod, equal, less, mul_wide, sub, sub_mod};
use super::modulus::{Modulus, plain_one};
use crate::bytes::{Public, declassify};

/// Uses of one pair of blinding factors, squared after each, before fresh randomness is drawn.
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

/// A secret prime. It wipes itself wherever its making is given up.
struct Prime<W: Limb, const H: usize> {
    modulus: Modulus<W, H>,
    /// `R^2` modulo the prime.
    r_squared: [W; H],
    /// The private exponent modulo the prime less one.
    exponent: [W; H],
}

impl<W: Limb, const H: usize> Prime<W, H> {
    /// `None` unless `prime` is odd and of full size, and `e * exponent = 1 mod (prime - 1)`.
    fn new(prime: &[u8], exponent: &[u8]) -> Option<Self> {
        let modulus = Modulus::new(prime)?;
        let mut prime = Self { r_squared: modulus.r_squared(), exponent: [W::ZERO; H], modulus };
        prime.exponent = prime.modulus.number(exponent)?;
        let below = prime.less_one();
        let mut product = Wiped::new(prime.exponent);
        for _ in 0..16 {
            *product = add_mod(&product, &product, &below);
        }
        *product = add_mod(&product, &prime.exponent, &below);
        let right = less(&prime.exponent, &below) & equal(&product, &plain_one());
        declassify(right, Public::KeyIsSound).then_some(prime)
    }

    fn less_one(&self) -> Wiped<W, H> {
        Wiped::new(sub(&self.modulus.n, &plain_one()).0)
    }

    /// `x^exponent` modulo the prime of `x` modulo `n`; with `inverse`, `1 / x^exponent`.
    fn power<const L: usize>(&self, x: &[W; L], inverse: bool) -> Wiped<W, H> {
        let m = &self.modulus;
        // x = high * R + low: two Montgomery products make x * R of it.
        let (mut low, mut high) = (Wiped::new([W::ZERO; H]), Wiped::new([W::ZERO; H]));
        low.copy_from_slice(&x[..H]);
        high[..L - H].copy_from_slice(&x[H..]);
        let mut r_cubed = Wiped::new(m.square(&self.r_squared));
        m.canonical(&mut r_cubed);
        *low = m.mul(&low, &self.r_squared);
        *high = m.mul(&high, &r_cubed);
        m.canonical(&mut low);
        m.canonical(&mut high);
        *low = m.add(&low, &high);

        let mut exponent = Wiped::new(self.exponent);
        if inverse {
            *exponent = sub(&self.less_one(), &self.exponent).0;
        }
        let mut y = m.pow_secret(&low, &exponent);
        *y = m.mul(&y, &plain_one());
        m.canonical(&mut y);
        y
    }
}

impl<W: Limb, const L: usize, const H: usize> Crt<W, L, H> {
    /// Takes the parts of the key of modulus `n` over; `None` if they do not fit each other.
    ///
    /// The primality of `p` and `q` is not tested: a wrong key fails the check in [`Crt::private`].
    pub fn new(n: &Modulus<W, L>, parts: &Parts<'_>) -> Option<Self> {
        let p = Prime::new(parts.p, parts.dp)?;
        let q = Prime::new(parts.q, parts.dq)?;
        let product: Wiped<W, L> = Wiped::new(mul_wide(&p.modulus.n, &q.modulus.n, &[W::ZERO; H]));
        let q_below_p = canonical_below(&q.modulus.n, &p.modulus);
        let q_inverse = Wiped::new(p.modulus.number(parts.q_inverse)?);
        let q_inverse = Wiped::new(p.modulus.mul(&q_inverse, &p.r_squared));
        let mut one = Wiped::new(p.modulus.mul(&q_below_p, &q_inverse));
        p.modulus.canonical(&mut one);
        let halves = 2 * p.modulus.bits == n.bits && 2 * q.modulus.bits == n.bits;
        let right = equal(&product, &n.n) & equal(&one, &plain_one());
        (halves && declassify(right, Public::KeyIsSound)).then(|| Self {
            p,
            q,
            q_inverse: *q_inverse,
            r_squared: n.r_squared(),
            blinding: [[W::ZERO; L]; 2],
            blinding_uses: 0,
        })
    }

    /// Writes the parts, each as long as its primes, in the order of [`Parts`].
    pub fn write_parts(&self, out: [&mut [u8]; 5]) {
        let mut q_inverse = Wiped::new(self.p.modulus.mul(&self.q_inverse, &plain_one()));
        self.p.modulus.canonical(&mut q_inverse);
        let numbers = [&self.p.modulus.n, &self.q.modulus.n, &self.p.exponent, &self.q.exponent, &*q_inverse];
        for (number, out) in numbers.into_iter().zip(out) {
            Modulus::write(number, out);
        }
    }

    /// `x^d mod n` of a canonical `x`, canonical; `None` if the result does not
    /// give `x` back under the public exponent, and is therefore withheld
    /// (a faulty result would give the primes away: Boneh, DeMillo and Lipton, 1997).
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
        let mut blinded = Wiped::new(n.mul(x, factor));
        n.canonical(&mut blinded);
        *factor = n.square(factor);
        let unblind = Wiped::new(*inverse);
        *inverse = n.square(inverse);
        self.blinding_uses -= 1;

        *blinded = *self.power(&blinded, false);
        let mut out = n.mul(&blinded, &unblind);
        n.canonical(&mut out);
        if declassify(equal(&n.pow_65537(&out), x), Public::ResultIsRight) {
            return Some(out);
        }
        out.zeroize();
        self.blinding_uses = 0;
        None
    }

    /// Draws a new `a` and computes `a^-d`, with the same machinery as a signature: no inversion is needed.
    fn draw_blinding(&mut self, n: &Modulus<W, L>, rng: &mut (impl CryptoRng + ?Sized)) {
        // One bit fewer than n: below it, and as good as any number below it.
        let mut a = Wiped::new([W::ZERO; L]);
        let mut bits = n.bits - 1;
        for limb in a.iter_mut() {
            let here = bits.min(W::BITS);
            bits -= here;
            *limb = W::from_u64(rng.next_u64() & u64::MAX.checked_shr(64 - here).unwrap_or(0));
        }

        let mut plain = Wiped::new(n.mul(&a, &plain_one()));
        n.canonical(&mut plain);
        let inverse = self.power(&plain, true);
        self.blinding = [*a, n.mul(&inverse, &self.r_squared)];
        self.blinding_uses = BLINDING_USES;
    }

    /// `x^d mod n` by the Chinese remainder theorem (RFC 8017 §5.1.2); with `inverse`, `1 / x^d`.
    fn power(&self, x: &[W; L], inverse: bool) -> Wiped<W, L> {
        let mp = self.p.power(x, inverse);
        let mq = self.q.power(x, inverse);
        let p = &self.p.modulus;
        let mq_mod_p = canonical_below(&mq, p);
        let mut h = Wiped::new(sub_mod(&mp, &mq_mod_p, &p.n));
        *h = p.mul(&h, &self.q_inverse);
        p.canonical(&mut h);
        Wiped::new(mul_wide(&h, &self.q.modulus.n, &mq))
    }
}

/// A number modulo one prime brought below the other, which has the same length.
fn canonical_below<W: Limb, const H: usize>(x: &[W; H], prime: &Modulus<W, H>) -> Wiped<W, H> {
    let mut x = Wiped::new(*x);
    prime.canonical(&mut x);
    x
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
