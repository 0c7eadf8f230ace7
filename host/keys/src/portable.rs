//! The portable signer: the core's own RSA, constant time and blinded.

use getrandom::SysRng;
use minipki_core::crypto::{Hash, Portable, rsa};
use minipki_core::limits::RSA_BYTES;
use rand_core::{TryRng, UnwrapErr};

use super::KeyError;
use minipki_ca::ports::{SignError, Signature, Signer};

/// Signs with `minipki_core`; `--signer portable`.
pub struct PortableSigner(rsa::PrivateKey);

impl PortableSigner {
    /// Takes a key in PKCS#8 DER (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError::Key`] names what is wrong with it.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        rsa::PrivateKey::from_pkcs8_der(der).map(Self).map_err(KeyError::Key)
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignError> {
        let mut salt = [0; RSA_BYTES];
        let salt = &mut salt[..self.0.public().size().max_salt()];
        SysRng.try_fill_bytes(salt).map_err(SignError::new)?;
        let mut out = [0; RSA_BYTES];
        // The salt came out of the same generator, so the blinding that draws next will not fail.
        let signature = self
            .0
            .sign_pss(&Portable::new().sha256(&[message]), salt, &mut UnwrapErr(SysRng), &mut out)
            .map_err(SignError::new)?;
        Ok(Signature::new(signature.to_vec()))
    }
}

impl Signer for PortableSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        self.0.public()
    }

    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError> {
        messages.iter().map(|message| self.sign(message)).collect()
    }
}
