//! The names of subjects and issuers.

use core::fmt;
use core::str::FromStr;

use crate::limits::ID;

/// The reason why a text is not a `subject_id` or `issuer_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IdError {
    /// No characters.
    Empty,
    /// More than 64 bytes.
    TooLong,
    /// A byte outside `A-Z a-z 0-9 . _ - : @`, at this offset.
    Character(usize),
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong => write!(f, "the name is longer than {ID} bytes"),
            Self::Character(at) => {
                write!(f, "byte {at} of the name is not one of A-Z a-z 0-9 . _ - : @")
            }
        }
    }
}

impl core::error::Error for IdError {}

/// A `subject_id` or `issuer_id`: 1 to 64 bytes from `A-Z a-z 0-9 . _ - : @`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// [`IdError`] if `text` is not a name of the profile.
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

/// An [`Id`] that owns its text, for a name that is kept longer than its message.
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
        // The default is never used: each Id fits an IdBuf.
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
