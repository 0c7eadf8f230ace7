//! Refusals: a stable code for programs and a sentence for people (protocol §6).

use core::fmt;

use serde::Serialize;

use super::{Response, WireError};
use crate::bytes::BufferTooSmall;
use crate::encoding::json;

/// The reason of a refusal, as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Code {
    /// The frame's length is 0 or above the limit; the connection ends.
    BadFrame,
    /// The body is not in the JSON profile.
    BadJson,
    /// The body is JSON, but a field is missing, unknown or malformed.
    BadRequest,
    /// The receiver does not serve the `type`.
    UnknownType,
    /// The subject has a live certificate for another key.
    SubjectTaken,
    /// The proof does not fit the key, the token and the challenge.
    ProofFailed,
    /// The request needs a valid token, and proves none.
    TokenInvalid,
    /// The policy does not allow this form of request.
    NotAllowed,
    /// Too much is waiting; try again later.
    Busy,
    /// Too many certificates were issued for this key, name or network (RFC 8555 §6.7, `rateLimited`).
    RateLimited,
    /// The certificate is revoked or on hold, or its key must not be certified again.
    Revoked,
    /// The CA has issued no certificate with this serial number to this subject.
    UnknownCertificate,
    /// The certificate ended too long ago to be renewed, or has ended and gets no X.509 twin.
    Expired,
    /// Something failed on the refusing side, which has logged it.
    Internal,
    /// A Noise handshake message was refused.
    HandshakeFailed,
    /// The certificate shown in a handshake was refused.
    CertificateRefused,
    /// A code that this version does not know, or no code (older peers send none).
    Other,
}

/// The table of all codes: the code, its name on the wire, and its sentence.
const TABLE: [(Code, &str, &str); 17] = [
    (
        Code::BadFrame,
        "bad_frame",
        "the frame is empty or longer than the limit, and the connection ends here",
    ),
    (Code::BadJson, "bad_json", "the message is not canonical JSON as the protocol defines it"),
    (Code::BadRequest, "bad_request", "a field of the message is missing, unknown or malformed"),
    (Code::UnknownType, "unknown_type", "this type of message is not served here"),
    (Code::SubjectTaken, "subject_taken", "the subject has a live certificate for another key"),
    (
        Code::ProofFailed,
        "proof_failed",
        "the proof does not fit the key, the pinned CA and the token (if sent)",
    ),
    (Code::TokenInvalid, "token_invalid", "a valid enrolment token for this subject is needed"),
    (Code::NotAllowed, "not_allowed", "this CA does not serve this form of request"),
    (Code::Busy, "busy", "too much is waiting here"),
    (
        Code::RateLimited,
        "rate_limited",
        "too many requests of this key, name or network were granted within an hour",
    ),
    (Code::Revoked, "revoked", "the certificate is revoked or on hold, or its key was compromised"),
    (
        Code::UnknownCertificate,
        "unknown_certificate",
        "this CA has issued no such certificate to this subject",
    ),
    (Code::Expired, "expired", "the certificate ended too long ago"),
    (Code::Internal, "internal", "the request failed on this side and was logged"),
    (Code::HandshakeFailed, "handshake_failed", "the handshake message was refused"),
    (Code::CertificateRefused, "certificate_refused", "the certificate shown was refused"),
    (Code::Other, "other", "refused for a reason this version does not know"),
];

impl Code {
    /// All codes.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> (&'static str, &'static str) {
        TABLE.iter().find(|row| row.0 == self).map_or(("other", ""), |&(_, name, text)| (name, text))
    }

    /// The name of the code on the wire.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The reason as a sentence, for people.
    pub fn text(self) -> &'static str {
        self.row().1
    }

    /// The code of this name; [`Code::Other`] if it is not known.
    pub fn from_name(name: &str) -> Self {
        TABLE.iter().find(|row| row.1 == name).map_or(Self::Other, |row| row.0)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `{"code":"…","error":"…","ok":false}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The reason, for programs.
    pub code: Code,
    /// The reason, for people: printable ASCII.
    pub text: &'a str,
}

/// The message as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    code: &'a str,
    error: &'a str,
    ok: bool,
}

impl From<Code> for Refusal<'static> {
    fn from(code: Code) -> Self {
        Self { code, text: code.text() }
    }
}

impl<'a> Refusal<'a> {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        json::encode(&Object { code: self.code.as_str(), error: self.text, ok: false }, out)
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`] if it is not a refusal.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        match Response::decode(body)? {
            Response::Refused(refusal) => Ok(refusal),
            _ => Err(WireError::Field("ok")),
        }
    }
}
