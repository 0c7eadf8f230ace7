//! The private key and what it signs.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::arith::{Crt, Modulus, Native, Parts, limbs};
use super::public::{AnyModulus, LIMBS_2048, LIMBS_3072, LIMBS_4096, PublicKey};
use super::{DIGEST, Error, pkcs1, pss};
use crate::limits::RSA_BYTES;

/// An RSA private key of two primes, wiped when dropped.
///
/// A signature takes a time that does not depend on the key, is computed on
/// blinded numbers, and is verified before it is handed out. (On a Cortex-M3
/// a long multiplication ends early for small factors; there only the
/// blinding stands between the key and a stop-watch.)
pub struct PrivateKey {
    public: PublicKey,
    secret: Secret,
}

#[allow(clippy::large_enum_variant, reason = "without a heap, every size lives in the room of the largest")]
enum Secret {
    Bits2048(Crt<Native, LIMBS_2048, { limbs::<Native>(1024) }>),
    Bits3072(Crt<Native, LIMBS_3072, { limbs::<Native>(1536) }>),
    Bits4096(Crt<Native, LIMBS_4096, { limbs::<Native>(2048) }>),
}

impl PrivateKey {
    /// Joins the public key and the parts of the private one.
    pub(crate) fn from_parts(public: PublicKey, parts: &Parts<'_>) -> Result<Self, Error> {
        // Filled where it stays: a key that is moved leaves a copy behind.
        let secret = match &public.0 {
            AnyModulus::Bits2048(_) => Secret::Bits2048(Crt::EMPTY),
            AnyModulus::Bits3072(_) => Secret::Bits3072(Crt::EMPTY),
            AnyModulus::Bits4096(_) => Secret::Bits4096(Crt::EMPTY),
        };
        let mut key = Self { public, secret };
        let loaded = match (&key.public.0, &mut key.secret) {
            (AnyModulus::Bits2048(n), Secret::Bits2048(secret)) => secret.load(n, parts),
            (AnyModulus::Bits3072(n), Secret::Bits3072(secret)) => secret.load(n, parts),
            (AnyModulus::Bits4096(n), Secret::Bits4096(secret)) => secret.load(n, parts),
            _ => None,
        };
        loaded.ok_or(Error::PrivateKey)?;
        Ok(key)
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Lends the parts to `f`, which may be an implementation of the private operation with
    /// instructions that this crate does not use. The copy lent is wiped.
    pub fn with_parts<T>(&self, f: impl FnOnce(&Parts<'_>) -> T) -> T {
        let mut room = Zeroizing::new([[0; RSA_BYTES / 2]; 5]);
        let half = self.public.size().bytes() / 2;
        let mut parts = room.each_mut().map(|part| part.get_mut(..half).unwrap_or_default());
        let out = parts.each_mut().map(|part| &mut **part);
        match &self.secret {
            Secret::Bits2048(key) => key.write_parts(out),
            Secret::Bits3072(key) => key.write_parts(out),
            Secret::Bits4096(key) => key.write_parts(out),
        }
        let [p, q, dp, dq, q_inverse] = parts;
        f(&Parts { p, q, dp, dq, q_inverse })
    }

    /// Signs a message's digest by RSASSA-PSS with SHA-256 and MGF1-SHA-256 (RFC 8017 §8.1.1).
    ///
    /// The `salt` should be random, 32 bytes or more; up to
    /// [`KeySize::max_salt`](super::KeySize::max_salt) bytes are taken, and none will do. `rng` feeds
    /// the blinding. `out` takes as many bytes as the modulus has.
    ///
    /// # Errors
    /// [`Error::SaltLength`], [`Error::BufferTooSmall`], or [`Error::Fault`] if the computation went wrong.
    pub fn sign_pss<'o>(
        &mut self,
        digest: &[u8; DIGEST],
        salt: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
        out: &'o mut [u8],
    ) -> Result<&'o [u8], Error> {
        self.sign(|encoded| pss::encode(encoded, digest, salt), rng, out)
    }

    /// Signs a message's digest by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2.1).
    ///
    /// `rng` feeds the blinding; the signature does not depend on it.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], or [`Error::Fault`] if the computation went wrong.
    pub fn sign_pkcs1<'o>(
        &mut self,
        digest: &[u8; DIGEST],
        rng: &mut (impl CryptoRng + ?Sized),
        out: &'o mut [u8],
    ) -> Result<&'o [u8], Error> {
        self.sign(|encoded| pkcs1::encode(encoded, digest), rng, out)
    }

    /// Encodes into `out` and signs there.
    fn sign<'o>(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<(), Error>,
        rng: &mut (impl CryptoRng + ?Sized),
        out: &'o mut [u8],
    ) -> Result<&'o [u8], Error> {
        let out = out.get_mut(..self.public.size().bytes()).ok_or(Error::BufferTooSmall)?;
        encode(out)?;
        match (&self.public.0, &mut self.secret) {
            (AnyModulus::Bits2048(n), Secret::Bits2048(key)) => apply(n, key, rng, out)?,
            (AnyModulus::Bits3072(n), Secret::Bits3072(key)) => apply(n, key, rng, out)?,
            (AnyModulus::Bits4096(n), Secret::Bits4096(key)) => apply(n, key, rng, out)?,
            _ => return Err(Error::PrivateKey),
        }
        Ok(out)
    }
}

/// RSASP1 (RFC 8017 §5.2.1) in place. On a fault the encoded message is left, not a signature.
#[inline(never)]
fn apply<const L: usize, const H: usize>(
    n: &Modulus<Native, L>,
    key: &mut Crt<Native, L, H>,
    rng: &mut (impl CryptoRng + ?Sized),
    in_out: &mut [u8],
) -> Result<(), Error> {
    let encoded = n.number(in_out).ok_or(Error::Modulus)?;
    let signature = key.private(n, &encoded, rng).ok_or(Error::Fault)?;
    Modulus::write(&signature, in_out);
    Ok(())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.public.size().bits())
    }
}
