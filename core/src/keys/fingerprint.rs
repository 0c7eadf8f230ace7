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
    /// The number of characters or digits is not 64.
    Length(usize),
    /// A character that is not `0-9`, `a-f` or `A-F`.
    Digit,
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(seen) => {
                write!(f, "{seen} hexadecimal digits, and a fingerprint has 64: copy the whole of it")
            }
            Self::Digit => {
                f.write_str("a fingerprint has 64 hexadecimal digits, and this text has other characters")
            }
        }
    }
}

impl core::error::Error for FingerprintError {}

impl Fingerprint {
    /// Reads what a person has typed or copied: the digits in either case, with spaces, colons or hyphens between them,
    /// and with the name of the digest and `:` or `=` in front, as in `SHA256:` and `SHA256 Fingerprint=`.
    ///
    /// # Errors
    /// [`FingerprintError`]; the number of digits if there are not 64.
    pub fn from_typed(text: &str) -> Result<Self, FingerprintError> {
        let text = text.trim();
        let has_name = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("sha"));
        let digits = match text.split_once(['=', ':']) {
            Some((_, rest)) if has_name => rest,
            _ => text,
        };
        let (mut bytes, mut seen) = ([0; 32], 0_usize);
        for character in digits.bytes() {
            if character.is_ascii_whitespace() || matches!(character, b':' | b'-') {
                continue;
            }
            let value = digit(character)?;
            if let Some(byte) = bytes.get_mut(seen / 2) {
                *byte = *byte << 4 | value;
            }
            seen = seen.saturating_add(1);
        }
        if seen == 64 { Ok(Self(bytes)) } else { Err(FingerprintError::Length(seen)) }
    }

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

    /// Takes 64 digits in lower or upper case, as in files. [`Fingerprint::from_typed`] takes more.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(FingerprintError::Length(text.len()));
        };
        if pairs.len() != 32 {
            return Err(FingerprintError::Length(text.len()));
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
