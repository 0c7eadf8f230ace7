//! X25519 key pairs (RFC 7748), whose public half is computed once.

use core::fmt;

use rand_core::CryptoRng;

use super::portable::Portable;
use super::provider::{CryptoError, Provider, X25519};
use crate::bytes::Secret;
use crate::limits::KEY;

/// The prime 2^255 - 19, little-endian.
const PRIME: [u8; KEY] = {
    let mut prime = [0xff; KEY];
    (prime[0], prime[KEY - 1]) = (0xed, 0x7f);
    prime
};

/// The coordinates of the points of low order, two of them also as numbers above the prime, all
/// with the highest bit clear, which the function ignores (RFC 7748 §5).
const LOW_ORDER: [[u8; KEY]; 7] = {
    let (zero, mut one, mut below, mut above) = ([0; KEY], [0; KEY], PRIME, PRIME);
    (one[0], below[0], above[0]) = (1, 0xec, 0xee);
    [
        zero,
        one,
        below,
        PRIME,
        above,
        *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\
           \xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
        *b"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\
           \x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
    ]
};

/// Whether `public` is the canonical encoding of its coordinate: a number below 2^255 - 19, so that its highest bit is
/// clear. In variable time; public keys are public.
///
/// The X25519 function accepts other encodings of the same key too (RFC 7748 §5). A certificate or a request must not:
/// one key would have several encodings.
pub fn is_canonical(public: &[u8; KEY]) -> bool {
    public.iter().rev().lt(PRIME.iter().rev())
}

/// Whether `public` is a point of low order: no key can be agreed on with its holder, all private
/// keys give zeros (RFC 7748 §6.1). In variable time; public keys are public.
pub fn is_low_order(public: &[u8; KEY]) -> bool {
    let mut point = *public;
    point[KEY - 1] &= 0x7f;
    LOW_ORDER.contains(&point)
}

/// An X25519 private key and its public key.
///
/// The secret is wiped when the pair is dropped, and is never printed.
///
/// # Examples
/// ```
/// use minipki_core::crypto::KeyPair;
/// use minipki_core::keys::PKCS8_PEM;
///
/// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
/// let (ours, theirs): (KeyPair, KeyPair) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
/// assert_eq!(ours.agree(theirs.public())?.expose(), theirs.agree(ours.public())?.expose());
///
/// // As a file: PKCS#8 in PEM. A device stores `ours.secret()` instead.
/// let mut file = [0; PKCS8_PEM];
/// let again: KeyPair = KeyPair::from_pkcs8_pem(ours.write_pkcs8_pem(&mut file)?.as_bytes())?;
/// assert_eq!(again.public(), ours.public());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyPair<P: Provider = Portable> {
    private: P::X25519,
    public: [u8; KEY],
}

impl<P: Provider> KeyPair<P> {
    /// Draws 32 bytes from `rng` and computes the public key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Secret::zeroed();
        rng.fill_bytes(secret.expose_mut());
        Self::from_secret(secret)
    }

    /// Computes the public key of `secret`. Any 32 bytes are a private key: clamping
    /// is part of the X25519 function (RFC 7748 §5).
    pub fn from_secret(secret: Secret<KEY>) -> Self {
        let private = P::X25519::new(secret);
        Self { public: private.public(), private }
    }

    /// The public key.
    pub const fn public(&self) -> &[u8; KEY] {
        &self.public
    }

    /// The private key, to be stored.
    pub fn secret(&self) -> &Secret<KEY> {
        self.private.secret()
    }

    /// The secret shared with the holder of `public`.
    ///
    /// # Errors
    /// [`CryptoError::AllZeroShared`] if `public` is a point of low order.
    pub fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        self.private.agree(public)
    }
}

impl<P: Provider> Clone for KeyPair<P> {
    fn clone(&self) -> Self {
        Self { private: self.private.clone(), public: self.public }
    }
}

impl<P: Provider> fmt::Debug for KeyPair<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}
