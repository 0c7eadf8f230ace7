//! RSA keys made by the `rsa` crate: the same in every run, each made once.

use std::sync::OnceLock;

use minipki_core::crypto::rsa::{KeySize, PrivateKey, PublicKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey};

/// The sizes in use, ascending.
pub const SIZES: [KeySize; 3] = [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096];

/// A generator that gives the same in every run.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The `rsa` crate's key of that size.
pub fn oracle(size: KeySize) -> &'static rsa::PrivateKey {
    static KEYS: [OnceLock<rsa::PrivateKey>; 3] = [const { OnceLock::new() }; 3];
    KEYS[size as usize]
        .get_or_init(|| rsa::PrivateKey::new(&mut rng(size.bits() as u64), size.bits()).expect("a key"))
}

/// The same key, in PKCS#8 DER.
pub fn pkcs8_der(size: KeySize) -> Vec<u8> {
    oracle(size).to_pkcs8_der().expect("a key that was made whole").as_bytes().to_vec()
}

/// The public half, in SubjectPublicKeyInfo DER.
pub fn spki_der(size: KeySize) -> Vec<u8> {
    oracle(size).to_public_key().to_public_key_der().expect("a key that was made whole").into_vec()
}

/// The same key, as ours.
pub fn private(size: KeySize) -> PrivateKey {
    PrivateKey::from_pkcs8_der(&pkcs8_der(size)).expect("the oracle's key")
}

/// The public half, as ours.
pub fn public(size: KeySize) -> PublicKey {
    PublicKey::from_spki_der(&spki_der(size)).expect("the oracle's key")
}
