//! The validity of a certificate.

use core::fmt;

use crate::time::{Now, UnixTime};

/// The reason why two times are not a validity, or why a certificate is not valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ValidityError {
    /// `not_after` is earlier than `not_before`.
    Order,
    /// `now` is before `not_before`.
    NotYetValid {
        /// The time of the check.
        now: UnixTime,
        /// The first second of the validity.
        not_before: UnixTime,
    },
    /// `now`, or the lower bound of it, is after `not_after`.
    Expired {
        /// The time of the check.
        now: UnixTime,
        /// The last second of the validity.
        not_after: UnixTime,
    },
}

impl fmt::Display for ValidityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("validity: not_after is earlier than not_before"),
            Self::NotYetValid { now, not_before } => {
                write!(f, "the certificate is valid from {not_before}, and it is {now}")
            }
            Self::Expired { now, not_after } => {
                write!(f, "the certificate expired at {not_after}, and it is {now} or later")
            }
        }
    }
}

impl core::error::Error for ValidityError {}

/// The period in which a certificate is valid; both bounds are within it ([RFC 5280 §4.1.2.5]).
///
/// [RFC 5280 §4.1.2.5]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Validity {
    /// The period from `not_before` to `not_after`, which may be the same second.
    ///
    /// # Errors
    /// [`ValidityError::Order`].
    pub fn new(not_before: UnixTime, not_after: UnixTime) -> Result<Self, ValidityError> {
        if not_before <= not_after { Ok(Self { not_before, not_after }) } else { Err(ValidityError::Order) }
    }

    /// The first second of the period.
    pub const fn not_before(self) -> UnixTime {
        self.not_before
    }

    /// The last second of the period.
    pub const fn not_after(self) -> UnixTime {
        self.not_after
    }

    /// Checks that `now` is within the period ([RFC 5280 §6.1.3] (a)(2)). Returns `false` if `now` is only a lower
    /// bound, so that the result is not certain.
    ///
    /// # Errors
    /// [`ValidityError::NotYetValid`] or [`ValidityError::Expired`].
    ///
    /// [RFC 5280 §6.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
    pub fn check(self, now: Now) -> Result<bool, ValidityError> {
        let Self { not_before, not_after } = self;
        match now {
            Now::Exact(now) if now < not_before => Err(ValidityError::NotYetValid { now, not_before }),
            Now::Exact(now) | Now::AtLeast(now) if now > not_after => {
                Err(ValidityError::Expired { now, not_after })
            }
            Now::Exact(_) => Ok(true),
            Now::AtLeast(_) => Ok(false),
        }
    }
}
