//! The request for the X.509 twin of a certificate (protocol §7).

use serde::Serialize;

use super::integer;
use crate::bytes::BufferTooSmall;
use crate::encoding::json;
use crate::trust::Serial;

pub(super) const REQUEST: &str = "x509_request";

/// A request for the X.509 twin of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X509Request {
    /// The serial number of the certificate, 1..=2^53-1.
    pub serial_number: Serial,
}

// The message as it is written, with its keys in canonical order.
#[derive(Serialize)]
struct Object<'a> {
    serial_number: u64,
    r#type: &'a str,
}

impl X509Request {
    /// Writes the message's body; returns its length in bytes.
    ///
    /// # Errors
    /// [`BufferTooSmall`], also for a serial number above 2^53-1.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        json::encode(&Object { serial_number: integer(self.serial_number)?, r#type: REQUEST }, out)
    }
}
