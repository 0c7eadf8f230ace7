//! Certificates and anchors.

use minipki_core::cert::{Anchor, Certificate, TbsCertificate, attach_signature, verify};
use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::limits::{ANCHOR, CERTIFICATE, RSA_BYTES};
use minipki_core::trust::RevocationCheck;

use crate::peers;

/// Checks any text.
///
/// - A certificate that parses is canonical JSON, and its two signed slices are the text without the first member.
/// - Its encoded fields and its signature form a certificate with the same fields. Its text is the same except for the
///   issuer's key, which has more than one encoding.
/// - Only the certificates that the issuer has signed verify under its key.
/// - An anchor that parses is the same after it is written and read.
pub fn certificate(text: &[u8]) {
    if let Ok(anchor) = <Anchor>::decode(Portable::new(), text) {
        let mut out = [0; ANCHOR];
        let written = anchor.encode(&mut out).expect("room for any anchor");
        assert_eq!(Anchor::decode(Portable::new(), written), Ok(anchor));
    }
    let Ok(certificate) = Certificate::parse(text) else { return };
    assert_eq!(check(text, Form::Canonical), Ok(()));
    assert_eq!(certificate.text(), text);
    let signed = certificate.signed_slices().concat();
    assert_eq!(check(&signed, Form::Canonical), Ok(()), "the signed text is canonical too");
    const SECOND: &[u8] = b"\",\"issuer_id\":\"";
    let second = text.windows(SECOND.len()).position(|name| name == SECOND).expect("a second member") + 2;
    assert_eq!(signed, [b"{", &text[second..]].concat());

    let trusted =
        verify(Portable::new(), &peers::anchor(), &certificate, peers::now(), RevocationCheck::NotChecked)
            .is_ok();
    assert!(!trusted || text == peers::INITIATOR || text == peers::RESPONDER, "forged");

    let (Ok(issuer_key), mut signature) = (certificate.issuer_key(), [0; RSA_BYTES]) else { return };
    let Ok(signature) = certificate.signature(&mut signature) else { return };
    let fields = TbsCertificate {
        issuer_id: certificate.issuer_id(),
        issuer_key: &issuer_key,
        serial_number: certificate.serial_number(),
        subject_id: certificate.subject_id(),
        subject_key: *certificate.subject_key(),
        validity: certificate.validity(),
    };
    let (mut encoded, mut assembled) = ([0; CERTIFICATE], [0; CERTIFICATE]);
    let encoded = fields.encode(&mut encoded).expect("room for any certificate");
    let assembled = attach_signature(encoded, signature, &mut assembled).expect("room for any certificate");
    let again = Certificate::parse(assembled).expect("it is well formed");
    assert_eq!(again.signed_slices().concat(), encoded);
    assert_eq!(
        (again.issuer_id(), again.serial_number(), again.subject_id(), again.subject_key(), again.validity()),
        (fields.issuer_id, fields.serial_number, fields.subject_id, &fields.subject_key, fields.validity)
    );
    // Only the PEM of the key has more than one encoding.
    assert_eq!(without_issuer_key(assembled), without_issuer_key(text));
}

/// The text before and after the value of the issuer's key.
fn without_issuer_key(text: &[u8]) -> (&[u8], &[u8]) {
    const NAME: &[u8] = b"\"issuer_public_key_pem_b64\":\"";
    let start = text.windows(NAME.len()).position(|name| name == NAME).expect("the key's name") + NAME.len();
    let end = text[start..].iter().position(|byte| *byte == b'"').expect("the end of a text");
    (&text[..start], &text[start + end..])
}
