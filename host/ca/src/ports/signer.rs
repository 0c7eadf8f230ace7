//! The port of the CA's private key.

use std::error::Error;

use minipki_core::crypto::rsa;

/// An RSA signature: as many bytes as the key's modulus, big-endian (RFC 8017 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// A signature of these bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An RSA signature algorithm over SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with MGF1-SHA-256 and the largest salt that the modulus allows (RFC 8017 §8.1; protocol §3).
    RsaPss,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2): `sha256WithRSAEncryption` in X.509 (RFC 4055 §5).
    RsaPkcs1,
}

/// Holds the CA's private key and signs with it.
///
/// A signature takes hundreds of microseconds: call it off the async threads.
pub trait Signer: Send {
    /// The public key that verifies its signatures.
    fn public_key(&self) -> &rsa::PublicKey;

    /// Signs each message with `algorithm`. The signatures are in the order of the messages.
    ///
    /// # Errors
    /// [`SignError`] if any message cannot be signed.
    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError>;
}

/// The signer failed. The reason is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
#[error("the signer failed, so this batch was not issued: {0}")]
pub struct SignError(#[source] Box<dyn Error + Send + Sync>);

impl SignError {
    /// An error with this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}
