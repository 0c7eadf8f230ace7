//! Signature algorithms of X.509, each a type of its own: a program links only those that it names.

#[cfg(feature = "ecdsa")]
pub mod ecdsa;
#[cfg(feature = "ed25519")]
pub mod ed25519;
pub mod rsa;

use core::fmt;

/// A signature algorithm that a validator accepts.
pub trait SignatureAlgorithm: Sync {
    /// The name of the algorithm, for example `ecdsa-with-SHA256`.
    fn name(&self) -> &'static str;

    /// Returns whether `signature` names this algorithm. It is the contents of a certificate's AlgorithmIdentifier
    /// SEQUENCE: the OID and the parameters, in DER. The parameters must be exactly those of the standard.
    fn is_signature_id(&self, signature: &[u8]) -> bool;

    /// Returns whether a subject public key with this AlgorithmIdentifier (the contents of the SEQUENCE, in DER) can
    /// be used with this algorithm.
    fn is_key_id(&self, key: &[u8]) -> bool;

    /// Checks a public key alone (the contents of the BIT STRING subjectPublicKey): its encoding, size, exponent or point.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError>;

    /// Verifies `signature` (the contents of the BIT STRING) over `message` with `key` (the contents of the BIT STRING
    /// subjectPublicKey).
    ///
    /// # Errors
    /// [`SignatureError::Key`] or [`SignatureError::Signature`].
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError>;
}

/// The reason why a signature was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SignatureError {
    /// The key is malformed, or is not accepted: its size, exponent or point.
    Key,
    /// The signature is malformed, or is not by this key over this message.
    Signature,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the public key of the issuer is malformed, or of a kind that is not accepted",
            Self::Signature => "the signature is not by the key of the issuer over this text",
        })
    }
}

impl core::error::Error for SignatureError {}
