//! The checks of OCSP responses, by name, and the reasons why a certificate is not accepted.

use core::fmt;

use super::OcspStatus;
use crate::time::UnixTime;
use crate::x509::CrlReason;
use crate::x509::check::checks;

checks! {
    /// A check of an OCSP response for a certificate, in the order in which they are made.
    OcspCheck;

    /// Each critical extension of the response is known.
    CriticalExtension, "ocsp_critical_extension", "RFC 6960 §4.4";
    /// The response has the nonce of the request.
    Nonce, "ocsp_nonce", "RFC 6960 §4.4.1; RFC 9654";
    /// The responder is the issuer, or has a certificate in the response that the issuer has signed.
    Responder, "ocsp_responder", "RFC 6960 §4.2.2.2";
    /// The responder's certificate is well formed, and each critical extension in it is known.
    ResponderExtension, "ocsp_responder_extension", "RFC 5280 §4.2";
    /// The responder's certificate has the purpose OCSPSigning.
    ResponderPurpose, "ocsp_responder_purpose", "RFC 6960 §4.2.2.2";
    /// The responder's key may sign.
    ResponderKeyUsage, "ocsp_responder_key_usage", "RFC 5280 §4.2.1.3";
    /// The responder's certificate has ocsp-nocheck: its own status need not be known.
    ResponderNoCheck, "ocsp_responder_no_check", "RFC 6960 §4.2.2.2.1";
    /// The responder's certificate is valid now.
    ResponderTime, "ocsp_responder_time", "RFC 5280 §6.1.3 (a)(2)";
    /// The signature is by an accepted algorithm.
    SignatureAlgorithm, "ocsp_signature_algorithm", "RFC 6960 §3.2 (2)";
    /// The key of the responder is accepted by the algorithm.
    ResponderKey, "ocsp_responder_key", "RFC 6960 §3.2 (2)";
    /// The key of the responder has signed the response.
    Signature, "ocsp_signature", "RFC 6960 §3.2 (2)";
    /// The response has an answer about the certificate.
    CertId, "ocsp_cert_id", "RFC 6960 §3.2 (1)";
    /// The time is not before thisUpdate.
    ThisUpdate, "ocsp_this_update", "RFC 6960 §3.2 (5)";
    /// The time is not after nextUpdate. An answer without it needs a nonce.
    NextUpdate, "ocsp_next_update", "RFC 6960 §3.2 (6)";
    /// The responder knows the certificate.
    Known, "ocsp_known", "RFC 6960 §2.2";
}

/// The reason why an OCSP response does not allow a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OcspError {
    /// The certificate is revoked.
    Revoked {
        /// The time of the revocation.
        revoked_at: UnixTime,
        /// The reason, if it is given.
        reason: Option<CrlReason>,
    },
    /// The responder gives no answer.
    NoAnswer(OcspStatus),
    /// A check failed: the status of the certificate is not known.
    Refused(OcspCheck),
}

impl From<OcspCheck> for OcspError {
    fn from(check: OcspCheck) -> Self {
        Self::Refused(check)
    }
}

impl fmt::Display for OcspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked { revoked_at, reason } => {
                write!(f, "the certificate was revoked at {revoked_at}")?;
                reason.map_or(Ok(()), |reason| write!(f, " with the reason {reason}"))
            }
            Self::NoAnswer(status) => f.write_str(match status {
                OcspStatus::Successful => "the OCSP response has no answer",
                OcspStatus::MalformedRequest => "the OCSP responder cannot read the request",
                OcspStatus::InternalError => "the OCSP responder has failed",
                OcspStatus::TryLater => "the OCSP responder is busy",
                OcspStatus::SigRequired => "the OCSP responder wants a signed request",
                OcspStatus::Unauthorized => "the OCSP responder has no answer for this client or this CA",
            }),
            Self::Refused(check) => {
                write!(f, "the OCSP response does not pass the check {check} ({})", check.section())
            }
        }
    }
}

impl core::error::Error for OcspError {}
