//! Cryptography: one provider trait, the portable provider behind it, X25519 keys and RSA.

mod provider;
pub mod rsa;

pub use provider::{CryptoError, Provider};
