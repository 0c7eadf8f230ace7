//! The requests about revocation: revoke by the holder, and status (protocol §7).

use serde::Serialize;

use super::integer;
use crate::bytes::BufferTooSmall;
use crate::encoding::base64::Encoded;
use crate::encoding::json;
use crate::limits::KEY;
use crate::trust::{RevocationReason, Serial};

pub(super) const REVOKE: &str = "revoke_request";
pub(super) const STATUS: &str = "status_request";

/// A request to revoke a certificate, by its holder. The CA answers with a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokeRequest {
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
    /// The reason. A CA refuses [`RevocationReason::RemoveFromHold`].
    pub reason: RevocationReason,
    /// 32 fresh random bytes.
    pub nonce: [u8; KEY],
}

/// A request for the status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
    /// 32 fresh random bytes, which the status must have. Without a nonce, the status may be an earlier one that is
    /// still in its period.
    pub nonce: Option<[u8; KEY]>,
}

// The messages as they are written, with their keys in canonical order.

#[derive(Serialize)]
struct RevokeObject<'a> {
    nonce_b64: Encoded<'a>,
    reason: &'a str,
    serial_number: u64,
    r#type: &'a str,
}

#[derive(Serialize)]
struct StatusObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce_b64: Option<Encoded<'a>>,
    serial_number: u64,
    r#type: &'a str,
}

impl RevokeRequest {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`], also for a serial number above 2^53-1.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let object = RevokeObject {
            nonce_b64: Encoded(&self.nonce),
            reason: self.reason.name(),
            serial_number: integer(self.serial_number)?,
            r#type: REVOKE,
        };
        json::encode(&object, out)
    }
}

impl StatusRequest {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`], also for a serial number above 2^53-1.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let object = StatusObject {
            nonce_b64: self.nonce.as_ref().map(|nonce| Encoded(nonce)),
            serial_number: integer(self.serial_number)?,
            r#type: STATUS,
        };
        json::encode(&object, out)
    }
}
