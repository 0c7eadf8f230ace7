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
    Digit {
        /// The place of the character in the text. The first character has the number 1.
        place: usize,
        /// The character.
        character: char,
    },
    /// The name of another digest than SHA-256 is in front of the digits.
    OtherDigest,
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(seen) => {
                write!(f, "{seen} hexadecimal digits, and a fingerprint has 64: copy the whole of it")
            }
            Self::Digit { place, character } => {
                write!(
                    f,
                    "character {place} is {character:?}, and a fingerprint has only 64 digits 0-9 and a-f"
                )
            }
            Self::OtherDigest => {
                f.write_str("this is the digest of another hash, and a fingerprint is SHA-256, 64 digits")
            }
        }
    }
}

impl core::error::Error for FingerprintError {}

impl Fingerprint {
    /// Reads what a person has typed or copied: the digits in either case, with blanks, colons or hyphens between them,
    /// and with `0x` or the name of the digest and `:` or `=` in front, as in `SHA256:` and `SHA256 Fingerprint=`. A byte
    /// order mark (U+FEFF) at the start is ignored.
    ///
    /// # Errors
    /// [`FingerprintError`]; the number of digits if there are not 64.
    pub fn from_typed(text: &str) -> Result<Self, FingerprintError> {
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut digits = text;
        if let Some((name, rest)) = text.split_once(['=', ':'])
            && (starts_with(name, "sha") || starts_with(name, "md"))
        {
            if !is_sha256(name) {
                return Err(FingerprintError::OtherDigest);
            }
            digits = rest.trim_start();
        }
        if starts_with(digits, "0x") {
            digits = digits.get(2..).unwrap_or_default();
        }
        let (mut bytes, mut seen) = ([0; 32], 0_usize);
        for (start, character) in digits.char_indices() {
            if character.is_whitespace() || matches!(character, ':' | '-') {
                continue;
            }
            let value = digit(character).ok_or_else(|| {
                let rest = digits.get(start..).unwrap_or_default().chars().count();
                wrong(text, text.chars().count().saturating_sub(rest))
            })?;
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
            let values = digit(char::from(*high)).zip(digit(char::from(*low)));
            let (high, low) = values.ok_or_else(|| {
                let is_wrong = |character| digit(character).is_none();
                wrong(text, text.chars().position(is_wrong).unwrap_or_default())
            })?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: char) -> Option<u8> {
    character.to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The error about the character of `text` at `index`, counted from 0.
fn wrong(text: &str, index: usize) -> FingerprintError {
    let character = text.chars().nth(index).unwrap_or_default();
    FingerprintError::Digit { place: index.saturating_add(1), character }
}

/// Whether `text` starts with `start`, in either case.
fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether the name of a digest is SHA-256, as in `SHA256 Fingerprint`, `sha-256` or `SHA2-256(stdin)`.
fn is_sha256(name: &str) -> bool {
    let size = name.get("sha".len()..).unwrap_or_default();
    let size = size.strip_prefix("2-").unwrap_or(size).trim_start_matches(['-', '_', ' ']);
    let is_digit = |next: char| next.is_ascii_digit();
    starts_with(name, "sha") && size.strip_prefix("256").is_some_and(|rest| !rest.starts_with(is_digit))
}
