//! The batch signer: eight signatures at a time on AVX-512 IFMA, and AWS-LC for what fills no batch.

use getrandom::SysRng;
use minipki_core::crypto::{Hash, Portable, rsa};
use minipki_core::limits::RSA_BYTES;
use minipki_ifma::{BatchKey, Engine, LANES};
use rand_core::{TryRng, UnwrapErr};

use super::pool::Signed;
use super::{AwsSigner, KeyError};
use minipki_ca::ports::{SignError, Signature, Signer};

/// So many signatures by AWS-LC, one after the other, take longer than a batch, however full it is
/// (docs/performance.md).
const WORTH_A_BATCH: usize = 6;

/// Signs in batches of eight, each core its own, and by AWS-LC whatever is served sooner there.
pub struct BatchSigner {
    single: AwsSigner,
    /// One for each core: a key keeps its blinding factors.
    keys: Vec<BatchKey>,
}

impl BatchSigner {
    /// Takes a key in PKCS#8 DER (RFC 5958), and what multiplies with it.
    ///
    /// # Errors
    /// As [`AwsSigner::from_pkcs8_der`].
    pub fn from_pkcs8_der(engine: Engine, der: &[u8]) -> Result<Self, KeyError> {
        let single = AwsSigner::from_pkcs8_der(der)?;
        let key = rsa::PrivateKey::from_pkcs8_der(der).map_err(KeyError::Key)?;
        let keys = (0..single.pool.cores()).map(|_| BatchKey::new(engine, &key)).collect();
        Ok(Self { single, keys })
    }

    /// How many of so many messages go into batches, the first ones; the others are signed one by one.
    ///
    /// Full batches do, and the rest as one more, not full, where that is done sooner than by AWS-LC on
    /// the cores that the full ones leave. Nothing waits for company.
    pub fn batched(messages: usize, cores: usize) -> usize {
        let rest = messages % LANES;
        let full = messages - rest;
        let idle = cores.saturating_sub(full / LANES).max(1);
        if rest.div_ceil(idle) < WORTH_A_BATCH { full } else { messages }
    }
}

/// What one core signs at a time.
enum Share<'a> {
    Batches(&'a mut BatchKey, &'a [&'a [u8]]),
    Single(&'a &'a [u8]),
}

impl Signer for BatchSigner {
    fn public_key(&self) -> &rsa::PublicKey {
        self.single.public_key()
    }

    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError> {
        let cores = self.keys.len();
        let (batched, singles) = messages.split_at(Self::batched(messages.len(), cores));
        let share = LANES * batched.len().div_ceil(LANES).div_ceil(cores).max(1);
        let batches = self.keys.iter_mut().zip(batched.chunks(share));
        let batches = batches.map(|(key, messages)| Share::Batches(key, messages));
        self.single.pool.sign(batches.chain(singles.iter().map(Share::Single)), |share| match share {
            Share::Batches(key, messages) => sign_batches(key, messages),
            Share::Single(message) => Ok(vec![self.single.sign(message)?]),
        })
    }
}

/// PSS with the largest salt (protocol §3) of each message, by batches.
fn sign_batches(key: &mut BatchKey, messages: &[&[u8]]) -> Signed {
    let size = key.public().size();
    let mut batch = vec![0; messages.len() * size.bytes()];
    for (message, encoded) in messages.iter().zip(batch.chunks_mut(size.bytes())) {
        let mut salt = [0; RSA_BYTES];
        let salt = &mut salt[..size.max_salt()];
        SysRng.try_fill_bytes(salt).map_err(SignError::new)?;
        rsa::encode_pss(encoded, &Portable::new().sha256(&[message]), salt).map_err(SignError::new)?;
    }
    // The salts came out of the same generator, so the blinding that draws next will not fail.
    key.private(&mut batch, &mut UnwrapErr(SysRng)).map_err(SignError::new)?;
    Ok(batch.chunks(size.bytes()).map(|signature| Signature::new(signature.to_vec())).collect())
}
