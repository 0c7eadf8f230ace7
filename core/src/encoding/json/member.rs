//! One member of an object: its value, or the reason why it has none.

use core::ops::Range;

use super::{JsonError, JsonErrorKind};

/// A member that an object may have, as far as a [`Reader`](super::Reader) has read the object.
#[derive(Clone, Copy, Debug)]
pub struct Member<T> {
    name: &'static str,
    /// Offset of the value, or of the object while the member is missing.
    at: usize,
    value: Value<T>,
}

#[derive(Clone, Copy, Debug)]
enum Value<T> {
    Missing,
    OtherType,
    Present(T),
}

impl<T> Member<T> {
    /// A member of the object that begins at offset `object`, not seen yet.
    pub(super) const fn missing(name: &'static str, object: usize) -> Self {
        Self { name, at: object, value: Value::Missing }
    }

    /// Keeps the value that begins at offset `at`; `None` is a value of another type.
    pub(super) fn set(&mut self, at: usize, value: Option<T>) {
        self.at = at;
        self.value = value.map_or(Value::OtherType, Value::Present);
    }

    /// The key of the member.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value of a member that the object must have.
    ///
    /// # Errors
    /// [`JsonErrorKind::MissingMember`] or [`JsonErrorKind::MemberType`].
    pub fn required(self) -> Result<T, JsonError> {
        let kind = match self.value {
            Value::Present(value) => return Ok(value),
            Value::Missing => JsonErrorKind::MissingMember(self.name),
            Value::OtherType => JsonErrorKind::MemberType(self.name),
        };
        Err(JsonError { kind, at: self.at })
    }

    /// Returns the value of a member that the object may have; `None` if it is missing.
    ///
    /// # Errors
    /// [`JsonErrorKind::MemberType`].
    pub fn optional(self) -> Result<Option<T>, JsonError> {
        match self.value {
            Value::Missing => Ok(None),
            _ => self.required().map(Some),
        }
    }

    /// Checks that the member is missing, since it belongs to another message.
    ///
    /// # Errors
    /// [`JsonErrorKind::UnknownMember`].
    pub fn absent(self) -> Result<(), JsonError> {
        match self.value {
            Value::Missing => Ok(()),
            _ => Err(JsonError { kind: JsonErrorKind::UnknownMember, at: self.at }),
        }
    }
}

impl Member<&str> {
    /// Returns the range of a required string in the body, without its quotes.
    ///
    /// # Errors
    /// Those of [`Member::required`].
    pub fn range(self) -> Result<Range<usize>, JsonError> {
        let start = self.at.saturating_add(1);
        Ok(start..start.saturating_add(self.required()?.len()))
    }
}
