//! Enrolment tokens: 128 random bits, given to one subject out of band (protocol §4).

use std::fmt;

use minipki_core::crypto::{Hash, Portable};
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

/// Random bytes in a token.
const ENTROPY: usize = 16;

/// A token's text: 32 lower-case hexadecimal digits.
///
/// The text itself is hashed. Hexadecimal digits have one spelling, and a double click selects all of them. The text is
/// wiped when dropped, and only [`Token::text`] shows it.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Draws a new token.
    ///
    /// # Errors
    /// The error of the random number generator.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bits = Zeroizing::new([0; ENTROPY]);
        rng.try_fill_bytes(&mut *bits)?;
        // The full capacity, because growth would leave a copy in memory.
        let mut text = Zeroizing::new(String::with_capacity(2 * ENTROPY));
        for byte in *bits {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from(DIGITS[usize::from(nibble)]));
            }
        }
        Ok(Self(text))
    }

    /// The text for the subject. The CA keeps only [`Token::hash`].
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The hash that the CA stores.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// SHA-256 of a token's text: the salt of the enrolment key (protocol §4). The CA stores only this hash.
///
/// A reader of the hash can use the token until it is spent. So the hash is as secret as the ledger, and is never
/// printed. No comparison needs constant time: both sides are from the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token's text.
    pub fn of(text: &str) -> Self {
        Self(Portable::new().sha256(&[text.as_bytes()]))
    }

    /// A stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}
