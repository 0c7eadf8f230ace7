//! The checks of a verifier, by name.

use core::fmt;

/// A check that can refuse a certificate. A verifier makes the checks in this order.
///
/// An error of a format, for example [`cert::Error`](crate::cert::Error), has the details. The list is complete: a
/// `match` over it needs no arm for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Check {
    /// The text is in the encoding of its format, and has its fields.
    Encoding,
    /// Each field is well formed.
    Fields,
    /// The issuer is the trust anchor's ([RFC 5280 §6.1.3](https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3) (a)(4)).
    Issuer,
    /// The issuer key in the certificate is the trust anchor's.
    IssuerKey,
    /// The trust anchor's key has signed the certificate (the same section, (a)(1)).
    Signature,
    /// The revocation status is genuine: the issuer has signed it, for this certificate.
    Status,
    /// The issuer has not revoked the certificate (the same section, (a)(3)).
    Revocation,
    /// The revocation status is of the present time, and not earlier than one that was seen before.
    StatusTime,
    /// The time is not before the validity (the same section, (a)(2)).
    NotBefore,
    /// The time is not after the validity (the same section, (a)(2)).
    NotAfter,
    /// The subject's key is the proven key of the holder, or the key that the caller expects.
    SubjectKey,
    /// The subject is the one that the caller expects.
    Subject,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 12] = [
        Self::Encoding,
        Self::Fields,
        Self::Issuer,
        Self::IssuerKey,
        Self::Signature,
        Self::Status,
        Self::Revocation,
        Self::StatusTime,
        Self::NotBefore,
        Self::NotAfter,
        Self::SubjectKey,
        Self::Subject,
    ];

    /// The name of the check for programs. It stays the same in later versions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Fields => "fields",
            Self::Issuer => "issuer",
            Self::IssuerKey => "issuer_key",
            Self::Signature => "signature",
            Self::Status => "status",
            Self::Revocation => "revocation",
            Self::StatusTime => "status_time",
            Self::NotBefore => "not_before",
            Self::NotAfter => "not_after",
            Self::SubjectKey => "subject_key",
            Self::Subject => "subject",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
