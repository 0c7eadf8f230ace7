//! The terms of trust for any format of certificate: serial number, validity, checks and the verified certificate.
//!
//! A verifier is in the module of its format: [`cert::verify`](crate::cert::verify).

mod check;
mod serial;
mod validity;

pub use check::Check;
pub use serial::{Serial, SerialError};
pub use validity::{Validity, ValidityError};

/// The revocation status that a verifier requires ([RFC 5280 §6.1.3] (a)(3)). Each verifier takes this argument, so
/// that a caller leaves revocation out only explicitly.
///
/// [RFC 5280 §6.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// No check: a certificate is accepted until its validity ends, even if its issuer has revoked it.
    NotChecked,
}

/// A certificate of the format `C` that was verified under a trust anchor, at a time.
///
/// Only a verifier makes it, for example [`cert::verify`](crate::cert::verify).
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

    /// Returns whether the certificate is known to be valid now. `false` means that only a lower bound of the time was
    /// known. Then the certificate may not be valid yet, or may have expired.
    pub const fn time_certain(&self) -> bool {
        self.time_certain
    }
}
