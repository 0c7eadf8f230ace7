//! The public key and what it verifies.

use core::fmt;

use super::arith::{Modulus, Native, limbs};
use super::{DIGEST, Error, KeySize, SaltLength, pkcs1, pss};
use crate::limits::RSA_BYTES;

pub(super) const LIMBS_2048: usize = limbs::<Native>(2048);
pub(super) const LIMBS_3072: usize = limbs::<Native>(3072);
pub(super) const LIMBS_4096: usize = limbs::<Native>(4096);

/// An RSA public key with e = 65537, and the constants that its arithmetic needs.
///
/// # Examples
/// ```
/// use minipki_core::cert::Certificate;
/// use minipki_core::crypto::rsa::{KeySize, SaltLength};
/// use minipki_core::crypto::{Portable, Provider};
///
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// // Here the key comes from the certificate itself. `cert::verify` trusts the key of an anchor alone.
/// let certificate = Certificate::parse(SENSOR)?;
/// let key = certificate.issuer_key()?;
/// assert_eq!(key.size(), KeySize::Bits2048);
///
/// let (digest, mut signature) = (Portable::sha256(&certificate.signed_slices()), [0; 512]);
/// key.verify_pss(&digest, certificate.signature(&mut signature)?, SaltLength::AtLeast(32))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PublicKey(pub(super) AnyModulus);

/// The modulus, of one of three sizes. Each has code of its own, so that the
/// working space of a smaller one is not that of the largest.
#[derive(Clone)]
pub(super) enum AnyModulus {
    Bits2048(Modulus<Native, LIMBS_2048>),
    Bits3072(Modulus<Native, LIMBS_3072>),
    Bits4096(Modulus<Native, LIMBS_4096>),
}

impl PublicKey {
    /// Takes a big-endian modulus of exactly 256, 384 or 512 bytes, its highest bit set.
    ///
    /// # Errors
    /// [`Error::KeySize`] for any other length, [`Error::Modulus`] for an even one.
    pub fn from_modulus(n: &[u8]) -> Result<Self, Error> {
        let size = KeySize::from_bytes(n.len()).ok_or(Error::KeySize)?;
        if n.first().is_none_or(|first| first >> 7 == 0) {
            return Err(Error::KeySize);
        }
        let key = match size {
            KeySize::Bits2048 => Modulus::new(n).map(AnyModulus::Bits2048),
            KeySize::Bits3072 => Modulus::new(n).map(AnyModulus::Bits3072),
            KeySize::Bits4096 => Modulus::new(n).map(AnyModulus::Bits4096),
        };
        key.map(Self).ok_or(Error::Modulus)
    }

    /// Length of the modulus.
    pub const fn size(&self) -> KeySize {
        match self.0 {
            AnyModulus::Bits2048(_) => KeySize::Bits2048,
            AnyModulus::Bits3072(_) => KeySize::Bits3072,
            AnyModulus::Bits4096(_) => KeySize::Bits4096,
        }
    }

    /// Writes the modulus, big-endian, [`KeySize::bytes`] long.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is shorter.
    pub fn modulus<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let out = out.get_mut(..self.size().bytes()).ok_or(Error::BufferTooSmall)?;
        match &self.0 {
            AnyModulus::Bits2048(n) => n.write_modulus(out),
            AnyModulus::Bits3072(n) => n.write_modulus(out),
            AnyModulus::Bits4096(n) => n.write_modulus(out),
        }
        Ok(out)
    }

    /// Verifies RSASSA-PSS with SHA-256 and MGF1-SHA-256 (RFC 8017 §8.1.2) over a message's digest.
    ///
    /// # Errors
    /// [`Error::SignatureLength`]; [`Error::SaltLength`] for a valid signature whose salt `salt`
    /// does not accept; [`Error::Signature`] for anything else that is wrong.
    pub fn verify_pss(&self, digest: &[u8; DIGEST], signature: &[u8], salt: SaltLength) -> Result<(), Error> {
        self.with_encoded(signature, |encoded| pss::verify(encoded, digest, salt))
    }

    /// Verifies RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2.2) over a message's digest.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], or [`Error::Signature`] for anything else that is wrong.
    pub fn verify_pkcs1(&self, digest: &[u8; DIGEST], signature: &[u8]) -> Result<(), Error> {
        self.with_encoded(signature, |encoded| pkcs1::verify(encoded, digest))
    }

    /// Recovers the encoded message (RSAVP1, RFC 8017 §5.2.2) and lets `check` decide about it.
    fn with_encoded(
        &self,
        signature: &[u8],
        check: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if signature.len() != self.size().bytes() {
            return Err(Error::SignatureLength);
        }
        match &self.0 {
            AnyModulus::Bits2048(n) => check(&mut recover::<LIMBS_2048, 256>(n, signature)?),
            AnyModulus::Bits3072(n) => check(&mut recover::<LIMBS_3072, 384>(n, signature)?),
            AnyModulus::Bits4096(n) => check(&mut recover::<LIMBS_4096, 512>(n, signature)?),
        }
    }
}

/// RSAVP1: the bytes of `signature ^ 65537 mod n`.
#[inline(never)]
fn recover<const L: usize, const BYTES: usize>(
    n: &Modulus<Native, L>,
    signature: &[u8],
) -> Result<[u8; BYTES], Error> {
    let number = n.number(signature).ok_or(Error::Signature)?;
    let mut encoded = [0; BYTES];
    Modulus::write(&n.pow_65537(&number), &mut encoded);
    Ok(encoded)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (AnyModulus::Bits2048(a), AnyModulus::Bits2048(b)) => a.same(b).into(),
            (AnyModulus::Bits3072(a), AnyModulus::Bits3072(b)) => a.same(b).into(),
            (AnyModulus::Bits4096(a), AnyModulus::Bits4096(b)) => a.same(b).into(),
            _ => false,
        }
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut modulus = [0; RSA_BYTES];
        write!(f, "PublicKey({} bits, ", self.size().bits())?;
        for byte in self.modulus(&mut modulus).map_err(|_| fmt::Error)? {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}
