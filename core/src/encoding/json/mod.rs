//! The JSON profile (protocol §2): few ways to write a value, and only one in canonical form.
//!
//! A body is an object. Strings are printable ASCII without `"` and `\`, so there are no escapes. Numbers are integers
//! in 0..=2^53-1. There is no `null`: a member is left out instead. The canonical form is that of RFC 8785. The profile
//! does not apply to text that people type, for example a chat line.
//!
//! A [`Reader`] checks a body and returns its members in one pass. [`encode`] writes.

mod member;
mod plain;
mod reader;

use core::fmt;

use serde::Serialize;

pub use self::member::Member;
pub use self::reader::Reader;
use crate::bytes::BufferTooSmall;

/// Largest integer: 2^53-1, up to which a double holds every integer (RFC 8259 §6).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The strictness of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Canonical, as all signed text is: no whitespace, keys in ascending order.
    Canonical,
    /// Whitespace and any order of keys are allowed, as in an unsigned request.
    Relaxed,
}

/// The kind of an error in a body.
///
/// The last three kinds are mismatches: the body is in the profile, but is not the object that the receiver expects.
/// They are reported only if the whole body has no other error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JsonErrorKind {
    /// Not JSON, or JSON that the profile does not have (`null`).
    Syntax,
    /// The text ends too early.
    Truncated,
    /// The text continues after the object.
    Trailing,
    /// Whitespace in canonical form.
    Whitespace,
    /// Keys not in ascending order in canonical form.
    KeyOrder,
    /// The same key twice in one object.
    DuplicateKey,
    /// Not an integer in 0..=2^53-1 in its shortest form.
    Number,
    /// A string with a byte that is not printable ASCII, or with `\`.
    Text,
    /// Objects and arrays that are nested deeper than in any message.
    Depth,
    /// More keys in all open objects than any message has.
    Keys,
    /// The object that begins at this byte has no member of this name.
    MissingMember(&'static str),
    /// A member that this object does not have.
    UnknownMember,
    /// The value of the member of this name is of another type.
    MemberType(&'static str),
}

impl JsonErrorKind {
    /// Returns whether the body is in the profile and only differs from the expected object.
    pub const fn is_mismatch(self) -> bool {
        matches!(self, Self::MissingMember(_) | Self::UnknownMember | Self::MemberType(_))
    }
}

/// An error in a body, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    /// The kind of the error.
    pub kind: JsonErrorKind,
    /// Offset of the byte where the error is.
    pub at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.kind {
            JsonErrorKind::Syntax => "not the JSON that was expected",
            JsonErrorKind::Truncated => "the JSON ends too early",
            JsonErrorKind::Trailing => "something follows the JSON object",
            JsonErrorKind::Whitespace => "whitespace in JSON that must be canonical",
            JsonErrorKind::KeyOrder => "a key out of ascending order in JSON that must be canonical",
            JsonErrorKind::DuplicateKey => "a JSON key occurs twice",
            JsonErrorKind::Number => {
                "a JSON number that is not an integer in 0..=2^53-1 in its shortest form"
            }
            JsonErrorKind::Text => "a JSON text holds a byte that is not printable ASCII, or a backslash",
            JsonErrorKind::Depth => "JSON objects are nested too deeply",
            JsonErrorKind::Keys => "JSON objects have too many keys",
            JsonErrorKind::UnknownMember => "the JSON object has an unknown key",
            JsonErrorKind::MissingMember(name) => {
                return write!(f, "the JSON object lacks the key `{name}` (at byte {})", self.at);
            }
            JsonErrorKind::MemberType(name) => {
                return write!(
                    f,
                    "the JSON value of the key `{name}` is of a wrong type (at byte {})",
                    self.at
                );
            }
        };
        write!(f, "{text} (at byte {})", self.at)
    }
}

impl core::error::Error for JsonError {}

/// Writes `value` to the start of `out` and returns its length.
///
/// The text is canonical if the fields of each struct are declared in ascending
/// order, absent options are skipped, and the strings are of the profile.
///
/// # Errors
/// [`BufferTooSmall`] if `out` cannot hold the text.
pub fn encode<T: Serialize>(value: &T, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
    serde_json_core::to_slice(value, out).map_err(|_| BufferTooSmall)
}

/// Checks that `body` is an object of the profile, with any members.
///
/// # Errors
/// The first error, which is never a mismatch.
pub fn check(body: &[u8], form: Form) -> Result<(), JsonError> {
    let mut reader = Reader::new(body, form)?;
    while reader.next_key()?.is_some() {
        reader.skip()?;
    }
    reader.finish()
}
