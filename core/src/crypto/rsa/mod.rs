//! RSA in fixed-size buffers: 2048, 3072 and 4096 bits, e = 65537 (RFC 8017).
//!
//! [`PublicKey`] verifies, [`PrivateKey`] signs; both over a SHA-256 digest,
//! by RSASSA-PSS or RSASSA-PKCS1-v1_5. Other exponents, sizes and hashes are
//! refused on import, so no key of this module is a special case later.

#[doc(hidden)]
pub mod arith;
mod pkcs1;
mod private;
mod pss;
mod public;

use core::fmt;

pub use arith::Parts as PrivateParts;
pub use private::PrivateKey;
pub use pss::encode as encode_pss;
pub use public::PublicKey;

use crate::bytes::BufferTooSmall;

/// Length of the modulus, and so of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySize {
    /// 2048 bits, 256 bytes.
    Bits2048,
    /// 3072 bits, 384 bytes.
    Bits3072,
    /// 4096 bits, 512 bytes.
    Bits4096,
}

impl KeySize {
    /// Length in bits.
    pub const fn bits(self) -> usize {
        8 * self.bytes()
    }

    /// Length in bytes: of the modulus and of every signature.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bits2048 => 256,
            Self::Bits3072 => 384,
            Self::Bits4096 => 512,
        }
    }

    /// The longest PSS salt in bytes: what is left of the modulus beside the digest and two bytes (RFC 8017 §9.1.1).
    pub const fn max_salt(self) -> usize {
        self.bytes() - DIGEST - 2
    }

    /// The size of a modulus of `bytes` bytes.
    const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            256 => Some(Self::Bits2048),
            384 => Some(Self::Bits3072),
            512 => Some(Self::Bits4096),
            _ => None,
        }
    }
}

/// The PSS salt lengths that a verifier accepts, in bytes. The length in use is recovered from the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaltLength {
    /// This length and no other.
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

/// What RSA refuses, or fails at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The modulus is not of 2048, 3072 or 4096 bits.
    KeySize,
    /// The public exponent is not 65537.
    Exponent,
    /// The modulus is even.
    Modulus,
    /// The key is not the DER or PEM of an RSA key of the expected kind, or has more than two primes.
    KeyEncoding,
    /// The parts of the private key do not fit each other.
    PrivateKey,
    /// The salt is longer than the modulus leaves room for, or not of the length demanded.
    SaltLength,
    /// The signature is not exactly as long as the modulus.
    SignatureLength,
    /// The signature is not by this key over this digest.
    Signature,
    /// The computation of a signature went wrong, and its result was withheld.
    Fault,
    /// The buffer lent for the output is too small.
    BufferTooSmall,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeySize => "the RSA modulus is not of 2048, 3072 or 4096 bits: make a key of one of these sizes",
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
            Self::Fault => {
                "the RSA signature came out wrong and was withheld: the private key is damaged or the machine is faulty"
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
