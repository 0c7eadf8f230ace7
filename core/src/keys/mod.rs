//! The encodings of keys: SubjectPublicKeyInfo, PKCS#8, PKCS#1 and fingerprints.

mod fingerprint;
mod rsa;
mod x25519;

pub use fingerprint::{Fingerprint, FingerprintError};
pub use rsa::rsa_public_integers;
pub use x25519::{KeyFileError, PKCS8_PEM};
