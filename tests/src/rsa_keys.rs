//! RSA keys made by the `rsa` crate: the same in every run, each made once.

use std::sync::OnceLock;

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use minipki_core::crypto::rsa::{KeySize, PrivateKey, PublicKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

/// The sizes in use, ascending.
pub const SIZES: [KeySize; 3] = [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096];

/// A generator that gives the same in every run.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The `rsa` crate's key of that size.
pub fn oracle(size: KeySize) -> &'static rsa::PrivateKey {
    static KEYS: [OnceLock<rsa::PrivateKey>; 3] = [const { OnceLock::new() }; 3];
    KEYS[size as usize]
        .get_or_init(|| rsa::PrivateKey::new(&mut rng(size.bits() as u64), size.bits()).expect("a key"))
}

/// The same key, in PKCS#8 DER.
pub fn pkcs8_der(size: KeySize) -> Vec<u8> {
    oracle(size).to_pkcs8_der().expect("a key that was made whole").as_bytes().to_vec()
}

/// The public half, in SubjectPublicKeyInfo DER.
pub fn spki_der(size: KeySize) -> Vec<u8> {
    oracle(size).to_public_key().to_public_key_der().expect("a key that was made whole").into_vec()
}

/// The same key, as ours.
pub fn private(size: KeySize) -> PrivateKey {
    PrivateKey::from_pkcs8_der(&pkcs8_der(size)).expect("the oracle's key")
}

/// The public half, as ours.
pub fn public(size: KeySize) -> PublicKey {
    PublicKey::from_spki_der(&spki_der(size)).expect("the oracle's key")
}

/// The numbers of a private key, big-endian: `n` and `d` as long as the modulus, the others half as long.
#[derive(Clone)]
pub struct Numbers {
    /// The modulus.
    pub n: Vec<u8>,
    /// The public exponent.
    pub e: Vec<u8>,
    /// The private exponent.
    pub d: Vec<u8>,
    /// The first prime.
    pub p: Vec<u8>,
    /// The second prime.
    pub q: Vec<u8>,
    /// `d mod (p - 1)`.
    pub dp: Vec<u8>,
    /// `d mod (q - 1)`.
    pub dq: Vec<u8>,
    /// `1 / q mod p`.
    pub q_inverse: Vec<u8>,
}

/// The numbers of the oracle's key.
pub fn numbers(size: KeySize) -> Numbers {
    let key = oracle(size);
    let fixed = |bytes: &[u8], len: usize| {
        let bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        [vec![0; len - bytes.len()], bytes].concat()
    };
    let (whole, half) = (size.bytes(), size.bytes() / 2);
    Numbers {
        n: fixed(&key.n().as_ref().to_be_bytes(), whole),
        e: vec![1, 0, 1],
        d: fixed(&key.d().to_be_bytes(), whole),
        p: fixed(&key.primes()[0].to_be_bytes(), half),
        q: fixed(&key.primes()[1].to_be_bytes(), half),
        dp: fixed(&key.dp().expect("precomputed").to_be_bytes(), half),
        dq: fixed(&key.dq().expect("precomputed").to_be_bytes(), half),
        q_inverse: fixed(&key.crt_coefficient().expect("precomputed").to_be_bytes(), half),
    }
}

impl Numbers {
    /// PKCS#1 DER of the numbers as they are.
    pub fn pkcs1_der(&self) -> Vec<u8> {
        let numbers = [&self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.q_inverse];
        sequence(&[vec![2, 1, 0], numbers.map(|number| integer(number)).concat()])
    }
}

/// A key of which every check on import is true, but one "prime" is not prime:
/// what comes out of it is as wrong as after a fault in the machine.
pub fn broken(size: KeySize) -> Numbers {
    let good = numbers(size);
    let half = size.bits() as u32 / 2;
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).expect("whole bytes");
    let bytes = |number: BoxedUint| number.to_be_bytes().into_vec();
    let q = number(&good.q);
    let e = number(&[vec![0; good.p.len() - 3], vec![1, 0, 1]].concat());
    let mut p = number(&good.p);
    loop {
        p = p.wrapping_sub(number(&[vec![0; good.p.len() - 1], vec![2]].concat()));
        let below = NonZero::new(p.wrapping_sub(BoxedUint::one_with_precision(half))).expect("not 0");
        let odd = Odd::new(p.clone()).expect("odd");
        let (dp, q_inverse) = (e.invert_mod(&below).into_option(), q.invert_odd_mod(&odd).into_option());
        if let (Some(dp), Some(q_inverse)) = (dp, q_inverse) {
            let (p, dp, q_inverse) = (bytes(p), bytes(dp), bytes(q_inverse));
            return Numbers { n: bytes(odd.as_ref().concatenating_mul(&q)), p, dp, q_inverse, ..good };
        }
    }
}

/// DER of an INTEGER that is not negative.
pub fn integer(number: &[u8]) -> Vec<u8> {
    let mut number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if number.first().is_none_or(|first| first >> 7 == 1) {
        number.insert(0, 0);
    }
    element(0x02, &number)
}

/// DER of a SEQUENCE of what is DER already.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// DER of `tag` around `content`.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..128 => vec![short as u8],
        middle @ 128..256 => vec![0x81, middle as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [vec![tag], length, content.to_vec()].concat()
}
