//! The public key: import and verification.

use core::fmt;

use super::sizes::Numbers;
use super::{AllSizes, Error, KeySize, SaltLength, Sizes, pkcs1, pss};
use crate::crypto::Sha2Digest;
use crate::limits::RSA_BYTES;

/// An RSA public key with e = 65537, and the constants that its arithmetic needs. Its size is one of `S`.
///
/// # Examples
/// ```
/// use minipki_core::cert::Certificate;
/// use minipki_core::crypto::rsa::{AllSizes, KeySize, SaltLength};
/// use minipki_core::crypto::{Hash, Portable};
///
/// # const SENSOR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sensor.json"));
/// // Here the key comes from the certificate itself. `cert::verify` trusts the key of an anchor alone.
/// let certificate = Certificate::parse(SENSOR)?;
/// let key = certificate.issuer_key::<AllSizes>()?;
/// assert_eq!(key.size(), KeySize::Bits2048);
///
/// let (digest, mut signature) = (Portable::new().sha256(&certificate.signed_slices()), [0; 512]);
/// key.verify_pss(&digest, certificate.signature(&mut signature)?, SaltLength::AtLeast(32))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey<S: Sizes = AllSizes>(pub(super) S::Numbers);

impl<S: Sizes> PublicKey<S> {
    /// Takes a big-endian modulus of exactly 256, 384 or 512 bytes, its highest bit set.
    ///
    /// # Errors
    /// [`Error::KeySize`] for a length that is not in `S`, [`Error::Modulus`] for an even modulus.
    pub fn from_modulus(n: &[u8]) -> Result<Self, Error> {
        let full = n.first().is_some_and(|first| first >> 7 != 0);
        let size = KeySize::from_bytes(n.len()).filter(|size| full && S::ACCEPTED.contains(*size));
        let size = size.ok_or(Error::KeySize(S::ACCEPTED))?;
        S::Numbers::new(size, n).map(Self).ok_or(Error::Modulus)
    }

    /// Length of the modulus.
    pub fn size(&self) -> KeySize {
        self.0.size()
    }

    /// Writes the modulus, big-endian, [`KeySize::bytes`] long.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] if `out` is shorter.
    pub fn modulus<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let out = out.get_mut(..self.size().bytes()).ok_or(Error::BufferTooSmall)?;
        self.0.write_modulus(out);
        Ok(out)
    }

    /// Verifies RSASSA-PSS (RFC 8017 §8.1.2) over a message's digest. MGF1 uses the function of the digest.
    ///
    /// # Errors
    /// [`Error::SignatureLength`]; [`Error::SaltLength`] for a valid signature whose salt `salt`
    /// does not accept; [`Error::Signature`] for anything else that is wrong.
    pub fn verify_pss<const D: usize>(
        &self,
        digest: &[u8; D],
        signature: &[u8],
        salt: SaltLength,
    ) -> Result<(), Error>
    where
        [u8; D]: Sha2Digest,
    {
        self.check_length(signature)?;
        self.0.recover(signature, |encoded| pss::verify(encoded, digest, salt))
    }

    /// Verifies RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2) over a message's digest.
    ///
    /// # Errors
    /// [`Error::SignatureLength`], or [`Error::Signature`] for anything else that is wrong.
    pub fn verify_pkcs1<const D: usize>(&self, digest: &[u8; D], signature: &[u8]) -> Result<(), Error>
    where
        [u8; D]: Sha2Digest,
    {
        self.check_length(signature)?;
        self.0.recover(signature, |encoded| pkcs1::verify(encoded, digest))
    }

    fn check_length(&self, signature: &[u8]) -> Result<(), Error> {
        if signature.len() == self.size().bytes() { Ok(()) } else { Err(Error::SignatureLength) }
    }
}

impl<S: Sizes> fmt::Debug for PublicKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut modulus = [0; RSA_BYTES];
        write!(f, "PublicKey({} bits, ", self.size().bits())?;
        for byte in self.modulus(&mut modulus).map_err(|_| fmt::Error)? {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}
