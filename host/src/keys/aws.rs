//! The signer on AWS-LC: the fastest there is for one signature at a time.

use std::thread;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};
use minipki_core::crypto::rsa;

use super::KeyError;
use crate::ca::ports::{SignError, Signature, Signer};

/// RSASSA-PSS with SHA-256 and the largest salt the modulus allows (protocol §3).
static PSS: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

/// The fewest messages that are worth a thread: it costs a tenth of one signature to start.
const SHARE: usize = 4;

/// Signs with AWS-LC on all cores. AWS-LC blinds, and checks each
/// signature before it gives it out.
pub struct AwsSigner {
    pair: KeyPair,
    public: rsa::PublicKey,
    /// Asked of the system once: the answer takes a tenth of a signature.
    pub(super) cores: usize,
}

impl AwsSigner {
    /// Takes a key in PKCS#8 DER (RFC 5958).
    ///
    /// # Errors
    /// [`KeyError`] names what is wrong with it.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|e| KeyError::Aws(e.to_string()))?;
        let spki: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|e| KeyError::Aws(e.to_string()))?;
        let public = rsa::PublicKey::from_spki_der(spki.as_ref()).map_err(KeyError::Key)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { pair, public, cores })
    }

    /// Of so many messages on so many cores, how many are signed one after the other.
    pub(super) fn one_after_the_other(messages: usize, cores: usize) -> usize {
        messages.div_ceil(cores).max(SHARE).min(messages)
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&PSS, &SystemRandom::new(), message, &mut out)
            .map_err(|_| SignError::new("AWS-LC could not sign"))?;
        Ok(Signature::new(out))
    }

    fn sign_all(&self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError> {
        messages.iter().map(|message| self.sign(message)).collect()
    }
}

impl Signer for AwsSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        &self.public
    }

    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError> {
        let share = Self::one_after_the_other(messages.len(), self.cores).max(1);
        let mut shares = messages.chunks(share);
        let own = shares.next().unwrap_or_default();
        let signer = &*self;
        thread::scope(|scope| {
            let others: Vec<_> = shares.map(|share| scope.spawn(|| signer.sign_all(share))).collect();
            let mut signatures = signer.sign_all(own)?;
            for other in others {
                let other = other.join().map_err(|_| SignError::new("a signing thread panicked"))?;
                signatures.append(&mut other?);
            }
            Ok(signatures)
        })
    }
}
