//! The signer on AWS-LC: the fastest for single signatures.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding,
};
use minipki_core::crypto::rsa;

use super::KeyError;
use super::pool::Pool;
use minipki_ca::ports::{SignError, Signature, SignatureAlgorithm, Signer};

/// RSASSA-PSS with SHA-256 and the largest salt of the modulus (protocol §3).
static PSS: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

/// Signs with AWS-LC on all cores. AWS-LC uses blinding and checks each signature before it returns it.
pub struct AwsSigner {
    pair: KeyPair,
    public: rsa::PublicKey,
    pub(super) pool: Pool,
}

impl AwsSigner {
    /// Makes a signer with a key in PKCS#8 DER (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError`] for a key that is not usable, or threads that cannot be started.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|e| KeyError::Aws(e.to_string()))?;
        let spki: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|e| KeyError::Aws(e.to_string()))?;
        let public = rsa::PublicKey::from_spki_der(spki.as_ref()).map_err(KeyError::Key)?;
        Ok(Self { pair, public, pool: Pool::new()? })
    }

    /// Signs on this thread.
    pub(super) fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Signature, SignError> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        let encoding = match algorithm {
            SignatureAlgorithm::RsaPss => &PSS,
            SignatureAlgorithm::RsaPkcs1 => &RSA_PKCS1_SHA256,
        };
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut out)
            .map_err(|_| SignError::new("AWS-LC could not sign"))?;
        Ok(Signature::new(out))
    }
}

impl Signer for AwsSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        &self.public
    }

    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError> {
        self.pool.sign(messages, |message| Ok(vec![self.sign(algorithm, message)?]))
    }
}
