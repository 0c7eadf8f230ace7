//! Cryptography: one provider trait, the portable provider behind it, X25519 keys and RSA.

#[doc(hidden)]
pub mod curve;
mod portable;
mod provider;
pub mod rsa;
mod x25519;

pub use portable::Portable;
pub use provider::{Aead, CryptoError, Provider, Sha256, X25519};
pub use x25519::{KeyPair, is_canonical, is_low_order};
