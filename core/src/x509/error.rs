//! The reasons why a certificate is not accepted.

use core::fmt;

use super::Check;
use crate::encoding::der::DerError;

/// The place of a certificate in the input of a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Place {
    /// The certificate to validate.
    EndEntity,
    /// This one of the intermediates that the caller gave, counted from 0.
    Intermediate(usize),
    /// This one of the trust anchors, counted from 0.
    Anchor(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndEntity => f.write_str("the certificate"),
            Self::Intermediate(number) => write!(f, "the intermediate certificate {number}"),
            Self::Anchor(number) => write!(f, "the trust anchor {number}"),
        }
    }
}

/// A part of a [`Budget`](super::Budget) that was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Limit {
    /// Verified signatures.
    Signatures,
    /// Compared names, and other work in the same unit.
    Comparisons,
    /// Certificates of a path. A longer path may exist.
    Depth,
    /// Policies ([`X509_POLICIES`](crate::limits::X509_POLICIES)).
    Policies,
}

/// The reason why no path was accepted.
///
/// If several paths were tried, the reason is that of the path that came farthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PathError {
    /// A check failed.
    Refused {
        /// The check.
        check: Check,
        /// The certificate that did not pass it.
        place: Place,
        /// The offset of the byte in that certificate where the error is, if it is at one byte.
        at: Option<usize>,
    },
    /// The search was ended, because the budget was used up. Whether a path exists is not known.
    Budget(Limit),
}

impl PathError {
    /// The check that failed, or `None` if the budget was used up.
    pub const fn check(&self) -> Option<Check> {
        match self {
            Self::Refused { check, .. } => Some(*check),
            Self::Budget(_) => None,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { check, place, at } => {
                write!(f, "{place} does not pass the check {check} ({})", check.section())?;
                at.map_or(Ok(()), |at| write!(f, " at byte {at}"))
            }
            Self::Budget(limit) => f.write_str(match limit {
                Limit::Signatures => "too many signatures would have to be verified to find a path",
                Limit::Comparisons => "too many names would have to be compared to find a path",
                Limit::Depth => "the path to a trust anchor is too long, if there is one",
                Limit::Policies => "the path has too many policies",
            }),
        }
    }
}

impl core::error::Error for PathError {}

/// A check that failed, before the place of the certificate is known.
#[derive(Clone, Copy)]
pub(super) struct Failed {
    pub(super) check: Check,
    pub(super) at: Option<usize>,
}

impl Failed {
    pub(super) const fn in_place(self, place: Place) -> PathError {
        PathError::Refused { check: self.check, place, at: self.at }
    }
}

impl From<Check> for Failed {
    fn from(check: Check) -> Self {
        Self { check, at: None }
    }
}

impl From<DerError> for Failed {
    fn from(error: DerError) -> Self {
        Self { check: Check::Extension, at: Some(error.at) }
    }
}
