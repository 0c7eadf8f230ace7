//! RSA in fixed-size buffers: 2048, 3072 and 4096 bits, e = 65537 (RFC 8017).
//!
//! [`PublicKey`] verifies over a digest of SHA-256, SHA-384 or SHA-512, and [`PrivateKey`] signs over a digest of SHA-256,
//! both by RSASSA-PSS or RSASSA-PKCS1-v1_5. Other exponents and sizes are refused on import, so later code has no special
//! cases.
//!
//! A key is generic over the [`Sizes`] that its program accepts, by default [`AllSizes`]. A program that names
//! [`Rsa2048`] links no code for other sizes.

#[doc(hidden)]
pub mod arith;
mod pkcs1;
mod private;
mod pss;
mod public;
mod sizes;

use core::fmt;

pub use arith::Parts as PrivateParts;
pub use pkcs1::encode as encode_pkcs1;
pub use private::PrivateKey;
pub use pss::encode as encode_pss;
pub use public::PublicKey;
pub use sizes::{AcceptedSizes, AllSizes, KeySize, Rsa2048, Rsa3072, Rsa4096, Sizes};

use crate::bytes::BufferTooSmall;

/// The PSS salt lengths that a verifier accepts, in bytes. The length in use is recovered from the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaltLength {
    /// Only this length.
    Exactly(usize),
    /// This length or more; `AtLeast(0)` accepts any.
    AtLeast(usize),
}

impl SaltLength {
    const fn accepts(self, length: usize) -> bool {
        match self {
            Self::Exactly(exact) => length == exact,
            Self::AtLeast(least) => length >= least,
        }
    }
}

/// Length of a SHA-256 digest.
const DIGEST: usize = 32;

/// The reason why an RSA function gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The modulus is not of a size that this program accepts.
    KeySize(AcceptedSizes),
    /// The public exponent is not 65537.
    Exponent,
    /// The modulus is even.
    Modulus,
    /// The key is not the DER or PEM of an RSA key of the expected kind, or has more than two primes.
    KeyEncoding,
    /// The parts of the private key do not fit each other.
    PrivateKey,
    /// The salt is too long for the modulus, or does not have the required length.
    SaltLength,
    /// The signature is not exactly as long as the modulus.
    SignatureLength,
    /// The signature is not by this key over this digest.
    Signature,
    /// The signature is by this key, over another digest: its padding is whole.
    OtherDigest,
    /// A computed signature does not verify: a fault of the machine or of the key was detected, and the result was
    /// withheld.
    FaultDetected,
    /// The buffer lent for the output is too small.
    BufferTooSmall,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeySize(AcceptedSizes::All) => {
                "the RSA modulus is not of 2048, 3072 or 4096 bits: make a key of one of these sizes"
            }
            Self::KeySize(AcceptedSizes::Only(size)) => {
                return write!(f, "the RSA modulus is not of {} bits, the one size accepted here", size.bits());
            }
            Self::Exponent => "the RSA public exponent is not 65537: make a key with that exponent",
            Self::Modulus => "the RSA modulus is even: the key is damaged",
            Self::KeyEncoding => {
                "this is no RSA key: expected the DER of SubjectPublicKeyInfo, PKCS#8 or PKCS#1, or PEM with its label"
            }
            Self::PrivateKey => {
                "the parts of the RSA private key do not fit each other (p * q = n, CRT exponents): the key is damaged"
            }
            Self::SaltLength => "the PSS salt does not have an accepted length",
            Self::SignatureLength => "the signature is not as long as the RSA modulus",
            Self::Signature => "the signature is not by this RSA key over this digest",
            Self::OtherDigest => "the signature is by this RSA key, over another digest",
            Self::FaultDetected => {
                "the computed RSA signature is wrong and was withheld: the private key is damaged or the machine is faulty"
            }
            Self::BufferTooSmall => "the buffer lent for the output is too small",
        })
    }
}

impl core::error::Error for Error {}

impl From<BufferTooSmall> for Error {
    fn from(_: BufferTooSmall) -> Self {
        Self::BufferTooSmall
    }
}
