//! The checks of CRLs, by name, and the reasons why a certificate is not accepted.

use core::fmt;

use super::RevokedCertificate;
use crate::time::UnixTime;
use crate::x509::check::checks;
use crate::x509::{Check, CrlReason, Limit, PathError, Place};

checks! {
    /// A check of a CRL for a certificate. If no CRL passes all of them, the status of the certificate is not known.
    ///
    /// A later check is nearer to a known status.
    CrlCheck;

    /// There is a CRL of the issuer that the certificate or its distribution point names.
    Issuer, "crl_issuer", "RFC 5280 §6.3.3 (b)(1)";
    /// The certificate is in the scope of the CRL.
    Scope, "crl_scope", "RFC 5280 §6.3.3 (b)(2)";
    /// The signed algorithm is the one beside the signature.
    AlgorithmMatch, "crl_algorithm_match", "RFC 5280 §5.1.1.2";
    /// Each critical extension of the CRL is known.
    CriticalExtension, "crl_critical_extension", "RFC 5280 §5.2";
    /// Each critical extension of an entry is known.
    CriticalEntryExtension, "crl_critical_entry_extension", "RFC 5280 §5.3";
    /// The CRL has a number, which is not critical.
    Number, "crl_number", "RFC 5280 §5.2.3";
    /// The CRL names a key of the issuer, and the algorithm accepts the key.
    IssuerKey, "crl_issuer_key", "RFC 5280 §5.2.1, §6.3.3 (g)";
    /// The key that has signed the CRL may sign CRLs.
    KeyUsage, "crl_key_usage", "RFC 5280 §6.3.3 (f)";
    /// The signature is by an accepted algorithm.
    SignatureAlgorithm, "crl_signature_algorithm", "RFC 5280 §6.3.3 (g)";
    /// A key of the issuer has signed the CRL.
    Signature, "crl_signature", "RFC 5280 §6.3.3 (g)";
    /// The certificate of the CRL's issuer has a valid path from the same trust anchor.
    IssuerPath, "crl_issuer_path", "RFC 5280 §6.3.3 (f)";
    /// The time is not before thisUpdate.
    ThisUpdate, "crl_this_update", "RFC 5280 §5.1.2.4";
    /// The time is not after nextUpdate, which is present. A delta CRL can replace the CRL that comes next.
    NextUpdate, "crl_next_update", "RFC 5280 §5.1.2.5";
    /// The CRLs together are about all reasons of a revocation.
    Reasons, "crl_reasons", "RFC 5280 §6.3.3 (d), (e)";
}

/// The reason why CRLs do not allow a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RevocationError {
    /// A certificate is revoked.
    Revoked {
        /// The certificate.
        place: Place,
        /// This one of the CRLs says so, counted from 0.
        crl: usize,
        /// The reason, if it is given.
        reason: Option<CrlReason>,
        /// The time of the revocation.
        revoked_at: UnixTime,
    },
    /// The status of a certificate is not known.
    Unknown {
        /// The certificate.
        place: Place,
        /// The check that failed, of the CRL that came farthest.
        check: CrlCheck,
        /// This CRL, counted from 0, or `None` if there is no CRL of the issuer.
        crl: Option<usize>,
    },
    /// The check was ended, because the budget was used up.
    Budget(Limit),
}

impl RevocationError {
    pub(super) const fn revoked(place: Place, crl: usize, entry: &RevokedCertificate<'_>) -> Self {
        Self::Revoked { place, crl, reason: entry.reason, revoked_at: entry.revoked_at }
    }
}

impl From<RevocationError> for PathError {
    /// The error of a path, with [`Check::Revocation`].
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Revoked { place, .. } | RevocationError::Unknown { place, .. } => {
                Self::Refused { check: Check::Revocation, place, at: None }
            }
            RevocationError::Budget(limit) => Self::Budget(limit),
        }
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked { place, crl, reason, revoked_at } => {
                write!(f, "{place} was revoked at {revoked_at}, says the CRL {crl}")?;
                reason.map_or(Ok(()), |reason| write!(f, " with the reason {reason}"))
            }
            Self::Unknown { place, check, crl: Some(crl) } => {
                let section = check.section();
                write!(
                    f,
                    "{place}: no CRL tells its status, the CRL {crl} does not pass the check {check} ({section})"
                )
            }
            Self::Unknown { place, check, crl: None } => {
                write!(f, "{place}: there is no CRL of its issuer ({check}, {})", check.section())
            }
            Self::Budget(limit) => write!(f, "{}", PathError::Budget(*limit)),
        }
    }
}

impl core::error::Error for RevocationError {}
