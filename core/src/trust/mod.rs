//! The terms of trust, whatever the format of a certificate: serial number, validity, the checks
//! of a verifier, and what it has verified.
//!
//! The verifiers themselves stand beside their format: [`cert::verify`](crate::cert::verify).

mod check;
mod serial;
mod validity;

pub use check::Check;
pub use serial::{Serial, SerialError};
pub use validity::{Validity, ValidityError};

/// The revocation status that a verifier asks for ([RFC 5280 §6.1.3] (a)(3)). Each verifier takes
/// one, so that no caller leaves revocation out without saying so.
///
/// [RFC 5280 §6.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// None: a certificate is accepted until its validity ends, even if its issuer has revoked it.
    NotChecked,
}

/// A certificate of the format `C` that a trust anchor vouches for, at a time.
///
/// Only a verifier makes one, such as [`cert::verify`](crate::cert::verify).
#[derive(Clone, Copy, Debug)]
pub struct Verified<C> {
    certificate: C,
    time_certain: bool,
}

impl<C> Verified<C> {
    /// For verifiers alone: `certificate` has passed every [`Check`].
    pub(crate) const fn new(certificate: C, time_certain: bool) -> Self {
        Self { certificate, time_certain }
    }

    /// The certificate that was verified.
    pub const fn certificate(&self) -> &C {
        &self.certificate
    }

    /// Returns whether the certificate is known to be valid now: `false` if only a lower bound of
    /// the time was known, so that it may not be valid yet, or no longer.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }
}
