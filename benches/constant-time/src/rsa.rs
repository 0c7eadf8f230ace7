//! Operations with RSA private keys: each kernel of the core and the batch signer, with keys of each size.

use std::hint::black_box;

use minipki_core::crypto::rsa::arith::{Crt, Limb, Modulus, Parts};
use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_core::encoding::pem;
use minipki_ifma::{BatchKey, Engine, LANES};
use rand_chacha::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};

use crate::{memcheck, reports};

/// The sizes of keys.
const SIZES: [KeySize; 3] = [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096];

/// Runs the operations and returns the number of reports.
pub(crate) fn run() -> usize {
    let [small, middle, large] = SIZES;
    let mut all = 0;
    all += kernel::<u64, 32, 16>("64-bit kernel", small);
    all += kernel::<u64, 48, 24>("64-bit kernel", middle);
    all += kernel::<u64, 64, 32>("64-bit kernel", large);
    all += kernel::<u32, 74, 38>("32-bit kernel", small);
    all += kernel::<u32, 110, 56>("32-bit kernel", middle);
    all += kernel::<u32, 148, 74>("32-bit kernel", large);
    all += SIZES.map(key_file).iter().sum::<usize>();
    all += batch("batches in plain Rust", Engine::portable(), small);
    if let Some(engine) = Engine::ifma() {
        all += SIZES.map(|size| batch("batches", engine, size)).iter().sum::<usize>();
    } else {
        println!("  left out  RSA, batches on AVX-512 IFMA: Valgrind emulates a processor without it");
    }
    all
}

/// The random numbers of blinding: the same in every run, and secret.
struct SecretRng(ChaCha20Rng);

impl SecretRng {
    fn new() -> Self {
        Self(ChaCha20Rng::seed_from_u64(1))
    }
}

impl TryRng for SecretRng {
    type Error = <ChaCha20Rng as TryRng>::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.try_fill_bytes(out)?;
        memcheck::secret(out);
        Ok(())
    }
}

impl TryCryptoRng for SecretRng {}

/// The PKCS#8 DER of the key of this size.
fn der(size: KeySize) -> Vec<u8> {
    let text: &[u8] = match size {
        KeySize::Bits2048 => include_bytes!("../../instructions/keys/2048.pem"),
        KeySize::Bits3072 => include_bytes!("../../instructions/keys/3072.pem"),
        KeySize::Bits4096 => include_bytes!("../../instructions/keys/4096.pem"),
    };
    let mut room = [0; 4096];
    pem::decode("PRIVATE KEY", text, &mut room).expect("a PEM file").to_vec()
}

/// The key of this size, and copies of its parts.
fn key(size: KeySize) -> (PrivateKey, [Vec<u8>; 5]) {
    let key = PrivateKey::from_pkcs8_der(&der(size)).expect("a sound key");
    let parts =
        key.with_parts(|parts| [parts.p, parts.q, parts.dp, parts.dq, parts.q_inverse].map(<[u8]>::to_vec));
    (key, parts)
}

/// Makes a key of its parts for the kernel `W`, and uses it twice. The first use draws the blinding.
fn kernel<W: Limb, const L: usize, const H: usize>(name: &str, size: KeySize) -> usize {
    let (bits, (key, mut parts)) = (size.bits(), key(size));
    let mut n = vec![0; size.bytes()];
    key.public().modulus(&mut n).expect("room");
    let modulus = Modulus::<W, L>::new(&n).expect("a modulus");
    parts.iter_mut().for_each(|part| memcheck::secret(part));
    let [p, q, dp, dq, q_inverse] = &parts;
    let mut key = None;
    let mut all = reports(&format!("RSA-{bits}, {name}: import"), || {
        key = Crt::<W, L, H>::new(&modulus, &Parts { p, q, dp, dq, q_inverse });
    });
    let mut key = key.expect("a sound key");
    let x = modulus.number(&[3; 100]).expect("below the modulus");
    let mut rng = SecretRng::new();
    all += reports(&format!("RSA-{bits}, {name}: private operation"), || {
        for _ in 0..2 {
            black_box(key.private(&modulus, &x, &mut rng)).expect("a right result");
        }
    });
    all
}

/// The same DER with secret private numbers. The first two bytes of each number stay public: a reader must check whether
/// the encoding is the shortest one, which depends on these bytes.
fn secret_der(size: KeySize) -> Vec<u8> {
    let (mut der, (_, parts)) = (der(size), key(size));
    let places = parts.map(|part| {
        let number = &part[part.iter().take_while(|byte| **byte == 0).count()..];
        let at =
            der.windows(number.len()).position(|bytes| bytes == number).expect("the part is in the file");
        at + 2..at + number.len()
    });
    for place in places {
        memcheck::secret(&mut der[place]);
    }
    der
}

/// Reads a key file.
fn key_file(size: KeySize) -> usize {
    let der = secret_der(size);
    reports(&format!("RSA-{}: key file in DER", size.bits()), || {
        black_box(<PrivateKey>::from_pkcs8_der(&der)).expect("a sound key");
    })
}

/// Imports a key into the batch signer, and uses it for one batch, which draws the blinding first.
fn batch(name: &str, engine: Engine, size: KeySize) -> usize {
    let bits = size.bits();
    let key = PrivateKey::from_pkcs8_der(&secret_der(size)).expect("a sound key");
    let mut batches = None;
    let mut all = reports(&format!("RSA-{bits}, {name}: import"), || {
        batches = Some(BatchKey::new(engine, &key));
    });
    let mut batches = batches.expect("a key");
    let mut batch = vec![3; LANES * size.bytes()];
    let mut rng = SecretRng::new();
    all += reports(&format!("RSA-{bits}, {name}: private operation"), || {
        batches.private(&mut batch, &mut rng).expect("right results");
    });
    all
}
