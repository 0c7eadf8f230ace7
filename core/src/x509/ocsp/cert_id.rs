//! The name of a certificate in OCSP ([RFC 6960 §4.1.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.1)).

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::encoding::der::{Decode, DerError, DerErrorKind, Oid, Reader, Tag};
use crate::x509::{Name, PublicKeyInfo, oid};

/// The hash function of a CertID. It only finds the issuer: the signature protects the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CertIdHash {
    /// SHA-1, which most clients use.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// A CertID: hashes of the issuer's name and key, and the serial number of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertId<'a> {
    /// The hash function, or `None` for one that this program does not have.
    pub hash: Option<CertIdHash>,
    /// The hash of the issuer's name.
    pub issuer_name: &'a [u8],
    /// The hash of the issuer's public key (the contents of the BIT STRING).
    pub issuer_key: &'a [u8],
    /// The serial number: two's complement in its shortest form, most significant byte first.
    pub serial: &'a [u8],
}

impl CertId<'_> {
    /// Returns whether this is the certificate with the serial number `serial` that `issuer` has issued with `key`.
    pub fn is(&self, issuer: &Name<'_>, key: &PublicKeyInfo<'_>, serial: &[u8]) -> bool {
        self.serial == serial
            && match self.hash {
                Some(CertIdHash::Sha1) => self.has_hashes::<Sha1>(issuer, key),
                Some(CertIdHash::Sha256) => self.has_hashes::<Sha256>(issuer, key),
                None => false,
            }
    }

    fn has_hashes<H: Digest>(&self, issuer: &Name<'_>, key: &PublicKeyInfo<'_>) -> bool {
        let contents = issuer.contents();
        // The name is hashed with its tag and length.
        let length = (contents.len() as u32).to_be_bytes();
        let short = [length[3]];
        let mut name = H::new();
        name.update([Tag::SEQUENCE.0]);
        match length {
            [0, 0, 0, 0..=0x7f] => name.update(short),
            [0, 0, 0, _] => name.update([0x81, length[3]]),
            [0, 0, high, low] => name.update([0x82, high, low]),
            [0, a, b, c] => name.update([0x83, a, b, c]),
            [a, b, c, d] => name.update([0x84, a, b, c, d]),
        }
        name.update(contents);
        name.finalize().as_slice() == self.issuer_name && H::digest(key.key()).as_slice() == self.issuer_key
    }
}

impl<'a> Decode<'a> for CertId<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.nested(Tag::SEQUENCE)?;
        let mut algorithm = fields.nested(Tag::SEQUENCE)?;
        let hash = match Oid::decode(&mut algorithm)? {
            oid::SHA1 => Some(CertIdHash::Sha1),
            oid::SHA256 => Some(CertIdHash::Sha256),
            _ => None,
        };
        if !algorithm.is_empty() {
            let here = algorithm;
            let parameters = algorithm.any()?;
            // NULL or absent (RFC 3370 §2.1, RFC 5754 §2).
            if hash.is_some() && parameters.der != [5, 0] {
                return Err(here.error(DerErrorKind::Value));
            }
        }
        algorithm.finish()?;
        let issuer_name = fields.nested(Tag::OCTET_STRING)?.rest();
        let issuer_key = fields.nested(Tag::OCTET_STRING)?.rest();
        let here = fields;
        let serial = fields.integer(Tag::INTEGER)?;
        fields.finish()?;
        if issuer_name.is_empty() || issuer_key.is_empty() {
            return Err(here.error(DerErrorKind::Empty));
        }
        Ok(Self { hash, issuer_name, issuer_key, serial })
    }
}
