//! The provider that runs everywhere: RustCrypto's hashes and cipher, and the curve that fits the machine's word.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::digest::consts::U64;
use sha2::digest::{Digest, array::Array};
use subtle::ConstantTimeEq;
#[cfg(target_pointer_width = "64")]
use x25519_dalek::StaticSecret;
use zeroize::Zeroize;

use super::provider::{
    Aead, AeadKey, AgreementKey, CryptoError, Hash, Hasher, Kdf, KeyExchange, Mac, VerifySignature,
};
use super::rsa::{AllSizes, Sizes};
use crate::bytes::{Public, Secret, declassify};
use crate::limits::{KEY, NONCE, TAG};

/// Pure Rust in constant time, without heap, operating system or special instructions.
///
/// It verifies RSA signatures with keys of the sizes `S`. The code for other sizes is not linked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable<S = AllSizes>(S);

impl Portable {
    /// The provider for RSA keys of all sizes. `Portable::<Rsa2048>::default()` is the one for a single size.
    pub const fn new() -> Self {
        Self(AllSizes)
    }
}

impl<S: Sizes> Hash for Portable<S> {
    type Hasher = sha2::Sha256;

    fn hasher(self) -> sha2::Sha256 {
        sha2::Sha256::default()
    }
}

impl Hasher for sha2::Sha256 {
    fn update(&mut self, data: &[u8]) {
        Digest::update(self, data);
    }

    fn finish(self) -> [u8; 32] {
        self.finalize().into()
    }
}

impl<S: Sizes> Mac for Portable<S> {
    fn hmac_sha256(self, key: &[u8], parts: &[&[u8]]) -> Secret<32> {
        // RFC 2104 §2: a key longer than a block is hashed first. This is done here, because only the constructor from
        // a whole block cannot fail.
        let mut block = Array::<u8, U64>::default();
        if let Some(start) = block.get_mut(..key.len()) {
            start.copy_from_slice(key);
        } else if let Some(start) = block.first_chunk_mut() {
            *start = self.sha256(&[key]);
        }
        let mut mac = Hmac::<sha2::Sha256>::new(&block);
        block.zeroize();
        for part in parts {
            mac.update(part);
        }
        Secret::new(mac.finalize().into_bytes().into())
    }
}

impl<S: Sizes> Kdf for Portable<S> {
    fn expand(self, prk: &Secret<32>, info: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        Hkdf::<sha2::Sha256>::from_prk(prk.expose())
            .ok()
            .and_then(|prk| prk.expand(info, out).ok())
            .ok_or(CryptoError::Length)
    }
}

impl<S: Sizes> Aead for Portable<S> {
    type AeadKey = Secret<KEY>;

    fn aead_key(self, key: Secret<KEY>) -> Secret<KEY> {
        key
    }
}

impl AeadKey for Secret<KEY> {
    fn secret(&self) -> &Self {
        self
    }

    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError> {
        ChaCha20Poly1305::new(self.expose().into())
            .encrypt_inout_detached(nonce.into(), ad, in_out.into())
            .map(Into::into)
            .map_err(|_| CryptoError::Length)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), CryptoError> {
        ChaCha20Poly1305::new(self.expose().into())
            .decrypt_inout_detached(nonce.into(), ad, in_out.into(), tag.into())
            .map_err(|_| CryptoError::Tag)
    }
}

impl<S: Sizes> KeyExchange for Portable<S> {
    type AgreementKey = Secret<KEY>;

    fn agreement_key(self, secret: Secret<KEY>) -> Secret<KEY> {
        secret
    }
}

impl AgreementKey for Secret<KEY> {
    fn secret(&self) -> &Self {
        self
    }

    fn public(&self) -> [u8; KEY] {
        public_of(self)
    }

    fn agree(&self, public: &[u8; KEY]) -> Result<Self, CryptoError> {
        let shared = Self::new(shared(self, public));
        if declassify(shared.ct_eq(&Self::zeroed()), Public::SharedIsZero) {
            Err(CryptoError::AllZeroShared)
        } else {
            Ok(shared)
        }
    }
}

impl<S: Sizes> VerifySignature for Portable<S> {
    type Sizes = S;
}

/// Computed by dalek, whose limbs are 64-bit words.
#[cfg(target_pointer_width = "64")]
fn public_of(secret: &Secret<KEY>) -> [u8; KEY] {
    x25519_dalek::PublicKey::from(&StaticSecret::from(*secret.expose())).to_bytes()
}

#[cfg(target_pointer_width = "64")]
fn shared(secret: &Secret<KEY>, public: &[u8; KEY]) -> [u8; KEY] {
    StaticSecret::from(*secret.expose()).diffie_hellman(&(*public).into()).to_bytes()
}

/// Blinded by a hash that only the holder of the secret can compute, as [`shared`] is.
#[cfg(not(target_pointer_width = "64"))]
fn public_of(secret: &Secret<KEY>) -> [u8; KEY] {
    let blind = Secret::new(Portable::new().sha256(&[secret.expose()]));
    super::x25519::curve32::x25519_base(secret.expose(), blind.expose())
}

#[cfg(not(target_pointer_width = "64"))]
fn shared(secret: &Secret<KEY>, public: &[u8; KEY]) -> [u8; KEY] {
    let blind = Secret::new(Portable::new().sha256(&[secret.expose(), public]));
    super::x25519::curve32::x25519(secret.expose(), public, blind.expose())
}
