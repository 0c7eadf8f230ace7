//! X25519 key pairs and public keys (RFC 7748).

use core::fmt;

use rand_core::CryptoRng;

use super::portable::Portable;
use super::provider::{AgreementKey, CryptoError, KeyExchange};
use crate::bytes::Secret;
use crate::limits::KEY;

#[doc(hidden)]
pub mod curve32;

/// The prime 2^255 - 19, little-endian.
const PRIME: [u8; KEY] = {
    let mut prime = [0xff; KEY];
    (prime[0], prime[KEY - 1]) = (0xed, 0x7f);
    prime
};

/// The coordinates of the points of low order: 0, 1, the prime less one, and two of order 8.
const LOW_ORDER: [[u8; KEY]; 5] = {
    let (zero, mut one, mut below) = ([0; KEY], [0; KEY], PRIME);
    (one[0], below[0]) = (1, 0xec);
    [
        zero,
        one,
        below,
        *b"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\
           \xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
        *b"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\
           \x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
    ]
};

/// An X25519 public key, 32 bytes in canonical encoding: a number below 2^255 - 19, so that its highest bit is clear.
///
/// The X25519 function accepts other encodings of the same key too (RFC 7748 §5). Certificates and requests do not: one
/// key would have several encodings. Comparisons are in variable time, since public keys are public.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; KEY]);

impl PublicKey {
    /// Takes the encoding of a key. `None` unless it is the canonical one.
    pub fn new(bytes: [u8; KEY]) -> Option<Self> {
        bytes.iter().rev().lt(PRIME.iter().rev()).then_some(Self(bytes))
    }

    /// The encoding, little-endian.
    pub const fn as_bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Whether the key is a point of low order. Then every shared secret with it is all zeros (RFC 7748 §6.1).
    pub fn is_low_order(&self) -> bool {
        LOW_ORDER.contains(&self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// An X25519 private key and its public key, which is computed once.
///
/// The secret is wiped when the pair is dropped, and is never printed. The pair keeps its provider, so a machine that
/// has the pair needs no other provider.
///
/// # Examples
/// ```
/// use minipki_core::crypto::{KeyPair, Portable};
/// use minipki_core::keys::PKCS8_PEM;
///
/// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
/// let [ours, theirs] = [(); 2].map(|()| KeyPair::generate(Portable::new(), &mut rng));
/// assert_eq!(
///     ours.agree(theirs.public().as_bytes())?.expose(),
///     theirs.agree(ours.public().as_bytes())?.expose()
/// );
///
/// // As a file: PKCS#8 in PEM. A device stores `ours.secret()` instead.
/// let mut file = [0; PKCS8_PEM];
/// let again = KeyPair::from_pkcs8_pem(Portable::new(), ours.write_pkcs8_pem(&mut file)?.as_bytes())?;
/// assert_eq!(again.public(), ours.public());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyPair<P: KeyExchange = Portable> {
    provider: P,
    private: P::AgreementKey,
    public: PublicKey,
}

impl<P: KeyExchange> KeyPair<P> {
    /// Draws 32 bytes from `rng` and computes the public key.
    pub fn generate(provider: P, rng: &mut impl CryptoRng) -> Self {
        let mut secret = Secret::zeroed();
        rng.fill_bytes(secret.expose_mut());
        Self::from_secret(provider, secret)
    }

    /// Computes the public key of `secret`. Any 32 bytes are a private key: clamping
    /// is part of the X25519 function (RFC 7748 §5).
    pub fn from_secret(provider: P, secret: Secret<KEY>) -> Self {
        let private = provider.agreement_key(secret);
        Self { provider, public: PublicKey(private.public()), private }
    }

    /// The provider that computes with this pair.
    pub const fn provider(&self) -> P {
        self.provider
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private key, to be stored.
    pub fn secret(&self) -> &Secret<KEY> {
        self.private.secret()
    }

    /// The secret shared with the holder of `public`, which may come in any encoding (RFC 7748 §5).
    ///
    /// # Errors
    /// [`CryptoError::AllZeroShared`] if `public` is a point of low order.
    pub fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        self.private.agree(public)
    }
}

impl<P: KeyExchange> fmt::Debug for KeyPair<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}
