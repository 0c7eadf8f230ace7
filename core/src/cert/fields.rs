//! What stands in a certificate: names, serial numbers and validity.

use core::fmt;
use core::str::FromStr;

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Error, IdError};
use crate::encoding::json::MAX_INTEGER;
use crate::limits::ID;
use crate::time::{Now, UnixTime};

/// A `subject_id` or `issuer_id`: 1 to 64 bytes out of `A-Z a-z 0-9 . _ - : @`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// Takes `text` if it is a name.
    ///
    /// # Errors
    /// [`IdError`] says what keeps it from being one.
    pub fn new(text: &'a str) -> Result<Self, IdError> {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'@');
        match text.bytes().position(|byte| !allowed(byte)) {
            _ if text.is_empty() => Err(IdError::Empty),
            _ if text.len() > ID => Err(IdError::TooLong),
            Some(at) => Err(IdError::Character(at)),
            None => Ok(Self(text)),
        }
    }

    /// The name as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<&str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An [`Id`] that owns its text, for what outlives the message it came in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdBuf(heapless::String<ID>);

impl IdBuf {
    /// The name, borrowed.
    pub fn as_id(&self) -> Id<'_> {
        Id(&self.0)
    }
}

impl From<Id<'_>> for IdBuf {
    fn from(id: Id<'_>) -> Self {
        // Never falls back: an Id is no longer than an IdBuf.
        Self(heapless::String::try_from(id.0).unwrap_or_default())
    }
}

impl FromStr for IdBuf {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Id::new(text).map(Self::from)
    }
}

impl fmt::Display for IdBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_id().fmt(f)
    }
}

/// A `serial_number`: 1..=2^53-1, unique per issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(u64);

impl Serial {
    /// Takes `number` if it is in range.
    ///
    /// # Errors
    /// [`Error::SerialNumber`].
    pub const fn new(number: u64) -> Result<Self, Error> {
        if number >= 1 && number <= MAX_INTEGER { Ok(Self(number)) } else { Err(Error::SerialNumber) }
    }

    /// Draws one at random; that it was never used is for the issuer to see to.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        // The top 53 bits; zero, one draw in 2^53, becomes one.
        Self((rng.next_u64() >> 11).max(1))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a certificate is valid; both bounds are within (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Validity {
    /// From `not_before` to `not_after`, which may be the same second.
    ///
    /// # Errors
    /// [`Error::ValidityOrder`].
    pub fn new(not_before: UnixTime, not_after: UnixTime) -> Result<Self, Error> {
        if not_before <= not_after { Ok(Self { not_before, not_after }) } else { Err(Error::ValidityOrder) }
    }

    /// The first second of it.
    pub const fn not_before(self) -> UnixTime {
        self.not_before
    }

    /// The last second of it.
    pub const fn not_after(self) -> UnixTime {
        self.not_after
    }

    /// Whether `now` lies within: `true` if so, `false` if it is not known, since
    /// `now` is only a lower bound.
    ///
    /// # Errors
    /// [`Error::NotYetValid`] or [`Error::Expired`].
    pub fn check(self, now: Now) -> Result<bool, Error> {
        let Self { not_before, not_after } = self;
        match now {
            Now::Exact(now) if now < not_before => Err(Error::NotYetValid { now, not_before }),
            Now::Exact(now) | Now::AtLeast(now) if now > not_after => Err(Error::Expired { now, not_after }),
            Now::Exact(_) => Ok(true),
            Now::AtLeast(_) => Ok(false),
        }
    }
}
