//! Certificates, and the anchors that are written beside them.

use minipki_core::cert::{Anchor, Certificate, TbsCertificate, attach_signature, verify};
use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};
use minipki_core::limits::{ANCHOR, CERTIFICATE, RSA_BYTES};
use minipki_core::trust::RevocationCheck;

use crate::peers;

/// Any text.
///
/// - What parses is canonical JSON, and its two signed slices are the text without its first member.
/// - Encoding what it says and assembling that with its signature gives a certificate that says the same; the very
///   same text, where it spells its issuer's key as we do.
/// - Nothing verifies under an issuer's key but what that issuer signed.
/// - An anchor that parses survives being written and read.
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
    assert_eq!(check(&signed, Form::Canonical), Ok(()), "what is signed is canonical too");
    const SECOND: &[u8] = b"\",\"issuer_id\":\"";
    let second = text.windows(SECOND.len()).position(|name| name == SECOND).expect("a second member") + 2;
    assert_eq!(signed, [b"{", &text[second..]].concat());

    let trusted =
        verify(Portable::new(), &peers::anchor(), &certificate, peers::now(), RevocationCheck::NotChecked)
            .is_ok();
    assert!(!trusted || text == peers::INITIATOR || text == peers::RESPONDER, "forged");

    let (Ok(issuer_key), mut signature) = (certificate.issuer_key(), [0; RSA_BYTES]) else { return };
    let Ok(signature) = certificate.signature(&mut signature) else { return };
    let says = TbsCertificate {
        issuer_id: certificate.issuer_id(),
        issuer_key: &issuer_key,
        serial_number: certificate.serial_number(),
        subject_id: certificate.subject_id(),
        subject_key: *certificate.subject_key(),
        validity: certificate.validity(),
    };
    let (mut encoded, mut assembled) = ([0; CERTIFICATE], [0; CERTIFICATE]);
    let encoded = says.encode(&mut encoded).expect("room for any certificate");
    let assembled = attach_signature(encoded, signature, &mut assembled).expect("room for any certificate");
    let again = Certificate::parse(assembled).expect("what we write, we read");
    assert_eq!(again.signed_slices().concat(), encoded);
    assert_eq!(
        (again.issuer_id(), again.serial_number(), again.subject_id(), again.subject_key(), again.validity()),
        (says.issuer_id, says.serial_number, says.subject_id, &says.subject_key, says.validity)
    );
    // PEM may be wrapped in more ways than one; nothing else may be.
    assert_eq!(without_issuer_key(assembled), without_issuer_key(text));
}

/// The text before and after the value of the issuer's key.
fn without_issuer_key(text: &[u8]) -> (&[u8], &[u8]) {
    const NAME: &[u8] = b"\"issuer_public_key_pem_b64\":\"";
    let start = text.windows(NAME.len()).position(|name| name == NAME).expect("the key's name") + NAME.len();
    let end = text[start..].iter().position(|byte| *byte == b'"').expect("the end of a text");
    (&text[..start], &text[start + end..])
}
