//! The policy of a verifier about revocation, and its result.

use core::fmt;

use super::{CertStatus, Revocation};
use crate::time::{Now, UnixTime};

/// The seconds by which the clock of an issuer may be ahead of the clock of a verifier.
pub const STATUS_SKEW: u64 = 5 * 60;

/// The revocation status that a verifier requires ([RFC 5280 §6.1.3] (a)(3)). Each verifier takes this argument, so
/// that a caller leaves revocation out only explicitly.
///
/// [RFC 5280 §6.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationCheck<'a> {
    /// No check: a certificate is accepted until its validity ends, even if its issuer has revoked it.
    NotChecked,
    /// A check by a status that came with the certificate (stapling, protocol §7).
    Status {
        /// The text of the signed status; `None` if none came.
        status: Option<&'a [u8]>,
        /// The policy.
        policy: StatusPolicy,
    },
}

/// The rules about the status of a certificate.
///
/// A status that is not genuine, and a status that is not `good`, are refused under every rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusPolicy {
    /// The rule about a missing or outdated status.
    pub rule: StatusRule,
    /// The least revocation number that is accepted. A device without a clock stores the highest number that it has
    /// seen, so that nobody can show it an earlier status again. 0 accepts every number.
    pub lowest_number: u64,
}

/// The rule about a missing or outdated status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusRule {
    /// A certificate without a usable status is accepted, and the result says so.
    #[default]
    Optional,
    /// A certificate needs a status within its own period, from `this_update` to `next_update`.
    Required,
    /// The same, and the status may be at most this old, in seconds.
    MaxAge(u64),
}

/// The knowledge of a verifier about the revocation of a certificate that it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RevocationStatus {
    /// Nothing: the caller asked for no check.
    NotChecked,
    /// Nothing: no usable status came. The error is the reason.
    NoStatus(StatusError),
    /// The issuer has stated that the certificate is not revoked.
    Good {
        /// The time of the statement.
        this_update: UnixTime,
        /// The time until which the statement may be used.
        next_update: UnixTime,
        /// The revocation number of the issuer at that time.
        number: u64,
    },
}

/// The reason why a genuine status, or a missing one, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StatusError {
    /// No status came with the certificate.
    Missing,
    /// The issuer has revoked the certificate, or put it on hold.
    Revoked(Revocation),
    /// The issuer does not know the serial number.
    Unknown,
    /// The status is from the future.
    NotYet {
        /// The time of the check.
        now: UnixTime,
        /// The time of the status.
        this_update: UnixTime,
    },
    /// The period of the status has ended.
    Outdated {
        /// The time of the check.
        now: UnixTime,
        /// The end of the period.
        next_update: UnixTime,
    },
    /// The status is older than the verifier's policy allows.
    TooOld {
        /// The time of the check.
        now: UnixTime,
        /// The time of the status.
        this_update: UnixTime,
    },
    /// The revocation number is lower than one that the verifier has seen: somebody shows an earlier status again.
    Rollback {
        /// The revocation number of the status.
        number: u64,
        /// The highest number that the verifier has seen.
        seen: u64,
    },
}

impl StatusError {
    /// Whether [`StatusRule::Optional`] accepts a certificate in spite of this error.
    const fn is_optional(&self) -> bool {
        !matches!(self, Self::Revoked(_) | Self::Unknown)
    }
}

impl StatusPolicy {
    /// Decides on a genuine status: its statement, its period, and its revocation number. `None` is a missing status.
    pub(crate) fn decide(
        &self,
        status: Option<GenuineStatus>,
        now: Now,
    ) -> Result<RevocationStatus, StatusError> {
        match self.usable(status, now) {
            Err(error) if self.rule == StatusRule::Optional && error.is_optional() => {
                Ok(RevocationStatus::NoStatus(error))
            }
            decided => decided,
        }
    }

    fn usable(&self, status: Option<GenuineStatus>, now: Now) -> Result<RevocationStatus, StatusError> {
        let GenuineStatus { status, this_update, next_update, number } =
            status.ok_or(StatusError::Missing)?;
        match status {
            CertStatus::Good => {}
            CertStatus::Revoked(revocation) => return Err(StatusError::Revoked(revocation)),
            CertStatus::Unknown => return Err(StatusError::Unknown),
        }
        if number < self.lowest_number {
            return Err(StatusError::Rollback { number, seen: self.lowest_number });
        }
        if let Now::Exact(now) = now
            && this_update.get() > now.get().saturating_add(STATUS_SKEW)
        {
            return Err(StatusError::NotYet { now, this_update });
        }
        let (Now::Exact(now) | Now::AtLeast(now)) = now;
        if now > next_update {
            return Err(StatusError::Outdated { now, next_update });
        }
        match self.rule {
            StatusRule::MaxAge(seconds) if now.get().saturating_sub(this_update.get()) > seconds => {
                Err(StatusError::TooOld { now, this_update })
            }
            _ => Ok(RevocationStatus::Good { this_update, next_update, number }),
        }
    }
}

/// A status whose signature is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GenuineStatus {
    pub(crate) status: CertStatus,
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
    pub(crate) number: u64,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no revocation status came with the certificate"),
            Self::Revoked(Revocation { reason, revoked_at }) => {
                write!(f, "the certificate was revoked at {revoked_at} (reason: {reason})")
            }
            Self::Unknown => f.write_str("the CA does not know this certificate"),
            Self::NotYet { now, this_update } => {
                write!(f, "the revocation status is of {this_update}, and it is {now}")
            }
            Self::Outdated { now, next_update } => {
                write!(f, "the revocation status may be used until {next_update}, and it is {now} or later")
            }
            Self::TooOld { now, this_update } => {
                write!(f, "the revocation status of {this_update} is too old for the policy, at {now}")
            }
            Self::Rollback { number, seen } => write!(
                f,
                "the revocation status has the revocation number {number}, and the number {seen} was seen before"
            ),
        }
    }
}

impl core::error::Error for StatusError {}
