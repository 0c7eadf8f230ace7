//! X25519 key pairs (RFC 7748), whose public half is computed once.

use core::fmt;

use rand_core::CryptoRng;

use super::provider::{CryptoError, Provider};
use crate::bytes::Secret;
use crate::limits::KEY;

/// An X25519 private key and its public key.
///
/// The secret is wiped when the pair is dropped, and is never printed.
#[derive(Clone)]
pub struct KeyPair {
    secret: Secret<KEY>,
    public: [u8; KEY],
}

impl KeyPair {
    /// Draws 32 bytes from `rng` and computes the public key.
    pub fn generate<P: Provider>(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Secret::zeroed();
        rng.fill_bytes(secret.expose_mut());
        Self::from_secret::<P>(secret)
    }

    /// Computes the public key of `secret`. Any 32 bytes are a private key: clamping
    /// is part of the X25519 function (RFC 7748 §5).
    pub fn from_secret<P: Provider>(secret: Secret<KEY>) -> Self {
        let public = P::x25519_public(&secret);
        Self { secret, public }
    }

    /// The public key.
    pub const fn public(&self) -> &[u8; KEY] {
        &self.public
    }

    /// The private key, to be stored.
    pub const fn secret(&self) -> &Secret<KEY> {
        &self.secret
    }

    /// The secret shared with the holder of `public`.
    ///
    /// # Errors
    /// [`CryptoError::AllZeroShared`] if `public` is a point of low order.
    pub fn agree<P: Provider>(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        P::x25519(&self.secret, public)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}
