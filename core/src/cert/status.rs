//! The status of a certificate, signed by its issuer (protocol §7, after RFC 6960).

use serde::Serialize;

use super::signed::{SignatureError, Signed};
use super::{Anchor, Error, Id};
use crate::bytes::BufferTooSmall;
use crate::crypto::{Hash, VerifySignature, rsa};
use crate::encoding::base64::{self, Encoded};
use crate::encoding::json::{self, Form, MAX_INTEGER, Reader};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::time::UnixTime;
use crate::trust::{CertStatus, GenuineStatus, Revocation, RevocationReason, Serial};

const TYPE: &str = "certificate_status";

/// The fields of a status before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct TbsStatus<'a> {
    /// The name of the issuer, which signs.
    pub issuer_id: Id<'a>,
    /// The fingerprint of the issuer's key, which verifies the status and the certificate.
    pub issuer_key: Fingerprint,
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
    /// The status.
    pub status: CertStatus,
    /// The revocation number of the issuer, at most 2^53-1.
    pub number: u64,
    /// The time of this statement.
    pub this_update: UnixTime,
    /// The time until which the statement may be used; not before `this_update`.
    pub next_update: UnixTime,
    /// The nonce of the request, if it had one.
    pub nonce: Option<[u8; KEY]>,
}

/// The text as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    issuer_id: &'a str,
    issuer_key_sha256: Fingerprint,
    next_update: UnixTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce_b64: Option<Encoded<'a>>,
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<UnixTime>,
    serial_number: u64,
    status: &'a str,
    this_update: UnixTime,
    r#type: &'a str,
}

impl TbsStatus<'_> {
    /// Writes the text to sign, by RSASSA-PSS over its SHA-256, to the start of `out`.
    ///
    /// # Errors
    /// [`Error::SerialNumber`] above 2^53-1; [`Error::StatusField`] for a `number` above 2^53-1, for the reason
    /// [`RevocationReason::RemoveFromHold`], and for a `next_update` before `this_update`;
    /// [`Error::BufferTooSmall`]. [`limits::STATUS`](crate::limits::STATUS) bytes are always enough.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let serial_number = self.serial_number.to_u64().filter(|&number| number <= MAX_INTEGER);
        let revocation = match self.status {
            CertStatus::Revoked(revocation) => Some(revocation),
            CertStatus::Good | CertStatus::Unknown => None,
        };
        if self.number > MAX_INTEGER {
            return Err(Error::StatusField("number"));
        }
        if revocation.is_some_and(|revocation| revocation.reason == RevocationReason::RemoveFromHold) {
            return Err(Error::StatusField("reason"));
        }
        period(self.this_update, self.next_update)?;
        let object = Object {
            issuer_id: self.issuer_id.as_str(),
            issuer_key_sha256: self.issuer_key,
            next_update: self.next_update,
            nonce_b64: self.nonce.as_ref().map(|nonce| Encoded(nonce)),
            number: self.number,
            reason: revocation.map(|revocation| revocation.reason.name()),
            revoked_at: revocation.map(|revocation| revocation.revoked_at),
            serial_number: serial_number.ok_or(Error::SerialNumber)?,
            status: self.status.name(),
            this_update: self.this_update,
            r#type: TYPE,
        };
        let len = json::encode(&object, out)?;
        Ok(out.get(..len).ok_or(BufferTooSmall)?)
    }
}

/// A parsed status. It proves nothing until [`verify_status`] or [`verify`](super::verify()) has verified it.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    signed: Signed<'a>,
    issuer_id: Id<'a>,
    issuer_key: Fingerprint,
    serial_number: Serial,
    status: CertStatus,
    number: u64,
    this_update: UnixTime,
    next_update: UnixTime,
    nonce: Option<[u8; KEY]>,
}

impl<'a> Status<'a> {
    /// Reads a status, which must be the whole of `text`, in canonical form.
    ///
    /// # Errors
    /// [`Error::StatusJson`], or [`Error::StatusField`] with the first malformed field.
    #[inline(never)] // So that the reader leaves the stack before the caller needs it.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(text, Form::Canonical).map_err(Error::StatusJson)?;
        let (mut number, mut serial_number) = (reader.member("number"), reader.member("serial_number"));
        let mut strings = [
            "ca_signature_b64",
            "issuer_id",
            "issuer_key_sha256",
            "next_update",
            "nonce_b64",
            "reason",
            "revoked_at",
            "status",
            "this_update",
            "type",
        ]
        .map(|name| reader.member(name));
        let read = || {
            while let Some(key) = reader.next_key()? {
                match (key, strings.iter_mut().find(|member| member.name() == key)) {
                    ("number", _) => reader.integer(&mut number)?,
                    ("serial_number", _) => reader.integer(&mut serial_number)?,
                    (_, Some(member)) => reader.string(member)?,
                    _ => reader.unknown()?,
                }
            }
            reader.finish()?;
            let [signature, id, key, next, nonce, reason, revoked_at, status, this, kind] = strings;
            let (reason, revoked_at) = (reason.optional()?, revoked_at.optional()?);
            let required = [signature, id, key, next, status, this, kind];
            let mut texts = [""; 7];
            for (text, member) in texts.iter_mut().zip(required) {
                *text = member.required()?;
            }
            Ok((texts, nonce.optional()?, reason, revoked_at, number.required()?, serial_number.required()?))
        };
        let (texts, nonce, reason, revoked_at, number, serial_number) = read().map_err(Error::StatusJson)?;
        let [signature_b64, issuer_id, issuer_key, next_update, status, this_update, kind] = texts;

