//! The batch signer: eight signatures at a time on AVX-512 IFMA, and AWS-LC for small batches.

use getrandom::SysRng;
use minipki_core::crypto::{Hash, Portable, rsa};
use minipki_core::limits::RSA_BYTES;
use minipki_ifma::{BatchKey, Engine, LANES};
use rand_core::{TryRng, UnwrapErr};

use super::pool::Signed;
use super::{AwsSigner, KeyError};
use minipki_ca::ports::{SignError, Signature, SignatureAlgorithm, Signer};

/// The number of messages from which a batch takes less time than single signatures by AWS-LC (docs/performance.md).
const MIN_BATCH: usize = 6;

/// Signs in batches of eight on each core. AWS-LC signs the rest where it is faster.
pub struct BatchSigner {
    single: AwsSigner,
    /// One key for each core: a key has its own blinding factors.
    keys: Vec<BatchKey>,
}

impl BatchSigner {
    /// Makes a signer with a key in PKCS#8 DER (RFC 5958).
    ///
    /// # Errors
    /// The errors of [`AwsSigner::from_pkcs8_der`].
    pub fn from_pkcs8_der(engine: Engine, der: &[u8]) -> Result<Self, KeyError> {
        let single = AwsSigner::from_pkcs8_der(der)?;
        let key = rsa::PrivateKey::from_pkcs8_der(der).map_err(KeyError::Key)?;
        let keys = (0..single.pool.cores()).map(|_| BatchKey::new(engine, &key)).collect();
        Ok(Self { single, keys })
    }

    /// The number of messages that are signed in batches: the first ones. The others are signed one by one.
    ///
    /// The full batches are signed as batches. The rest is one more batch if that is faster than AWS-LC on the cores
    /// without a full batch. No message waits for others.
    pub fn batched(messages: usize, cores: usize) -> usize {
        let rest = messages % LANES;
        let full = messages - rest;
        let idle = cores.saturating_sub(full / LANES).max(1);
        if rest.div_ceil(idle) < MIN_BATCH { full } else { messages }
    }
}

/// The work of one core.
enum Share<'a> {
    Batches(&'a mut BatchKey, &'a [&'a [u8]]),
    Single(&'a &'a [u8]),
}

impl Signer for BatchSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        self.single.public_key()
    }

    fn sign_many(
        &mut self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
    ) -> Result<Vec<Signature>, SignError> {
        let cores = self.keys.len();
        let (batched, singles) = messages.split_at(Self::batched(messages.len(), cores));
        let share = LANES * batched.len().div_ceil(LANES).div_ceil(cores).max(1);
        let batches = self.keys.iter_mut().zip(batched.chunks(share));
        let batches = batches.map(|(key, messages)| Share::Batches(key, messages));
        self.single.pool.sign(batches.chain(singles.iter().map(Share::Single)), |share| match share {
            Share::Batches(key, messages) => sign_batches(key, algorithm, messages),
            Share::Single(message) => Ok(vec![self.single.sign(algorithm, message)?]),
        })
    }
}

fn sign_batches(key: &mut BatchKey, algorithm: SignatureAlgorithm, messages: &[&[u8]]) -> Signed {
    let size = key.public().size();
    let mut batch = vec![0; messages.len() * size.bytes()];
    for (message, encoded) in messages.iter().zip(batch.chunks_mut(size.bytes())) {
        let mut salt = [0; RSA_BYTES];
        let salt = &mut salt[..size.max_salt()];
        SysRng.try_fill_bytes(salt).map_err(SignError::new)?;
        let digest = Portable::new().sha256(&[message]);
        match algorithm {
            SignatureAlgorithm::RsaPss => rsa::encode_pss(encoded, &digest, salt),
            SignatureAlgorithm::RsaPkcs1 => rsa::encode_pkcs1(encoded, &digest),
        }
        .map_err(SignError::new)?;
    }
    // The salts are from the same generator, so the blinding will not fail.
    key.private(&mut batch, &mut UnwrapErr(SysRng)).map_err(SignError::new)?;
    Ok(batch.chunks(size.bytes()).map(|signature| Signature::new(signature.to_vec())).collect())
}
