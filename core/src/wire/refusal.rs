//! Refusals: a stable code for programs and a sentence for people (protocol §6).

use core::fmt;

use serde::{Deserialize, Serialize};

use super::WireError;
use crate::bytes::BufferTooSmall;
use crate::encoding::json::{self, Form};

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
    /// The `type` is none that is served here.
    UnknownType,
    /// The subject has a live certificate for another key.
    SubjectTaken,
    /// The proof does not fit the key, the token and the challenge.
    ProofFailed,
    /// A token is needed, and none that is valid was proven.
    TokenInvalid,
    /// Policy does not serve this form of request.
    NotAllowed,
    /// Too much is waiting; try again later.
    Busy,
    /// Too many certificates were issued for this key, name or network (RFC 8555 §6.7, `rateLimited`).
    RateLimited,
    /// Something failed on the refusing side, which has logged it.
    Internal,
    /// A Noise handshake message was refused.
    HandshakeFailed,
    /// The certificate shown in a handshake was refused.
    CertificateRefused,
    /// A code this version does not know, or none (older peers send none).
    Other,
}

/// Each code, its name on the wire and its sentence: the one table.
const TABLE: [(Code, &str, &str); 14] = [
    (Code::BadFrame, "bad_frame", "the frame is empty or longer than the limit; the connection ends here"),
    (Code::BadJson, "bad_json", "the message is not canonical JSON as the protocol defines it"),
    (Code::BadRequest, "bad_request", "a field of the message is missing, unknown or malformed"),
    (Code::UnknownType, "unknown_type", "this type of message is not served here"),
    (
        Code::SubjectTaken,
        "subject_taken",
        "the subject has a live certificate for another key; ask the operator for a token, or use that key",
    ),
    (
        Code::ProofFailed,
        "proof_failed",
        "the proof does not fit; check key, token and the pinned CA fingerprint",
    ),
    (
        Code::TokenInvalid,
        "token_invalid",
        "a valid enrolment token for this subject is needed; ask the operator for one",
    ),
    (Code::NotAllowed, "not_allowed", "this CA does not serve this form of request; use the proven form"),
    (Code::Busy, "busy", "too much is waiting here; try again in a moment"),
    (
        Code::RateLimited,
        "rate_limited",
        "this key, name or network has got too many certificates within an hour; try again later",
    ),
    (
        Code::Internal,
        "internal",
        "the request failed on this side and was logged; try again, or tell the operator",
    ),
    (Code::HandshakeFailed, "handshake_failed", "the handshake message was refused"),
    (Code::CertificateRefused, "certificate_refused", "the certificate shown was refused"),
    (Code::Other, "other", "refused for a reason this version does not know"),
];

impl Code {
    /// Every code there is.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> (&'static str, &'static str) {
        TABLE.iter().find(|row| row.0 == self).map_or(("other", ""), |&(_, name, text)| (name, text))
    }

    /// The code as it travels.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// A sentence for the person who meets the refusal.
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    // Absent in the classic form, which knows no codes.
    #[serde(borrow, default)]
    code: Option<&'a str>,
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
        json::encode(&Wire { code: Some(self.code.as_str()), error: self.text, ok: false }, out)
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`] if it is anything but a refusal.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let wire: Wire<'a> = json::decode(body, Form::Relaxed)?;
        if wire.ok {
            return Err(WireError::Field("ok"));
        }
        Ok(Self { code: wire.code.map_or(Code::Other, Code::from_name), text: wire.error })
    }
}
