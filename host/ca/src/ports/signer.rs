//! The port of the CA's private key.

use std::error::Error;

use minipki_core::crypto::rsa;

/// An RSA signature: as many bytes as the key's modulus, big-endian (RFC 8017 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes over what a signer made.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The signature's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Holds the CA's private key and signs with it.
///
/// Signing takes hundreds of microseconds a message: call it off the async threads.
pub trait Signer: Send {
    /// The key its signatures verify under.
    fn public_key(&self) -> &rsa::PublicKey;

    /// Signs each message: RSASSA-PSS, SHA-256, MGF1-SHA-256, with the largest salt the modulus
    /// allows (RFC 8017 §8.1.1; protocol §3). The signatures are in the order of the messages.
    ///
    /// # Errors
    /// [`SignError`] if any one could not be signed; then none is returned.
    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError>;
}

/// A signer failed; its reason is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
#[error("the signer failed, so nothing of this batch was issued: {0}")]
pub struct SignError(#[source] Box<dyn Error + Send + Sync>);

impl SignError {
    /// Wraps the signer's own reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}
