//! The identifier of a key in X.509 certificates and lists.

use std::fmt;
use std::str::FromStr;

use minipki_core::crypto::{Hash, Portable};
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// The first 160 bits of SHA-256 over the key's BIT STRING (RFC 7093 §2, method 1): subjectKeyIdentifier of the key's
/// certificates, and authorityKeyIdentifier of what the key signs. Its text has 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 20]);

impl KeyId {
    /// The identifier of a key in the form of SubjectPublicKeyInfo.
    pub(crate) fn of_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Self {
        let digest = Portable::new().sha256(&[spki.subject_public_key.raw_bytes()]);
        let mut bytes = [0; 20];
        bytes.copy_from_slice(&digest[..20]);
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is no identifier of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 40 lower-case hexadecimal digits")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let mut bytes = [0; 20];
        if text.len() != 2 * bytes.len() || !text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(KeyIdError);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| KeyIdError)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_text() {
        let text = "00ff0102030405060708090a0b0c0d0e0f101112";
        assert_eq!(text.parse::<KeyId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for other in
            ["", "00", &text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('f', "+")]
        {
            assert_eq!(other.parse::<KeyId>(), Err(KeyIdError), "{other}");
        }
    }
}
