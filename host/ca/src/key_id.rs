//! The identifier of a key in X.509 certificates and lists.

use std::fmt;
use std::str::FromStr;

use minipki_core::crypto::{Hash, Portable};
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// The most octets of an identifier.
const MAX: usize = 64;

/// The subjectKeyIdentifier of a key's certificates, and the authorityKeyIdentifier of what the key signs: 1 to 64 octets. The
/// parent of an intermediate chooses it; otherwise it is the first 160 bits of SHA-256 over the key's BIT STRING (RFC 7093 §2,
/// method 1). Its text has two lower-case hexadecimal digits for each octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// Zeros after the octets.
    bytes: [u8; MAX],
    length: usize,
}

impl KeyId {
    /// The identifier by this CA's method of a key in the form of SubjectPublicKeyInfo.
    pub(crate) fn of_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Self {
        let digest = Portable::new().sha256(&[spki.subject_public_key.raw_bytes()]);
        let mut bytes = [0; MAX];
        bytes[..20].copy_from_slice(&digest[..20]);
        Self { bytes, length: 20 }
    }

    /// The identifier with these octets.
    ///
    /// # Errors
    /// [`KeyIdError`] unless there are 1 to 64.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, KeyIdError> {
        let mut bytes = [0; MAX];
        match bytes.get_mut(..octets.len()) {
            Some(first) if !octets.is_empty() => first.copy_from_slice(octets),
            _ => return Err(KeyIdError),
        }
        Ok(Self { bytes, length: octets.len() })
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is no identifier of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an even number of lower-case hexadecimal digits, from 2 to 128")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let is_digit = |c| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if !text.len().is_multiple_of(2) || !text.bytes().all(is_digit) {
            return Err(KeyIdError);
        }
        let octets = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
        Self::from_bytes(&octets.collect::<Result<Vec<_>, _>>().map_err(|_| KeyIdError)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_text() {
        let text = "00ff0102030405060708090a0b0c0d0e0f101112";
        assert_eq!(text.parse::<KeyId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for text in ["00", "0000", &"0f".repeat(64)] {
            assert_eq!(text.parse::<KeyId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        assert_ne!("00".parse::<KeyId>(), "0000".parse::<KeyId>());
        let long = "00".repeat(65);
        for other in
            ["", "0", &text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('f', "+"), &long]
        {
            assert_eq!(other.parse::<KeyId>(), Err(KeyIdError), "{other}");
        }
    }
}
