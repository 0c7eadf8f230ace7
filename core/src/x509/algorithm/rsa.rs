//! RSASSA-PKCS1-v1_5 and RSASSA-PSS with SHA-2 (RFC 4055).

use core::marker::PhantomData;

use super::{SignatureAlgorithm, SignatureError};
use crate::crypto::Sha2Digest;
use crate::crypto::rsa::{AllSizes, PublicKey, SaltLength, Sizes};

/// `sha256WithRSAEncryption`, with keys of all sizes.
pub static RSA_PKCS1_SHA256: RsaPkcs1<32> = RsaPkcs1::new();
/// `sha384WithRSAEncryption`, with keys of all sizes.
pub static RSA_PKCS1_SHA384: RsaPkcs1<48> = RsaPkcs1::new();
/// `sha512WithRSAEncryption`, with keys of all sizes.
pub static RSA_PKCS1_SHA512: RsaPkcs1<64> = RsaPkcs1::new();
/// `id-RSASSA-PSS` with SHA-256 and a salt of 32 bytes, with keys of all sizes.
pub static RSA_PSS_SHA256: RsaPss<32> = RsaPss::new();
/// `id-RSASSA-PSS` with SHA-384 and a salt of 48 bytes, with keys of all sizes.
pub static RSA_PSS_SHA384: RsaPss<48> = RsaPss::new();
/// `id-RSASSA-PSS` with SHA-512 and a salt of 64 bytes, with keys of all sizes.
pub static RSA_PSS_SHA512: RsaPss<64> = RsaPss::new();

/// All algorithms of RSA.
pub static ALL: [&dyn SignatureAlgorithm; 6] = [
    &RSA_PKCS1_SHA256,
    &RSA_PKCS1_SHA384,
    &RSA_PKCS1_SHA512,
    &RSA_PSS_SHA256,
    &RSA_PSS_SHA384,
    &RSA_PSS_SHA512,
];

/// rsaEncryption with NULL (RFC 3279 §2.3.1), as the contents of an AlgorithmIdentifier.
const RSA_ENCRYPTION: [u8; 13] =
    [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// id-RSASSA-PSS without parameters (RFC 4055 §1.2): a key for PSS with any of its parameters.
const ANY_PSS: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2) with the SHA-2 function whose digest has `D` bytes, under keys of the sizes `S`.
///
/// The parameters must be NULL (RFC 4055 §5), and those of the key rsaEncryption with NULL.
#[derive(Clone, Copy, Debug, Default)]
pub struct RsaPkcs1<const D: usize, S = AllSizes>(PhantomData<S>);

impl<const D: usize, S> RsaPkcs1<D, S> {
    /// The algorithm. `S` is a set of key sizes, for example [`Rsa2048`](crate::crypto::rsa::Rsa2048).
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<const D: usize, S: Sizes + Sync> SignatureAlgorithm for RsaPkcs1<D, S>
where
    [u8; D]: Sha2Digest,
{
    fn name(&self) -> &'static str {
        ["sha256WithRSAEncryption", "sha384WithRSAEncryption", "sha512WithRSAEncryption"]
            .get(usize::from(<[u8; D]>::ARC) - 1)
            .unwrap_or(&"")
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        // The object identifiers 1.2.840.113549.1.1.11 to .13 are those of SHA-256, SHA-384 and SHA-512.
        let mut id = RSA_ENCRYPTION;
        id[10] = 10 + <[u8; D]>::ARC;
        signature == id
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        key == RSA_ENCRYPTION
    }

    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
        public_key::<S>(key).map(drop)
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let digest = <[u8; D]>::of(&[message]);
        public_key::<S>(key)?.verify_pkcs1(&digest, signature).map_err(|_| SignatureError::Signature)
    }
}

/// RSASSA-PSS (RFC 8017 §8.1) with the SHA-2 function whose digest has `D` bytes, under keys of the sizes `S`.
///
/// The parameters must be exactly these, in DER (RFC 4055 §3.1): the hash function with NULL, MGF1 with the same
/// function, a salt as long as the digest, and the trailer field left out, which means 1. The key's are rsaEncryption with
/// NULL, or id-RSASSA-PSS with the same parameters or none (RFC 4055 §1.2).
#[derive(Clone, Copy, Debug, Default)]
pub struct RsaPss<const D: usize, S = AllSizes>(PhantomData<S>);

impl<const D: usize, S> RsaPss<D, S> {
    /// The algorithm. `S` is a set of key sizes, for example [`Rsa2048`](crate::crypto::rsa::Rsa2048).
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<const D: usize, S: Sizes + Sync> SignatureAlgorithm for RsaPss<D, S>
where
    [u8; D]: Sha2Digest,
{
    fn name(&self) -> &'static str {
        ["id-RSASSA-PSS with SHA-256", "id-RSASSA-PSS with SHA-384", "id-RSASSA-PSS with SHA-512"]
            .get(usize::from(<[u8; D]>::ARC) - 1)
            .unwrap_or(&"")
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        signature == pss(<[u8; D]>::ARC, D)
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        key == RSA_ENCRYPTION || key == ANY_PSS || self.is_signature_id(key)
    }

    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
        public_key::<S>(key).map(drop)
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let (digest, salt) = (<[u8; D]>::of(&[message]), SaltLength::Exactly(D));
        public_key::<S>(key)?.verify_pss(&digest, signature, salt).map_err(|_| SignatureError::Signature)
    }
}

fn public_key<S: Sizes>(key: &[u8]) -> Result<PublicKey<S>, SignatureError> {
    PublicKey::from_pkcs1_der(key).map_err(|_| SignatureError::Key)
}

/// id-RSASSA-PSS with its parameters. The hash function's object identifier ends with `arc`, and the salt has `salt` bytes.
const fn pss(arc: u8, salt: usize) -> [u8; 65] {
    #[rustfmt::skip]
    let id = [
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a,
        0x30, 0x34,
        // hashAlgorithm.
        0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc, 0x05, 0x00,
        // maskGenAlgorithm: id-mgf1 with the hash function.
        0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
        0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc, 0x05, 0x00,
        // saltLength.
        0xa2, 0x03, 0x02, 0x01, salt as u8,
    ];
    id
}