        let field = Error::StatusField;
        let time = |name, text: &str| text.parse().map_err(|_| field(name));
        if kind != TYPE {
            return Err(field("type"));
        }
        let revocation = match (reason, revoked_at) {
            (None, None) => None,
            (Some(reason), Some(at)) => {
                let reason =
                    RevocationReason::from_name(reason).filter(|&r| r != RevocationReason::RemoveFromHold);
                let reason = reason.ok_or(field("reason"))?;
                Some(Revocation { reason, revoked_at: time("revoked_at", at)? })
            }
            (None, Some(_)) => return Err(field("reason")),
            (Some(_), None) => return Err(field("revoked_at")),
        };
        let (this_update, next_update) =
            (time("this_update", this_update)?, time("next_update", next_update)?);
        period(this_update, next_update)?;
        Ok(Self {
            signed: Signed::new(text, signature_b64),
            issuer_id: Id::new(issuer_id).map_err(|_| field("issuer_id"))?,
            issuer_key: Fingerprint::from_lower_hex(issuer_key).ok_or(field("issuer_key_sha256"))?,
            serial_number: Serial::new(serial_number).map_err(|_| field("serial_number"))?,
            status: match (status, revocation) {
                ("good", None) => CertStatus::Good,
                ("unknown", None) => CertStatus::Unknown,
                ("revoked", Some(revocation)) => CertStatus::Revoked(revocation),
                _ => return Err(field("status")),
            },
            number,
            this_update,
            next_update,
            nonce: match nonce {
                Some(nonce) => Some(base64::decode_array(nonce).map_err(|_| field("nonce_b64"))?),
                None => None,
            },
        })
    }

    /// The whole text, to be passed on byte for byte.
    pub const fn text(&self) -> &'a [u8] {
        self.signed.text()
    }

    /// The signed text: these two slices, one after the other.
    pub fn signed_slices(&self) -> [&'a [u8]; 2] {
        self.signed.slices()
    }

    /// The issuer name in the status. Not verified.
    pub const fn issuer_id(&self) -> Id<'a> {
        self.issuer_id
    }

    /// The fingerprint of the issuer's key in the status. Not verified.
    pub const fn issuer_key(&self) -> Fingerprint {
        self.issuer_key
    }

    /// The serial number of the certificate.
    pub const fn serial_number(&self) -> Serial {
        self.serial_number
    }

    /// The status.
    pub const fn status(&self) -> CertStatus {
        self.status
    }

    /// The revocation number of the issuer.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The time of the statement.
    pub const fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// The time until which the statement may be used.
    pub const fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// The nonce of the request, if it had one.
    pub const fn nonce(&self) -> Option<&[u8; KEY]> {
        self.nonce.as_ref()
    }

    /// Checks that the status is by this issuer, and by the key with this fingerprint.
    pub(super) fn require_issuer(&self, issuer_id: Id<'_>, key: Fingerprint) -> Result<(), Error> {
        let same = self.issuer_id == issuer_id && self.issuer_key == key;
        if same { Ok(()) } else { Err(Error::StatusIssuer) }
    }

    /// Verifies that `key` has signed the status, and that it is about the certificate with this serial number.
    pub(super) fn verify<V: Hash + VerifySignature>(
        &self,
        verifier: V,
        key: &rsa::PublicKey<V::Sizes>,
        serial_number: Serial,
    ) -> Result<GenuineStatus, Error> {
        if self.serial_number != serial_number {
            return Err(Error::StatusSerial);
        }
        self.signed.verify(verifier, key).map_err(|error| match error {
            SignatureError::Encoding => Error::StatusField("ca_signature_b64"),
            SignatureError::Wrong(error) => Error::StatusSignature(error),
        })?;
        let Self { status, this_update, next_update, number, .. } = *self;
        Ok(GenuineStatus { status, this_update, next_update, number })
    }
}

/// Verifies that the CA of `anchor` has signed `status`, about the certificate with this serial number, as the answer
/// to a request with this `nonce`. The checks are those of [`verify`](super::verify()). The statement and its time are
/// not checked: the caller asked for them.
///
/// # Errors
/// [`Error::AnchorIncomplete`] if the anchor has only a fingerprint; [`Error::StatusIssuer`], [`Error::StatusNonce`],
/// [`Error::StatusSerial`], [`Error::StatusSignature`]; [`Error::StatusField`] for a malformed signature.
pub fn verify_status<V: Hash + VerifySignature>(
    verifier: V,
    anchor: &Anchor<V::Sizes>,
    status: &Status<'_>,
    serial_number: Serial,
    nonce: Option<&[u8; KEY]>,
) -> Result<(), Error> {
    let (Some(issuer_id), Some(key)) = (anchor.issuer_id(), anchor.key()) else {
        return Err(Error::AnchorIncomplete);
    };
    status.require_issuer(issuer_id, anchor.fingerprint())?;
    if status.nonce() != nonce {
        return Err(Error::StatusNonce);
    }
    status.verify(verifier, key, serial_number).map(drop)
}

/// Checks that a period does not end before it begins.
fn period(this_update: UnixTime, next_update: UnixTime) -> Result<(), Error> {
    if this_update <= next_update { Ok(()) } else { Err(Error::StatusField("next_update")) }
}
