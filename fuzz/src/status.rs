//! Statuses of certificates.

use minipki_core::cert::{Certificate, Status, TbsStatus, verify_status};
use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::limits::STATUS;

use crate::peers;

/// Checks any text. Returns whether the issuer has signed it.
///
/// - A status that parses is canonical JSON, and is no certificate.
/// - Its fields have one encoding: they are written again as the same signed text.
/// - Only the statuses that the issuer has signed verify under its key.
pub fn status(text: &[u8]) -> bool {
    let Ok(status) = Status::parse(text) else { return false };
    assert_eq!(check(text, Form::Canonical), Ok(()));
    assert_eq!(status.text(), text);
    assert!(Certificate::parse(text).is_err(), "a status and a certificate at once");
    let fields = TbsStatus {
        issuer_id: status.issuer_id(),
        issuer_key: status.issuer_key(),
        serial_number: status.serial_number(),
        status: status.status(),
        number: status.number(),
        this_update: status.this_update(),
        next_update: status.next_update(),
        nonce: status.nonce().copied(),
    };
    let mut out = [0; STATUS];
    let encoded = fields.encode(&mut out).expect("room for any status");
    assert_eq!(encoded, status.signed_slices().concat());

    let (serial, nonce) = (status.serial_number(), status.nonce());
    let genuine = verify_status(Portable::new(), &peers::anchor(), &status, serial, nonce).is_ok();
    let honest = [peers::RESPONDER_STATUS, peers::INITIATOR_STATUS, peers::INITIATOR_REVOKED];
    assert!(!genuine || honest.contains(&text), "forged");
    genuine
}
