//! Encodings of RSA keys: SubjectPublicKeyInfo (RFC 5280), PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 §A.1), PEM (RFC 7468).

use der::Decode;
use der::asn1::UintRef;
use pkcs1::{ALGORITHM_OID, RsaPrivateKeyRef};
use pkcs8::PrivateKeyInfoRef;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::Fingerprint;
use crate::bytes::{BufferTooSmall, Writer};
use crate::crypto::Hash;
use crate::crypto::rsa::{Error, PrivateKey, PrivateParts as Parts, PublicKey, Sizes};
use crate::encoding::der::{DerError, DerErrorKind, Reader, Tag};
use crate::encoding::pem;
use crate::limits::{RSA_BYTES, SPKI_DER};

/// DER of the INTEGER 65537, the end of every SubjectPublicKeyInfo.
const EXPONENT: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];

impl<S: Sizes> PublicKey<S> {
    /// Takes the DER of a SubjectPublicKeyInfo with rsaEncryption (RFC 3279 §2.3.1).
    ///
    /// # Errors
    /// [`Error::KeyEncoding`], [`Error::KeySize`], [`Error::Exponent`] or [`Error::Modulus`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::KeyEncoding)?;
        check_algorithm(&info.algorithm)?;
        Self::from_pkcs1_der(info.subject_public_key.as_bytes().ok_or(Error::KeyEncoding)?)
    }

    /// Takes the DER of a PKCS#1 RSAPublicKey (RFC 8017 §A.1.1), the inner part of a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki_der`].
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        let (modulus, exponent) = rsa_public_integers(der).map_err(|_| Error::KeyEncoding)?;
        if exponent != [1, 0, 1] {
            return Err(Error::Exponent);
        }
        Self::from_modulus(modulus)
    }

    /// Takes the PEM of a SubjectPublicKeyInfo, labelled `PUBLIC KEY`.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki_der`].
    pub fn from_spki_pem(text: &[u8]) -> Result<Self, Error> {
        let mut der = [0; SPKI_DER];
        let der = pem::decode(pem::PUBLIC_KEY, text, &mut der).map_err(|_| Error::KeyEncoding)?;
        Self::from_spki_der(der)
    }

    /// Writes the DER of the SubjectPublicKeyInfo, at most [`SPKI_DER`] bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if `out` is too small.
    pub fn write_spki_der<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], BufferTooSmall> {
        let mut out = Writer::new(out);
        out.put(&self.spki_head()).fill(|out| self.modulus(out).map(<[u8]>::len)).put(&EXPONENT);
        Ok(out.finish()?)
    }

    /// Writes the PEM of the SubjectPublicKeyInfo: 64 characters a line, LF, and LF at the end; at most
    /// [`SPKI_PEM`](crate::limits::SPKI_PEM) bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if `out` is too small.
    pub fn write_spki_pem<'o>(&self, out: &'o mut [u8]) -> Result<&'o str, BufferTooSmall> {
        let mut der = [0; SPKI_DER];
        let der = self.write_spki_der(&mut der)?;
        pem::encode(pem::PUBLIC_KEY, der, out)
    }

    /// SHA-256 of the SubjectPublicKeyInfo's DER. People pin a CA by it.
    pub fn fingerprint(&self, hash: impl Hash) -> Fingerprint {
        let mut modulus = [0; RSA_BYTES];
        // The buffer holds the largest modulus, so the default is never used.
        let modulus = self.modulus(&mut modulus).unwrap_or_default();
        Fingerprint(hash.sha256(&[&self.spki_head(), modulus, &EXPONENT]))
    }

    fn from_integers(n: UintRef<'_>, e: UintRef<'_>) -> Result<Self, Error> {
        if e.as_bytes() != [1, 0, 1] {
            return Err(Error::Exponent);
        }
        Self::from_modulus(n.as_bytes())
    }

    /// The DER in front of the modulus. All lengths follow from the size, so it needs no encoder.
    fn spki_head(&self) -> [u8; 33] {
        // Tag and length of INTEGER (with its leading zero), SEQUENCE, BIT STRING and the outer SEQUENCE.
        let n = self.size().bytes() as u16 + 1;
        let [[n0, n1], [k0, k1], [b0, b1], [s0, s1]] = [n, n + 9, n + 14, n + 33].map(u16::to_be_bytes);
        #[rustfmt::skip]
        let head = [
            0x30, 0x82, s0, s1,
            // AlgorithmIdentifier: rsaEncryption, NULL.
            0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
            0x03, 0x82, b0, b1, 0x00,
            0x30, 0x82, k0, k1,
            0x02, 0x82, n0, n1, 0x00,
        ];
        head
    }
}

impl<S: Sizes> PrivateKey<S> {
    /// Takes the DER of a PKCS#8 PrivateKeyInfo with rsaEncryption.
    ///
    /// # Errors
    /// [`Error::KeyEncoding`], or as [`PrivateKey::from_pkcs1_der`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| Error::KeyEncoding)?;
        check_algorithm(&info.algorithm)?;
        Self::from_pkcs1_der(info.private_key.as_bytes())
    }

    /// Takes the DER of a PKCS#1 RSAPrivateKey of two primes.
    ///
    /// The part `d` is not used and not checked: signatures use the CRT exponents.
    ///
    /// # Errors
    /// [`Error::KeyEncoding`], [`Error::KeySize`], [`Error::Exponent`], [`Error::Modulus`], or
    /// [`Error::PrivateKey`] if the parts do not fit each other.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        let key = RsaPrivateKeyRef::from_der(der).map_err(|_| Error::KeyEncoding)?;
        if key.other_prime_infos.is_some() {
            return Err(Error::KeyEncoding);
        }
        let public = PublicKey::from_integers(key.modulus, key.public_exponent)?;
        let parts = Parts {
            p: key.prime1.as_bytes(),
            q: key.prime2.as_bytes(),
            dp: key.exponent1.as_bytes(),
            dq: key.exponent2.as_bytes(),
            q_inverse: key.coefficient.as_bytes(),
        };
        Self::from_parts(public, &parts)
    }
}

/// The modulus and the public exponent of an RSAPublicKey (RFC 8017 §A.1.1), big-endian and without leading zeros. Neither is
/// negative, and nothing else is checked.
///
/// # Errors
/// The first error of the encoding.
pub fn rsa_public_integers(der: &[u8]) -> Result<(&[u8], &[u8]), DerError> {
    let mut document = Reader::new(der);
    let mut fields = document.nested(Tag::SEQUENCE)?;
    document.finish()?;
    let mut positive = || match fields.integer(Tag::INTEGER)? {
        [0x80..=0xff, ..] => Err(fields.error(DerErrorKind::Integer)),
        integer => Ok(integer.strip_prefix(&[0]).unwrap_or(integer)),
    };
    let integers = (positive()?, positive()?);
    fields.finish()?;
    Ok(integers)
}

/// rsaEncryption, whose parameters are NULL (RFC 3279 §2.3.1).
fn check_algorithm(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), Error> {
    algorithm.assert_algorithm_oid(ALGORITHM_OID).map_err(|_| Error::KeyEncoding)?;
    if algorithm.parameters.is_some_and(|parameters| parameters.is_null()) {
        Ok(())
    } else {
        Err(Error::KeyEncoding)
    }
}
