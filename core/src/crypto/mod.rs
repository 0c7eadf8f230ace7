//! Cryptography: one small trait for each function, the portable implementation of all of them, X25519 and RSA.

mod digest;
mod portable;
mod provider;
pub mod rsa;
pub mod x25519;

pub use digest::Sha2Digest;
pub use portable::Portable;
pub use provider::{
    Aead, AeadKey, AgreementKey, CryptoError, Hash, Hasher, Kdf, KeyExchange, Mac, Provider, VerifySignature,
};
pub use x25519::KeyPair;
