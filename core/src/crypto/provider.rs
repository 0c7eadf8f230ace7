//! The interface between the protocol and its cryptography: a trait for each function, and [`Provider`] for all.
//!
//! A provider is a small value. The caller passes it to constructors of key pairs and machines, and to verifiers. Code
//! requires only the traits that it needs: a verifier needs [`Hash`] and [`VerifySignature`], a session needs all.

use core::fmt;

use super::rsa;
use crate::bytes::Secret;
use crate::limits::{KEY, NONCE, TAG};

/// The reason why a cryptographic function gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CryptoError {
    /// The X25519 shared secret is all zeros: the peer sent a point of low order (RFC 7748 §6.1).
    AllZeroShared,
    /// The authentication tag does not fit the ciphertext (RFC 8439 §2.8).
    Tag,
    /// The input or the output is longer than the standard allows.
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

/// SHA-256 (FIPS 180-4).
pub trait Hash: Copy {
    /// A hash of data that comes in pieces.
    type Hasher: Hasher;

    /// Starts a hash of data that comes in pieces.
    fn hasher(self) -> Self::Hasher;

    /// SHA-256 of the concatenated `parts`.
    fn sha256(self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }
}

/// A SHA-256 computation that has begun.
pub trait Hasher {
    /// Appends `data`.
    fn update(&mut self, data: &[u8]);

    /// Returns the digest of all data that was appended.
    fn finish(self) -> [u8; 32];
}

/// HMAC-SHA-256 (RFC 2104).
pub trait Mac: Copy {
    /// HMAC of the concatenated `parts`, under a key of any length.
    fn hmac_sha256(self, key: &[u8], parts: &[&[u8]]) -> Secret<32>;
}

/// HKDF-SHA-256 (RFC 5869).
pub trait Kdf: Mac {
    /// HKDF-Extract (§2.2): the pseudorandom key of `ikm`. An empty `salt` is the standard's default salt.
    fn extract(self, salt: &[u8], ikm: &[u8]) -> Secret<32> {
        self.hmac_sha256(salt, &[ikm])
    }

    /// HKDF-Expand (§2.3): fills `out` with output keying material.
    ///
    /// # Errors
    /// [`CryptoError::Length`] above 8160 bytes.
    fn expand(self, prk: &Secret<32>, info: &[u8], out: &mut [u8]) -> Result<(), CryptoError>;
}

/// ChaCha20-Poly1305 (RFC 8439 §2.8).
pub trait Aead: Copy {
    /// A key of the cipher.
    type AeadKey: AeadKey;

    /// Takes a key over.
    fn aead_key(self, key: Secret<KEY>) -> Self::AeadKey;
}

/// A ChaCha20-Poly1305 key, ready for its messages. Wiped when dropped.
///
/// A provider that needs more than the 32 bytes computes the rest once, when the key is made.
pub trait AeadKey {
    /// The 32 bytes of the key.
    fn secret(&self) -> &Secret<KEY>;

    /// Encrypts in place and returns the tag. `ad` is the associated data.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for a text longer than the cipher's counter allows.
    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError>;

    /// Checks the tag, then decrypts in place.
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

/// X25519 (RFC 7748).
pub trait KeyExchange: Copy {
    /// A private key.
    type AgreementKey: AgreementKey;

    /// Takes a private key over. Any 32 bytes are a private key: clamping is part of the function (RFC 7748 §5).
    fn agreement_key(self, secret: Secret<KEY>) -> Self::AgreementKey;
}

/// An X25519 private key, ready for its agreements. Wiped when dropped.
///
/// A provider that needs more than the 32 bytes computes the rest once, when the key is made.
pub trait AgreementKey: Clone {
    /// The 32 bytes of the private key.
    fn secret(&self) -> &Secret<KEY>;

    /// The public key (RFC 7748 §6.1), in canonical encoding.
    fn public(&self) -> [u8; KEY];

    /// The secret shared with the holder of `public` (RFC 7748 §6.1). Any encoding of a key is accepted.
    ///
    /// # Errors
    /// [`CryptoError::AllZeroShared`] if `public` is a point of low order.
    fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError>;
}

/// RSASSA-PSS verification with SHA-256 and MGF1-SHA-256 (RFC 8017 §8.1.2).
pub trait VerifySignature: Copy {
    /// The sizes of RSA keys that the program accepts. Only code for these sizes is linked.
    type Sizes: rsa::Sizes;

    /// Verifies a signature over the digest of a message.
    ///
    /// # Errors
    /// As [`rsa::PublicKey::verify_pss`].
    fn verify_pss_sha256(
        self,
        key: &rsa::PublicKey<Self::Sizes>,
        digest: &[u8; 32],
        signature: &[u8],
        salt: rsa::SaltLength,
    ) -> Result<(), rsa::Error> {
        key.verify_pss(digest, signature, salt)
    }
}

/// All functions that a session needs. Each type that has them is a provider.
///
/// [`Portable`](super::Portable) runs everywhere. A PC or a chip with accelerators can have its own provider.
pub trait Provider: Hash + Kdf + Aead + KeyExchange + VerifySignature {}

impl<P: Hash + Kdf + Aead + KeyExchange + VerifySignature> Provider for P {}
