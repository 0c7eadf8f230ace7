//! Ed25519 (RFC 8410, RFC 8032), by ed25519-dalek.

use ed25519_dalek::{Signature, Verifier, VerifyingKey};

use super::{SignatureAlgorithm, SignatureError};

/// `id-Ed25519`.
pub static ED25519: Ed25519 = Ed25519;

/// The contents of the AlgorithmIdentifier, of a key and of a signature: id-Ed25519 without parameters (RFC 8410 §3).
const ID: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];

/// Ed25519, by the equation without cofactor (RFC 8032 §5.1.7). A key of low order is refused: everybody can make its
/// signatures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ed25519;

impl SignatureAlgorithm for Ed25519 {
    fn name(&self) -> &'static str {
        "id-Ed25519"
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        signature == ID
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        key == ID
    }

    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
        verifying_key(key).map(drop)
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let signature = signature.try_into().map(Signature::from_bytes);
        let signature = signature.map_err(|_| SignatureError::Signature)?;
        verifying_key(key)?.verify(message, &signature).map_err(|_| SignatureError::Signature)
    }
}

fn verifying_key(key: &[u8]) -> Result<VerifyingKey, SignatureError> {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    key.filter(|key| !key.is_weak()).ok_or(SignatureError::Key)
}
