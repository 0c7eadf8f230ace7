//! The private key, which signs.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::arith::Parts;
use super::sizes::Numbers;
use super::{AllSizes, DIGEST, Error, PublicKey, Sizes, pkcs1, pss};
use crate::limits::RSA_BYTES;

/// An RSA private key of two primes, wiped when dropped.
///
/// A signature is computed on blinded numbers, in a time that does not depend on the key. It is verified before it is
/// returned. (On a Cortex-M3 a long multiplication ends early for small factors. There only the blinding protects the
/// key from a measurement of time.)
pub struct PrivateKey<S: Sizes = AllSizes> {
    public: PublicKey<S>,
    secret: <S::Numbers as Numbers>::Secret,
}

impl<S: Sizes> PrivateKey<S> {
    /// Joins the public key and the parts of the private one.
    pub(crate) fn from_parts(public: PublicKey<S>, parts: &Parts<'_>) -> Result<Self, Error> {
        let mut key = Self { secret: public.0.empty(), public };
        key.public.0.load(&mut key.secret, parts).ok_or(Error::PrivateKey)?;
        Ok(key)
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey<S> {
        &self.public
    }

    /// Lends the parts to `f`, for example to an implementation of the private operation with instructions that this
    /// crate does not use. The lent copy is wiped.
    pub fn with_parts<T>(&self, f: impl FnOnce(&Parts<'_>) -> T) -> T {
        let mut room = Zeroizing::new([[0; RSA_BYTES / 2]; 5]);
        let half = self.public.size().bytes() / 2;
        let mut parts = room.each_mut().map(|part| part.get_mut(..half).unwrap_or_default());
        S::Numbers::write_parts(&self.secret, parts.each_mut().map(|part| &mut **part));
        let [p, q, dp, dq, q_inverse] = parts;
        f(&Parts { p, q, dp, dq, q_inverse })
    }

    /// Signs a message's digest by RSASSA-PSS with SHA-256 and MGF1-SHA-256 (RFC 8017 §8.1.1).
    ///
    /// The `salt` should be 32 random bytes or more. It may be empty, and has at most
    /// [`KeySize::max_salt`](super::KeySize::max_salt) bytes. `rng` is for the blinding. `out` has room for as many
    /// bytes as the modulus has.
    ///
    /// # Errors
    /// [`Error::SaltLength`], [`Error::BufferTooSmall`], or [`Error::FaultDetected`] if the computation went wrong.
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
    /// `rng` is for the blinding; the signature does not depend on it.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], or [`Error::FaultDetected`] if the computation went wrong.
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
        self.public.0.sign(&mut self.secret, rng, out)?;
        Ok(out)
    }
}

impl<S: Sizes> fmt::Debug for PrivateKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.public.size().bits())
    }
}
