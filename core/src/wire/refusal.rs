//! Refusals: a stable code for programs and a sentence for people (protocol §6).

use core::fmt;

use serde::Serialize;

use super::WireError;
use crate::bytes::BufferTooSmall;
use crate::encoding::json::{self, Form, Member, Reader};

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
const TABLE: [(Code, &str, &str); 14] = [
    (
        Code::BadFrame,
        "bad_frame",
        "the frame is empty or longer than the limit, and the connection ends here",
    ),
    (Code::BadJson, "bad_json", "the message is not canonical JSON as the protocol defines it"),
    (Code::BadRequest, "bad_request", "a field of the message is missing, unknown or malformed"),
    (Code::UnknownType, "unknown_type", "this type of message is not served here"),
    (Code::SubjectTaken, "subject_taken", "the subject has a live certificate for another key"),
    (Code::ProofFailed, "proof_failed", "the proof does not fit the key, the token and the pinned CA"),
    (Code::TokenInvalid, "token_invalid", "a valid enrolment token for this subject is needed"),
    (Code::NotAllowed, "not_allowed", "this CA does not serve this form of request"),
    (Code::Busy, "busy", "too much is waiting here"),
    (
        Code::RateLimited,
        "rate_limited",
        "this key, name or network has got too many certificates within an hour",
    ),
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

/// The members of a response, which may be a refusal. They are found in one pass over the body.
pub(super) struct Members<'a> {
    pub(super) certificate: Member<&'a [u8]>,
    /// Absent in the classic form, which has no codes.
    pub(super) code: Member<&'a str>,
    pub(super) error: Member<&'a str>,
    pub(super) ok: Member<bool>,
}

impl<'a> Members<'a> {
    /// Reads the body of a response.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body, Form::Relaxed)?;
        let mut members = Self {
            certificate: reader.member("certificate"),
            code: reader.member("code"),
            error: reader.member("error"),
            ok: reader.member("ok"),
        };
        while let Some(key) = reader.next_key()? {
            match key {
                "certificate" => reader.raw(&mut members.certificate)?,
                "code" => reader.string(&mut members.code)?,
                "error" => reader.string(&mut members.error)?,
                "ok" => reader.boolean(&mut members.ok)?,
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        Ok(members)
    }

    /// Makes a refusal of the members.
    pub(super) fn refusal(self) -> Result<Refusal<'a>, WireError> {
        self.certificate.absent()?;
        let (code, text) = (self.code.optional()?, self.error.required()?);
        if self.ok.required()? {
            return Err(WireError::Field("ok"));
        }
        Ok(Refusal { code: code.map_or(Code::Other, Code::from_name), text })
    }
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
        Members::read(body)?.refusal()
    }
}
