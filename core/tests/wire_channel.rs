//! The payload of a handshake message: a certificate alone, or with its status.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::encoding::JsonErrorKind;
use minipki_core::limits::STAPLED;
use minipki_core::wire::WireError;
use minipki_core::wire::channel::Payload;
use proptest::prelude::*;

const CERTIFICATE: &[u8] = br#"{"ca_signature_b64":"","validity":{"not_after":""}}"#;
const STATUS: &[u8] = br#"{"ca_signature_b64":"","type":"certificate_status"}"#;

#[test]
fn a_payload_is_a_certificate_alone_or_one_object_with_both_texts() {
    let mut out = [0; STAPLED];
    let alone = Payload { certificate: CERTIFICATE, status: None };
    assert_eq!(alone.encode(&mut out), Ok(CERTIFICATE));
    assert_eq!(Payload::decode(CERTIFICATE), Ok(alone));
    let stapled = Payload { certificate: CERTIFICATE, status: Some(STATUS) };
    let expected = [br#"{"certificate":"#, CERTIFICATE, br#","status":"#, STATUS, b"}"].concat();
    assert_eq!(stapled.encode(&mut out), Ok(&expected[..]));
    assert_eq!(Payload::decode(&expected), Ok(stapled));
    for too_small in 0..expected.len() {
        assert_eq!(stapled.encode(&mut out[..too_small]), Err(BufferTooSmall));
    }
}

#[test]
fn a_payload_with_a_status_is_canonical_and_has_two_members() {
    for (payload, kind) in [
        (r#"{"certificate":{}}"#, JsonErrorKind::MissingMember("status")),
        (r#"{"certificate":{},"status":{},"tz":1}"#, JsonErrorKind::UnknownMember),
        (r#"{"certificate":{},"nonce":{},"status":{}}"#, JsonErrorKind::UnknownMember),
        (r#"{"certificate":{},"certificate":{},"status":{}}"#, JsonErrorKind::DuplicateKey),
        (r#"{"certificate":{},"status":{},"status":{}}"#, JsonErrorKind::DuplicateKey),
        (r#"{"certificate":{},"ca":{},"status":{}}"#, JsonErrorKind::KeyOrder),
        (r#"{"certificate": {},"status":{}}"#, JsonErrorKind::Whitespace),
        (r#"{"certificate":{"a": 1},"status":{}}"#, JsonErrorKind::Whitespace),
        (r#"{"certificate":{},"status":{}} "#, JsonErrorKind::Whitespace),
        (r#"{"certificate":{},"status":{}}{}"#, JsonErrorKind::Trailing),
        (r#"{"certificate":{},"status":{}"#, JsonErrorKind::Truncated),
        (r#"{"certificate":"#, JsonErrorKind::Truncated),
        (r#"{"certificate":{},"status":null}"#, JsonErrorKind::Syntax),
        (r#"{"certificate":{"a":{"b":{"c":{}}}},"status":{}}"#, JsonErrorKind::Depth),
    ] {
        let Err(WireError::Json(error)) = Payload::decode(payload.as_bytes()) else { panic!("{payload}") };
        assert_eq!(error.kind, kind, "{payload}");
    }
}

/// Such a payload is a certificate alone. The reader of certificates refuses it.
#[test]
fn a_payload_of_another_form_is_a_certificate_alone() {
    for payload in ["", "{}", r#"{"status":{},"certificate":{}}"#, r#" {"certificate":{},"status":{}}"#, "[]"]
    {
        let alone = Payload { certificate: payload.as_bytes(), status: None };
        assert_eq!(Payload::decode(payload.as_bytes()), Ok(alone));
    }
}

proptest! {
    #[test]
    fn any_payload_is_read_to_parts_that_write_it_again(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        stapled: bool,
    ) {
        let payload = if stapled {
            [br#"{"certificate":{"a":1},"status":"#, &payload[..], b"}"].concat()
        } else {
            payload
        };
        if let Ok(parts) = Payload::decode(&payload) {
            let mut out = [0; STAPLED];
            prop_assert_eq!(parts.encode(&mut out), Ok(&payload[..]));
        }
    }
}
