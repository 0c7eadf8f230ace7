//! The outcome of each check of a path, from the verdict of the validator.

use minipki_core::x509::{Check, PathError};

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The demand of the check is met.
    Passed,
    /// The demand is not met.
    Failed,
    /// The check was not made, with the reason.
    NotChecked(&'static str),
}

/// The order in which the core makes the checks. A check of a later group is made after all of an earlier one have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Each certificate alone.
    Alone,
    /// The search of a path.
    Issuer,
    Signatures,
    Lengths,
    Names,
    Policies,
    Purposes,
    Times,
    Revocation,
    SubjectName,
}

impl Group {
    const fn of(check: Check) -> Self {
        match check {
            Check::Issuer => Self::Issuer,
            Check::SignatureAlgorithm | Check::IssuerKey | Check::Signature => Self::Signatures,
            Check::PathLength => Self::Lengths,
            Check::NameConstraints => Self::Names,
            Check::PolicyMapping | Check::Policy => Self::Policies,
            Check::Purpose | Check::KeyUsage | Check::CaPurpose => Self::Purposes,
            Check::NotBefore | Check::NotAfter => Self::Times,
            Check::Revocation => Self::Revocation,
            Check::SubjectName => Self::SubjectName,
            _ => Self::Alone,
        }
    }
}

/// The outcome of a check that was asked for, in a validation that ended with `error`, or `None` for a valid path.
pub fn outcome(check: Check, error: Option<PathError>) -> Outcome {
    match error {
        None => Outcome::Passed,
        Some(PathError::Refused { check: failed, .. }) if failed == check => Outcome::Failed,
        Some(PathError::Refused { check: failed, .. }) if Group::of(check) < Group::of(failed) => {
            Outcome::Passed
        }
        Some(PathError::Refused { .. }) => Outcome::NotChecked("the verification ended at another check"),
        Some(PathError::Budget(_)) => Outcome::NotChecked("the search of a path was ended"),
    }
}
