//! Cryptography: one provider trait, the portable provider behind it, X25519 keys and RSA.

#[doc(hidden)]
pub mod curve;
mod fingerprint;
mod portable;
mod provider;
pub mod rsa;
mod x25519;
mod x25519_pkcs8;

pub use fingerprint::{Fingerprint, FingerprintError};
pub use portable::Portable;
pub use provider::{Aead, CryptoError, Provider, Sha256, X25519};
pub use x25519::{KeyPair, is_canonical, is_low_order};
pub use x25519_pkcs8::{KeyFileError, PKCS8_PEM};
