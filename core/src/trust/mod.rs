//! The terms of trust for any format of certificate: serial number, validity, revocation, checks and the verified
//! certificate.
//!
//! A verifier is in the module of its format: [`cert::verify`](crate::cert::verify).

mod check;
mod revocation;
mod serial;
mod status;
mod validity;

pub use check::Check;
pub use revocation::{CertStatus, Revocation, RevocationReason};
pub use serial::{Serial, SerialError};
pub(crate) use status::GenuineStatus;
pub use status::{RevocationCheck, RevocationStatus, STATUS_SKEW, StatusError, StatusPolicy, StatusRule};
pub use validity::{Validity, ValidityError};

/// A certificate of the format `C` that was verified under a trust anchor, at a time.
///
/// Only a verifier makes it, for example [`cert::verify`](crate::cert::verify).
#[derive(Clone, Copy, Debug)]
pub struct Verified<C> {
    certificate: C,
    time_certain: bool,
    revocation: RevocationStatus,
}

impl<C> Verified<C> {
    /// For verifiers alone: `certificate` has passed every [`Check`].
    pub(crate) const fn new(certificate: C, time_certain: bool, revocation: RevocationStatus) -> Self {
        Self { certificate, time_certain, revocation }
    }

    /// The certificate that was verified.
    pub const fn certificate(&self) -> &C {
        &self.certificate
    }

    /// Returns whether the certificate is known to be valid now. `false` means that only a lower bound of the time was
    /// known. Then the certificate may not be valid yet, or may have expired.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }

    /// The knowledge about the revocation of the certificate.
    pub const fn revocation(&self) -> RevocationStatus {
        self.revocation
    }
}
