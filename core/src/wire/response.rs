//! The response of a CA, which ends an exchange (protocol §4, §6, §7).

use serde::Serialize;

use super::{Code, Refusal, WireError, integer};
use crate::bytes::{BufferTooSmall, Writer};
use crate::encoding::json::{self, Form, Member, Reader};
use crate::time::UnixTime;
use crate::trust::{Revocation, RevocationReason, Serial};

/// The response of a CA to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The certificate's text, not verified.
    Issued(&'a [u8]),
    /// The certificate with this serial number is revoked.
    Revoked(Serial, Revocation),
    /// The text of a status, not verified.
    Status(&'a [u8]),
    /// The text of a JSON array with the anchor updates of the CA, the first one first. Not verified.
    /// [`anchors::each_update`](super::anchors::each_update) reads it.
    Anchors(&'a [u8]),
    /// The X.509 twin of a certificate: the base64 of its DER, not verified.
    X509(&'a str),
    /// The request is refused.
    Refused(Refusal<'a>),
}

// The message as it is written, with its keys in canonical order.

#[derive(Serialize)]
struct RevokedResponse<'a> {
    ok: bool,
    revoked: RevokedObject<'a>,
}

#[derive(Serialize)]
struct RevokedObject<'a> {
    reason: &'a str,
    revoked_at: UnixTime,
    serial_number: u64,
}

/// The members of `revoked`.
struct Revoked<'a> {
    reason: Member<&'a str>,
    revoked_at: Member<&'a str>,
    serial: Member<u64>,
}

impl<'a> Revoked<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, json::JsonError> {
        let mut members = Self {
            reason: reader.member("reason"),
            revoked_at: reader.member("revoked_at"),
            serial: reader.member("serial_number"),
        };
        while let Some(key) = reader.next_key()? {
            match key {
                "reason" => reader.string(&mut members.reason)?,
                "revoked_at" => reader.string(&mut members.revoked_at)?,
                "serial_number" => reader.integer(&mut members.serial)?,
                _ => reader.unknown()?,
            }
        }
        Ok(members)
    }

    fn response(self) -> Result<Response<'a>, WireError> {
        let (reason, at, serial) =
            (self.reason.required()?, self.revoked_at.required()?, self.serial.required()?);
        let reason =
            RevocationReason::from_name(reason).filter(|&reason| reason != RevocationReason::RemoveFromHold);
        let revocation = Revocation {
            reason: reason.ok_or(WireError::Field("reason"))?,
            revoked_at: at.parse().map_err(|_| WireError::Field("revoked_at"))?,
        };
        let serial = Serial::new(serial).map_err(|_| WireError::Field("serial_number"))?;
        Ok(Response::Revoked(serial, revocation))
    }
}

impl<'a> Response<'a> {
    /// Writes the message's body; returns its length in bytes. Signed texts are passed on as they are.
    ///
    /// # Errors
    /// [`BufferTooSmall`], also for a serial number above 2^53-1.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let mut writer = Writer::new(out);
        match self {
            Self::Refused(refusal) => return refusal.encode(out),
            Self::Revoked(serial, revocation) => {
                let revoked = RevokedObject {
                    reason: revocation.reason.name(),
                    revoked_at: revocation.revoked_at,
                    serial_number: integer(*serial)?,
                };
                return json::encode(&RevokedResponse { ok: true, revoked }, out);
            }
            Self::Issued(certificate) => {
                writer.put(b"{\"certificate\":").put(certificate).put(b",\"ok\":true}");
            }
            Self::Status(status) => {
                writer.put(b"{\"ok\":true,\"status\":").put(status).put(b"}");
            }
            Self::X509(twin) => {
                writer.put(b"{\"ok\":true,\"x509_b64\":\"").put(twin.as_bytes()).put(b"\"}");
            }
            Self::Anchors(updates) => {
                writer.put(b"{\"anchors\":").put(updates).put(b",\"ok\":true}");
            }
        }
        Ok(writer.finish()?.len())
    }

    /// Reads the message's body.
    ///
    /// # Errors
    /// [`WireError`] if it is none of the responses.
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body, Form::Relaxed)?;
        let mut anchors = reader.member("anchors");
        let mut certificate = reader.member("certificate");
        let mut code = reader.member("code");
        let mut error = reader.member("error");
        let mut ok = reader.member("ok");
        let mut revoked = reader.member("revoked");
        let mut status = reader.member("status");
        let mut x509 = reader.member("x509_b64");
        while let Some(key) = reader.next_key()? {
            match key {
                "anchors" => reader.raw(&mut anchors)?,
                "certificate" => reader.raw(&mut certificate)?,
                "code" => reader.string(&mut code)?,
                "error" => reader.string(&mut error)?,
                "ok" => reader.boolean(&mut ok)?,
                "revoked" => reader.object(&mut revoked, Revoked::read)?,
                "status" => reader.raw(&mut status)?,
                "x509_b64" => reader.string(&mut x509)?,
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        // The classic form has no codes.
        let (certificate, revoked, status) =
            (certificate.optional()?, revoked.optional()?, status.optional()?);
        let (anchors, x509, code) = (anchors.optional()?, x509.optional()?, code.optional()?);
        let (response, granted) = match (certificate, revoked, status, anchors, x509) {
            (None, None, None, None, None) => {
                let text = error.required()?;
                (Self::Refused(Refusal { code: code.map_or(Code::Other, Code::from_name), text }), false)
            }
            (Some(certificate), None, None, None, None) => (Self::Issued(certificate), true),
            (None, Some(revoked), None, None, None) => (revoked.response()?, true),
            (None, None, Some(status), None, None) => (Self::Status(status), true),
            (None, None, None, Some(anchors), None) => (Self::Anchors(anchors), true),
            (None, None, None, None, Some(twin)) => (Self::X509(twin), true),
            _ => return Err(WireError::Field("ok")),
        };
        if granted {
            error.absent()?;
        }
        if ok.required()? == granted && !(granted && code.is_some()) {
            Ok(response)
        } else {
            Err(WireError::Field("ok"))
        }
    }
}
