//! The file of an X25519 private key: PKCS#8 (RFC 8410 §7) in PEM (RFC 7468 §10).

use core::fmt;

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use spki::AlgorithmIdentifierRef;

use crate::bytes::{BufferTooSmall, Secret};
use crate::crypto::{KeyExchange, KeyPair};
use crate::encoding::pem::{self, PemError};
use crate::limits::KEY;

/// id-X25519 (RFC 8410 §3).
const ID_X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

const LABEL: &str = "PRIVATE KEY";

/// `CurvePrivateKey ::= OCTET STRING` of 32 bytes, the content of PKCS#8's own octet string.
const CURVE_PRIVATE_KEY: usize = 2 + KEY;

/// Version, algorithm and `CurvePrivateKey`, each with its header.
const DER_WRITTEN: usize = 2 + 3 + 7 + 2 + CURVE_PRIVATE_KEY;

/// Room for a file that also carries attributes or the public key.
const DER_READ: usize = 256;

/// Room for the output of [`KeyPair::write_pkcs8_pem`].
pub const PKCS8_PEM: usize = 128;

/// The reason why a file is not an X25519 private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyFileError {
    /// Not the PEM of a `PRIVATE KEY`, or too long for one of X25519.
    Pem(PemError),
    /// Not the DER of a PKCS#8 structure.
    Der,
    /// A private key of another algorithm than X25519 (1.3.101.110, without parameters).
    Algorithm,
    /// The private key is not 32 bytes in an octet string.
    Length,
    /// The file's public key is not that of its private key.
    PublicKey,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem(PemError::Label) => {
                "the PEM label is not PRIVATE KEY: expected an unencrypted PKCS#8 key"
            }
            Self::Pem(error) => return error.fmt(f),
            Self::Der => "the PEM does not hold a PKCS#8 structure",
            Self::Algorithm => "the key is of another algorithm than X25519",
            Self::Length => "the private key is not 32 bytes long",
            Self::PublicKey => "the public key in the file is not that of its private key",
        })
    }
}

impl core::error::Error for KeyFileError {}

impl<P: KeyExchange> KeyPair<P> {
    /// Writes the private key as PKCS#8 PEM, LF line ends: 119 bytes, room in
    /// [`PKCS8_PEM`]. The caller wipes `out` after use.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if `out` is too short.
    pub fn write_pkcs8_pem<'o>(&self, out: &'o mut [u8]) -> Result<&'o str, BufferTooSmall> {
        let mut curve_key = Secret::<CURVE_PRIVATE_KEY>::zeroed();
        let mut der = Secret::<DER_WRITTEN>::zeroed();
        let der = self.write_der(&mut curve_key, &mut der).map_err(|_| BufferTooSmall)?;
        pem::encode(LABEL, der, out)
    }

    fn write_der<'b>(
        &self,
        curve_key: &'b mut Secret<CURVE_PRIVATE_KEY>,
        der: &'b mut Secret<DER_WRITTEN>,
    ) -> der::Result<&'b [u8]> {
        let curve_key =
            OctetStringRef::new(self.secret().expose())?.encode_to_slice(curve_key.expose_mut())?;
        let algorithm = AlgorithmIdentifierRef { oid: ID_X25519, parameters: None };
        PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(curve_key)?).encode_to_slice(der.expose_mut())
    }

    /// Reads a PKCS#8 PEM, of version 1 or 2 (RFC 5958 §2), with LF or CRLF line ends.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn from_pkcs8_pem(provider: P, pem: &[u8]) -> Result<Self, KeyFileError> {
        let mut der = Secret::<DER_READ>::zeroed();
        let der = pem::decode(LABEL, pem, der.expose_mut()).map_err(KeyFileError::Pem)?;
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyFileError::Der)?;
        if info.algorithm.oid != ID_X25519 || info.algorithm.parameters.is_some() {
            return Err(KeyFileError::Algorithm);
        }
        let curve_key =
            <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| KeyFileError::Length)?;
        let mut secret = Secret::zeroed();
        *secret.expose_mut() = curve_key.as_bytes().try_into().map_err(|_| KeyFileError::Length)?;
        let pair = Self::from_secret(provider, secret);
        match info.public_key {
            Some(public) if public.as_bytes() != Some(pair.public().as_bytes()) => {
                Err(KeyFileError::PublicKey)
            }
            _ => Ok(pair),
        }
    }
}
