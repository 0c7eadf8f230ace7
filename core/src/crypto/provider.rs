//! The one seam between the protocol and its cryptography.

use core::fmt;

use super::rsa;
use crate::bytes::Secret;
use crate::limits::{KEY, NONCE, TAG};

/// What a provider refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CryptoError {
    /// The X25519 shared secret is all zeros: the peer sent a point of low order (RFC 7748 §6.1).
    AllZeroShared,
    /// The authentication tag does not fit the ciphertext (RFC 8439 §2.8).
    Tag,
    /// More output was asked of a function than its standard allows.
    Length,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllZeroShared => {
                "the X25519 shared secret is all zeros: the peer's key is a point of low order"
            }
            Self::Tag => "the authentication tag does not fit: the message was changed or its key is another",
            Self::Length => "more bytes were asked for than the algorithm can give",
        })
    }
}

impl core::error::Error for CryptoError {}

/// SHA-256 of what comes in pieces (FIPS 180-4).
pub trait Sha256: Default {
    /// Appends `data`.
    fn update(&mut self, data: &[u8]);

    /// The digest of all that was appended.
    fn finish(self) -> [u8; 32];
}

/// An X25519 private key (RFC 7748), ready for its agreements; wiped when dropped.
///
/// A provider whose code wants more than the 32 bytes prepares it once, when the key is made.
pub trait X25519: Clone {
    /// Takes a private key over. Any 32 bytes are one: clamping is part of the function (RFC 7748 §5).
    fn new(secret: Secret<KEY>) -> Self;

    /// The 32 bytes that it was made of.
    fn secret(&self) -> &Secret<KEY>;

    /// The public key (RFC 7748 §6.1).
    fn public(&self) -> [u8; KEY];

    /// The secret shared with the holder of `public` (RFC 7748 §6.1).
    ///
    /// # Errors
    /// [`CryptoError::AllZeroShared`] if `public` is a point of low order.
    fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError>;
}

/// A ChaCha20-Poly1305 key (RFC 8439 §2.8), ready for its messages; wiped when dropped.
///
/// A provider whose code wants more than the 32 bytes prepares it once, when the key is made.
pub trait Aead {
    /// Takes a key over.
    fn new(key: Secret<KEY>) -> Self;

    /// The 32 bytes that it was made of.
    fn key(&self) -> &Secret<KEY>;

    /// Encrypts in place and returns the tag.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for a text longer than the cipher's counter allows.
    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError>;

    /// Undoes [`Aead::seal`] in place, after the tag is found right.
    ///
    /// # Errors
    /// [`CryptoError::Tag`]; `in_out` then holds no plaintext.
    fn open(
        &self,
        nonce: &[u8; NONCE],
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), CryptoError>;
}

/// A set of implementations of what the protocol needs.
///
/// A provider is a name, not a value: all functions are static, and a session
/// is generic over it. [`Portable`](super::Portable) runs everywhere; a PC or a
/// chip with accelerators can bring its own.
pub trait Provider {
    /// SHA-256 of what comes in pieces.
    type Sha256: Sha256;

    /// X25519 private keys.
    type X25519: X25519;

    /// ChaCha20-Poly1305 keys.
    type Aead: Aead;

    /// SHA-256 of the concatenated `parts`.
    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Self::Sha256::default();
        for part in parts {
            hash.update(part);
        }
        hash.finish()
    }

    /// HMAC-SHA-256 (RFC 2104) of the concatenated `parts`, under a key of any length.
    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret<32>;

    /// HKDF-SHA-256 (RFC 5869): fills `out`; an empty `salt` is the standard's default.
    ///
    /// # Errors
    /// [`CryptoError::Length`] above 8160 bytes.
    fn hkdf_sha256(salt: &[u8], ikm: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), CryptoError>;

    /// RSASSA-PSS verification with SHA-256 and MGF1-SHA-256 (RFC 8017 §8.1.2), over a message's digest.
    ///
    /// # Errors
    /// As [`rsa::PublicKey::verify_pss`].
    fn verify_pss_sha256(
        key: &rsa::PublicKey,
        digest: &[u8; 32],
        signature: &[u8],
        salt: rsa::SaltLength,
    ) -> Result<(), rsa::Error> {
        key.verify_pss(digest, signature, salt)
    }
}
