//! The fingerprint that people compare and pin.

use core::fmt;
use core::str::FromStr;

use serde::{Serialize, Serializer};

/// SHA-256 of a public key's SubjectPublicKeyInfo DER; as text, 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The reason why a text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FingerprintError {
    /// Not 64 characters.
    Length,
    /// A character that is not `0-9`, `a-f` or `A-F`.
    Digit,
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a fingerprint has 64 hexadecimal digits: copy the whole of it",
            Self::Digit => "a fingerprint has hexadecimal digits only, without spaces or colons",
        })
    }
}

impl core::error::Error for FingerprintError {}

impl Fingerprint {
    /// Reads the form in signed objects: 64 hexadecimal digits in lower case. `None` for another text.
    pub fn from_lower_hex(text: &str) -> Option<Self> {
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        text.parse().ok().filter(|_| lower)
    }
}

/// Written as 64 hexadecimal digits in lower case.
impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Takes lower and upper case.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(FingerprintError::Length) };
        if pairs.len() != 32 {
            return Err(FingerprintError::Length);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Result<u8, FingerprintError> {
    let value = char::from(character).to_digit(16).ok_or(FingerprintError::Digit)?;
    Ok(value as u8)
}
