//! The provider over AWS-LC: hand-written assembly, several times as fast as portable code.
//!
//! AWS-LC wipes the memory that it frees. Parts of its Rust interface leave a secret behind (a salt of HKDF, a tag of
//! HMAC); this module avoids them. Some calls fail only without memory: then the portable code does the work.

use std::cell::RefCell;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac::{self, HMAC_SHA256, sign_to_buffer};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength};
use aws_lc_rs::{digest, error::Unspecified};
use minipki_core::bytes::Secret;
use minipki_core::crypto::{
    Aead, AeadKey, AgreementKey, CryptoError, Hash, Hasher, Kdf, KeyExchange, Mac, Portable, VerifySignature,
    rsa,
};
use minipki_core::limits::{KEY, NONCE, SPKI_DER, TAG};
use zeroize::Zeroizing;

/// AWS-LC, by `aws-lc-rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

impl Hash for AwsLc {
    type Hasher = AwsLcHasher;

    fn hasher(self) -> AwsLcHasher {
        AwsLcHasher(digest::Context::new(&digest::SHA256))
    }
}

/// SHA-256 by AWS-LC.
#[derive(Clone)]
pub struct AwsLcHasher(digest::Context);

impl Hasher for AwsLcHasher {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self) -> [u8; 32] {
        copied(self.0.finish().as_ref())
    }
}

impl Mac for AwsLc {
    fn hmac_sha256(self, key: &[u8], parts: &[&[u8]]) -> Secret<32> {
        let mut mac = Secret::zeroed();
        let text = Zeroizing::new(parts.concat());
        match sign_to_buffer(&hmac::Key::new(HMAC_SHA256, key), &text, mac.expose_mut()) {
            Ok(_) => mac,
            Err(Unspecified) => Portable::new().hmac_sha256(key, parts),
        }
    }
}

impl Kdf for AwsLc {
    fn expand(self, prk: &Secret<32>, info: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        Prk::new_less_safe(HKDF_SHA256, prk.expose())
            .expand(&[info], Length(out.len()))
            .and_then(|okm| okm.fill(out))
            .map_err(|Unspecified| CryptoError::Length)
    }
}

/// The length of the output of HKDF.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl KeyExchange for AwsLc {
    type AgreementKey = AwsLcAgreementKey;

    fn agreement_key(self, secret: Secret<KEY>) -> AwsLcAgreementKey {
        let prepared = PrivateKey::from_private_key(&agreement::X25519, secret.expose());
        AwsLcAgreementKey { prepared: prepared.ok().map(Arc::new), secret }
    }
}

/// A private key in AWS-LC. Its construction computes the public key, which takes a third of an agreement's time. So it
/// is constructed once for all agreements.
#[derive(Clone)]
pub struct AwsLcAgreementKey {
    secret: Secret<KEY>,
    prepared: Option<Arc<PrivateKey>>,
}

impl AgreementKey for AwsLcAgreementKey {
    fn secret(&self) -> &Secret<KEY> {
        &self.secret
    }

    fn public(&self) -> [u8; KEY] {
        let public = self.prepared.as_ref().and_then(|key| key.compute_public_key().ok());
        public.map_or_else(|| self.secret.public(), |public| copied(public.as_ref()))
    }

    fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        let Some(prepared) = &self.prepared else { return self.secret.agree(public) };
        let public = UnparsedPublicKey::new(&agreement::X25519, public);
        agreement::agree(prepared, public, CryptoError::AllZeroShared, |shared| {
            let mut secret = Secret::zeroed();
            secret.expose_mut().copy_from_slice(shared);
            Ok(secret)
        })
    }
}

impl Aead for AwsLc {
    type AeadKey = AwsLcAeadKey;

    fn aead_key(self, key: Secret<KEY>) -> AwsLcAeadKey {
        let prepared = UnboundKey::new(&CHACHA20_POLY1305, key.expose());
        AwsLcAeadKey { prepared: prepared.ok().map(LessSafeKey::new), key }
    }
}

/// A key of ChaCha20-Poly1305 in AWS-LC, made once for all messages.
pub struct AwsLcAeadKey {
    key: Secret<KEY>,
    prepared: Option<LessSafeKey>,
}

impl AeadKey for AwsLcAeadKey {
    fn secret(&self) -> &Secret<KEY> {
        &self.key
    }

    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError> {
        let Some(prepared) = &self.prepared else { return self.key.seal(nonce, ad, in_out) };
        prepared
            .seal_in_place_separate_tag(unique(nonce), Aad::from(ad), in_out)
            .map(|tag| copied(tag.as_ref()))
            .map_err(|Unspecified| CryptoError::Length)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), CryptoError> {
        let Some(prepared) = &self.prepared else { return self.key.open(nonce, ad, in_out, tag) };
        prepared
            .open_in_place_separate_tag(unique(nonce), Aad::from(ad), tag, in_out)
            .map(drop)
            .map_err(|Unspecified| CryptoError::Tag)
    }
}

/// RSASSA-PSS with SHA-256 and the largest salt, which all our signatures have.
static PSS: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

impl VerifySignature for AwsLc {
    type Sizes = rsa::AllSizes;

    /// AWS-LC checks one salt length at a time and returns no reason. So it checks the length of our certificates. The
    /// core decides about all signatures that AWS-LC does not accept.
    fn verify_pss_sha256(
        self,
        key: &rsa::PublicKey,
        digest: &[u8; 32],
        signature: &[u8],
        salt: rsa::SaltLength,
    ) -> Result<(), rsa::Error> {
        let longest = key.size().max_salt();
        let fits = match salt {
            rsa::SaltLength::Exactly(length) => length == longest,
            rsa::SaltLength::AtLeast(length) => length <= longest,
        };
        if fits && accepts(key, digest, signature) {
            return Ok(());
        }
        Portable::new().verify_pss_sha256(key, digest, signature, salt)
    }
}

thread_local! {
    /// The last key, parsed by AWS-LC. Most certificates are of one CA, and parsing takes a fifth of a verification.
    static LAST: RefCell<Option<(rsa::PublicKey, ParsedPublicKey)>> = const { RefCell::new(None) };
}

/// Whether AWS-LC accepts a signature with the longest salt.
fn accepts(key: &rsa::PublicKey, digest: &[u8; 32], signature: &[u8]) -> bool {
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| known != key) {
            *last = parse(key).map(|parsed| (key.clone(), parsed));
        }
        let digest = digest::Digest::import_less_safe(digest, &digest::SHA256);
        let (Some((_, parsed)), Ok(digest)) = (last, digest) else { return false };
        parsed.verify_digest_sig(&digest, signature).is_ok()
    })
}

fn parse(key: &rsa::PublicKey) -> Option<ParsedPublicKey> {
    let mut spki = [0; SPKI_DER];
    ParsedPublicKey::new(&PSS, key.write_spki_der(&mut spki).ok()?).ok()
}

/// The nonce for AWS-LC. The counter of Noise ensures that each nonce is used once.
fn unique(nonce: &[u8; NONCE]) -> Nonce {
    Nonce::assume_unique_for_key(*nonce)
}

/// The bytes of a digest, a key or a tag. Its algorithm fixes the length.
fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut copy = [0; N];
    copy.copy_from_slice(bytes);
    copy
}
