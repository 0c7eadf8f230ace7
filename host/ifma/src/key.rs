//! Keys of the three sizes, and the private operation on a batch of numbers.

use core::fmt;

use minipki_core::crypto::rsa::{KeySize, PrivateKey, PublicKey};
use minipki_core::limits::RSA_BYTES;
use rand_core::CryptoRng;

use crate::crt::Crt;
use crate::engine::Engine;
use crate::number::{read, write, zero};
use crate::vector::LANES;

/// An RSA private key for batches, wiped when dropped.
///
/// Every number is blinded, and every result is verified before any result is returned. The time depends only on the
/// size of the key and the number of messages.
pub struct BatchKey {
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    Bits2048(Box<Crt<40, 20>>),
    Bits3072(Box<Crt<60, 30>>),
    Bits4096(Box<Crt<80, 40>>),
}

/// The reason why a batch is refused or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The length of the batch is not a multiple of the modulus length.
    Length,
    /// A number of the batch is not below the modulus.
    Range,
    /// A result is wrong.
    Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the batch does not consist of numbers as long as the RSA modulus",
            Self::Range => "a number of the batch is not below the RSA modulus",
            Self::Fault => {
                "a signature of the batch came out wrong, and all were withheld: the private key is damaged or the machine is faulty"
            }
        })
    }
}

impl core::error::Error for Error {}

impl BatchKey {
    /// The private key `key` for `engine`.
    pub fn new(engine: Engine, key: &PrivateKey) -> Self {
        let public = key.public().clone();
        let mut n = [0; RSA_BYTES];
        // The buffer holds the largest modulus.
        let n = public.modulus(&mut n).unwrap_or_default();
        let secret = key.with_parts(|parts| match public.size() {
            KeySize::Bits2048 => Secret::Bits2048(Box::new(Crt::new(engine, n, parts))),
            KeySize::Bits3072 => Secret::Bits3072(Box::new(Crt::new(engine, n, parts))),
            KeySize::Bits4096 => Secret::Bits4096(Box::new(Crt::new(engine, n, parts))),
        });
        Self { public, secret }
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Computes RSASP1 (RFC 8017 §5.2.1) in place for each number in `batch`. The numbers are big-endian, each as long
    /// as the modulus. `rng` is for the blinding. [`LANES`] numbers take as long as one.
    ///
    /// # Errors
    /// [`Error`]; then `batch` is all zeros.
    pub fn private(&mut self, batch: &mut [u8], rng: &mut (impl CryptoRng + ?Sized)) -> Result<(), Error> {
        let bytes = self.public.size().bytes();
        let outcome = match &mut self.secret {
            Secret::Bits2048(key) => apply(key, batch, bytes, rng),
            Secret::Bits3072(key) => apply(key, batch, bytes, rng),
            Secret::Bits4096(key) => apply(key, batch, bytes, rng),
        };
        if outcome.is_err() {
            batch.fill(0);
        }
        outcome
    }
}

fn apply<const N: usize, const H: usize>(
    key: &mut Crt<N, H>,
    batch: &mut [u8],
    bytes: usize,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(), Error> {
    if !batch.len().is_multiple_of(bytes) {
        return Err(Error::Length);
    }
    for batch in batch.chunks_mut(LANES * bytes) {
        // Unused lanes have 0.
        let mut x = zero();
        for (lane, number) in batch.chunks(bytes).enumerate() {
            read(&mut x, lane, number);
        }
        if !key.below(&x) {
            return Err(Error::Range);
        }
        let out = key.private(&x, rng).ok_or(Error::Fault)?;
        for (lane, number) in batch.chunks_mut(bytes).enumerate() {
            write(&*out, lane, number);
        }
    }
    Ok(())
}

impl fmt::Debug for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchKey({} bits)", self.public.size().bits())
    }
}
