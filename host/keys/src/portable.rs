//! The portable signer: the core's own RSA, constant time and blinded.

use getrandom::SysRng;
use minipki_core::crypto::{Hash, Portable, rsa};
use minipki_core::limits::RSA_BYTES;
use rand_core::{TryRng, UnwrapErr};

use super::KeyError;
use minipki_ca::ports::{SignError, Signature, SignatureAlgorithm, Signer};

/// Signs with `minipki_core`; `--signer portable`.
pub struct PortableSigner(rsa::PrivateKey);

impl PortableSigner {
    /// Makes a signer with a key in PKCS#8 DER (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError::Key`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        rsa::PrivateKey::from_pkcs8_der(der).map(Self).map_err(KeyError::Key)
    }

    fn sign(&mut self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Signature, SignError> {
        let digest = Portable::new().sha256(&[message]);
        let mut salt = [0; RSA_BYTES];
        let salt = &mut salt[..self.0.public().size().max_salt()];
        SysRng.try_fill_bytes(salt).map_err(SignError::new)?;
        // The salt is from the same generator, so the blinding will not fail.
        let (mut rng, mut out) = (UnwrapErr(SysRng), [0; RSA_BYTES]);
        let signature = match algorithm {
            SignatureAlgorithm::RsaPss => self.0.sign_pss(&digest, salt, &mut rng, &mut out),
            SignatureAlgorithm::RsaPkcs1 => self.0.sign_pkcs1(&digest, &mut rng, &mut out),
        };
        Ok(Signature::new(signature.map_err(SignError::new)?.to_vec()))
    }
}

impl Signer for PortableSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        self.0.public()
    }

    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError> {
        messages.iter().map(|message| self.sign(algorithm, message)).collect()
    }
}
