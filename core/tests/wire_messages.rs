//! The messages to and from a CA: written and read again, and bodies that are refused.

use minipki_core::encoding::JsonErrorKind;
use minipki_core::encoding::json::MAX_INTEGER;
use minipki_core::limits::FRAME_BODY;
use minipki_core::time::UnixTime;
use minipki_core::trust::{Revocation, RevocationReason, Serial};
use minipki_core::wire::anchors::AnchorsRequest;
use minipki_core::wire::enrolment::{Proof, RenewRequest, Request};
use minipki_core::wire::revocation::{RevokeRequest, StatusRequest};
use minipki_core::wire::x509::X509Request;
use minipki_core::wire::{ClientMessage, Code, Refusal, Response, WireError};
use minipki_fixtures::certificates::{id, x25519_key};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// 32 bytes of zeros, and the X25519 base point.
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const KEY: &str = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Each member of any message to a CA, with a right value.
fn members() -> Map<String, Value> {
    let Value::Object(members) = json!({
        "nonce_b64": ZEROS, "proof_b64": ZEROS, "public_key_algo": "X25519", "public_key_value_b64": KEY,
        "reason": "superseded", "serial_number": 4242, "subject_id": "alice",
    }) else {
        unreachable!()
    };
    members
}

/// Each type of message, with its required members and its optional ones.
const TYPES: [(Option<&str>, &[&str], &[&str]); 8] = [
    (None, &["public_key_algo", "public_key_value_b64", "subject_id"], &[]),
    (Some("enroll_request"), &["nonce_b64", "public_key_algo", "public_key_value_b64", "subject_id"], &[]),
    (Some("enroll_proof"), &["proof_b64"], &[]),
    (
        Some("renew_request"),
        &["nonce_b64", "public_key_algo", "public_key_value_b64", "serial_number", "subject_id"],
        &[],
    ),
    (Some("revoke_request"), &["nonce_b64", "reason", "serial_number"], &[]),
    (Some("status_request"), &["serial_number"], &["nonce_b64"]),
    (Some("anchors_request"), &[], &[]),
    (Some("x509_request"), &["serial_number"], &[]),
];

/// The message of this type with these members.
fn message(kind: Option<&str>, names: &[&str]) -> Map<String, Value> {
    let mut object: Map<_, _> = members().into_iter().filter(|(name, _)| names.contains(&&**name)).collect();
    object.extend(kind.map(|kind| ("type".to_owned(), kind.into())));
    object
}

fn decode(object: &Map<String, Value>) -> Result<(), WireError> {
    ClientMessage::decode(serde_json::to_string(object).expect("JSON").as_bytes()).map(drop)
}

fn kind(error: WireError) -> JsonErrorKind {
    let WireError::Json(error) = error else { panic!("{error:?}") };
    error.kind
}

#[test]
fn a_message_has_all_of_its_members_and_no_member_of_another_message() {
    for (name, required, optional) in TYPES {
        let whole = message(name, required);
        assert_eq!(decode(&whole), Ok(()), "{name:?}");
        for (member, value) in members() {
            let mut object = whole.clone();
            if required.contains(&&*member) {
                object.remove(&member);
                let error = decode(&object).expect_err("a member is missing");
                // Only its nonce tells the two forms of an enrolment apart.
                let nonce = (name, &*member) == (Some("enroll_request"), "nonce_b64");
                assert!(
                    nonce == (error == WireError::Field("nonce_b64")),
                    "{name:?} without {member}: {error:?}"
                );
                assert!(
                    nonce
                        || matches!(kind(error), JsonErrorKind::MissingMember(missing) if missing == member)
                );
                continue;
            }
            object.insert(member.clone(), value);
            let allowed = optional.contains(&&*member);
            // The nonce of the classic form has no type, so its value is wrong.
            let nonce = name.is_none() && member == "nonce_b64";
            match decode(&object) {
                Ok(()) => assert!(allowed, "{name:?} with {member}"),
                Err(error) if nonce => assert_eq!(error, WireError::Field("nonce_b64")),
                Err(error) => assert_eq!(kind(error), JsonErrorKind::UnknownMember, "{name:?} with {member}"),
            }
            // A member of another message is unknown, whatever the type of its value.
            object.insert(member.clone(), json!({}));
            assert!(decode(&object).is_err(), "{name:?} with {member} of another type");
        }
        let mut object = whole.clone();
        object.insert("unknown".to_owned(), 1.into());
        assert_eq!(decode(&object).map_err(kind), Err(JsonErrorKind::UnknownMember));
    }
}

#[test]
fn a_member_of_another_type_or_with_a_wrong_value_is_named() {
    let wrong: [(&str, &[Value]); 7] = [
        ("nonce_b64", &[json!(""), json!("AAAA"), json!("*")]),
        ("proof_b64", &[json!(""), json!("AAAA"), json!("*")]),
        ("public_key_algo", &[json!(""), json!("x25519"), json!("RSA")]),
        ("public_key_value_b64", &[json!(""), json!("AAAA")]),
        ("reason", &[json!(""), json!("Superseded"), json!("ca_compromise"), json!("remove_from_hold")]),
        ("serial_number", &[json!(0)]),
        ("subject_id", &[json!(""), json!("al ice"), json!("a".repeat(65))]),
    ];
    for (name, required, optional) in TYPES {
        let whole = message(name, &[required, optional].concat());
        for &(member, values) in wrong.iter().filter(|(member, _)| whole.contains_key(*member)) {
            let mut object = whole.clone();
            for value in values {
                object.insert(member.to_owned(), value.clone());
                assert_eq!(decode(&object), Err(WireError::Field(member)), "{name:?}: {value}");
            }
            let other_type = if member == "serial_number" { json!("4242") } else { json!(1) };
            object.insert(member.to_owned(), other_type);
            assert_eq!(decode(&object).map_err(kind), Err(JsonErrorKind::MemberType(member)));
        }
        if whole.contains_key("public_key_value_b64") {
            let mut object = whole.clone();
            object.insert(
                "public_key_value_b64".to_owned(),
                "7f///////////////////////////////////////38=".into(),
            );
            assert_eq!(decode(&object), Err(WireError::KeyNotCanonical("public_key_value_b64")));
        }
        if whole.contains_key("serial_number") {
            let text = serde_json::to_string(&whole).expect("JSON").replace("4242", "9007199254740992");
            let error = ClientMessage::decode(text.as_bytes()).map(drop).map_err(kind);
            assert_eq!(error, Err(JsonErrorKind::Number));
        }
    }
}

#[test]
fn an_unknown_type_is_reported_before_anything_else_that_is_in_the_profile() {
    for name in ["", "renew", "Renew_request", "revocation_list", "enroll_challenge", "certificate_status"] {
        for (_, required, _) in TYPES {
            let mut object = message(Some(name), required);
            assert_eq!(decode(&object), Err(WireError::UnknownType));
            object.insert("unknown".to_owned(), json!([1]));
            assert_eq!(decode(&object), Err(WireError::UnknownType));
        }
    }
    assert_eq!(ClientMessage::decode(br#"{"type":7}"#), Err(WireError::UnknownType));
    let error = ClientMessage::decode(br#"{"type":"later","x":null}"#);
    assert_eq!(error.map(drop).map_err(kind), Err(JsonErrorKind::Syntax));
}

/// The reasons that a revocation can have.
fn reasons() -> Vec<RevocationReason> {
    RevocationReason::all().filter(|reason| *reason != RevocationReason::RemoveFromHold).collect()
}

fn serial() -> impl Strategy<Value = Serial> {
    (1..=MAX_INTEGER).prop_map(|number| Serial::new(number).expect("in range"))
}

/// The body that `write` writes into room that is exactly enough.
fn written<E: std::fmt::Debug>(write: impl Fn(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut out = vec![0; FRAME_BODY];
    let len = write(&mut out).expect("room");
    out.truncate(len);
    let mut exact = vec![0; len];
    assert_eq!(write(&mut exact).expect("enough room"), len);
    assert!(write(&mut exact[1..]).is_err(), "a byte is missing");
    out
}

proptest! {
    #[test]
    fn every_message_is_read_as_it_was_written(
        subject in "[A-Za-z0-9._:@-]{1,64}",
        serial_number in serial(),
        nonce: [u8; 32],
        key: [u8; 31],
        reason in prop::sample::select(reasons()),
        seconds in 0..=UnixTime::MAX.get(),
    ) {
        let mut canonical = [0; 32];
        canonical[..31].copy_from_slice(&key);
        let (subject_id, subject_key) = (id(&subject), x25519_key(canonical));
        let renew = RenewRequest { subject_id, subject_key, serial_number, nonce };
        let body = written(|out| renew.encode(out));
        prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Renew(renew)));
        let revoke = RevokeRequest { serial_number, reason, nonce };
        let body = written(|out| revoke.encode(out));
        prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Revoke(revoke)));
        let proof = Proof { proof: nonce };
        let body = written(|out| proof.encode(out));
        prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Proof(proof)));
        for nonce in [None, Some(nonce)] {
            let status = StatusRequest { serial_number, nonce };
            let body = written(|out| status.encode(out));
            prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Status(status)));
            let request = Request { subject_id, subject_key, nonce };
            let body = written(|out| request.encode(out));
            prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Request(request)));
        }
        let x509 = X509Request { serial_number };
        let body = written(|out| x509.encode(out));
        prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::X509(x509)));
        let body = written(|out| AnchorsRequest.encode(out));
        prop_assert_eq!(ClientMessage::decode(&body), Ok(ClientMessage::Anchors));
        let revocation = Revocation { reason, revoked_at: UnixTime::new(seconds).expect("in range") };
        let text = br#"{"any":{"canonical":"text"}}"#;
        for response in [
            Response::Issued(text),
            Response::Status(text),
            Response::Anchors(br#"[{"any":"text"}]"#),
            Response::X509("MAA="),
            Response::Revoked(serial_number, revocation),
            Response::Refused(Refusal::from(Code::Revoked)),
        ] {
            let body = written(|out| response.encode(out));
            prop_assert_eq!(Response::decode(&body), Ok(response));
            prop_assert_eq!(Refusal::decode(&body).is_ok(), matches!(response, Response::Refused(_)));
        }
    }
}

#[test]
fn a_serial_number_of_x509_has_no_room_in_a_message() {
    let serial_number = Serial::from_be_bytes(&[1; 20]).expect("at most 20 octets");
    let (nonce, mut out) = ([0; 32], [0; FRAME_BODY]);
    let (subject_id, subject_key, reason) = (id("alice"), x25519_key([9; 32]), RevocationReason::Superseded);
    assert!(RenewRequest { subject_id, subject_key, serial_number, nonce }.encode(&mut out).is_err());
    assert!(RevokeRequest { serial_number, reason, nonce }.encode(&mut out).is_err());
    assert!(StatusRequest { serial_number, nonce: None }.encode(&mut out).is_err());
    let revocation = Revocation { reason, revoked_at: UnixTime::MIN };
    assert!(Response::Revoked(serial_number, revocation).encode(&mut out).is_err());
}

#[test]
fn a_response_is_exactly_one_of_its_forms() {
    let revoked = |change: &str| {
        let right = r#"{"reason":"superseded","revoked_at":"2026-06-10T08:30:00+00:00","serial_number":1}"#;
        let (from, to) = change.split_once(" -> ").expect("a change");
        assert!(right.contains(from), "{from}");
        format!(r#"{{"ok":true,"revoked":{}}}"#, right.replace(from, to))
    };
    assert!(Response::decode(revoked("1} -> 1}").as_bytes()).is_ok());
    for (body, field) in [
        (r#"{"certificate":{},"ok":false}"#.to_owned(), "ok"),
        (r#"{"ok":false,"status":{}}"#.to_owned(), "ok"),
        (r#"{"code":"busy","error":"x","ok":true}"#.to_owned(), "ok"),
        (r#"{"certificate":{},"code":"busy","ok":true}"#.to_owned(), "ok"),
        (r#"{"certificate":{},"ok":true,"status":{}}"#.to_owned(), "ok"),
        (revoked("1} -> 1},\"status\":{}"), "ok"),
        (r#"{"anchors":[],"ok":true,"status":{}}"#.to_owned(), "ok"),
        (r#"{"anchors":[],"ok":false}"#.to_owned(), "ok"),
        (r#"{"ok":false,"x509_b64":"MAA="}"#.to_owned(), "ok"),
        (r#"{"anchors":[],"ok":true,"x509_b64":"MAA="}"#.to_owned(), "ok"),
        (revoked("superseded -> replaced"), "reason"),
        (revoked("superseded -> remove_from_hold"), "reason"),
        (revoked("+00:00 -> Z"), "revoked_at"),
        (revoked("1} -> 0}"), "serial_number"),
    ] {
        assert_eq!(Response::decode(body.as_bytes()), Err(WireError::Field(field)), "{body}");
    }
    for (body, expected) in [
        ("{}".to_owned(), JsonErrorKind::MissingMember("error")),
        (r#"{"ok":true}"#.to_owned(), JsonErrorKind::MissingMember("error")),
        (r#"{"certificate":{}}"#.to_owned(), JsonErrorKind::MissingMember("ok")),
        (r#"{"ok":1,"status":{}}"#.to_owned(), JsonErrorKind::MemberType("ok")),
        (r#"{"ok":true,"revoked":"x"}"#.to_owned(), JsonErrorKind::MemberType("revoked")),
        (r#"{"certificate":{},"error":"x","ok":true}"#.to_owned(), JsonErrorKind::UnknownMember),
        (r#"{"ok":true,"status":{},"tz":1}"#.to_owned(), JsonErrorKind::UnknownMember),
        (r#"{"ok":true,"ok":true,"status":{}}"#.to_owned(), JsonErrorKind::DuplicateKey),
        (revoked("1} -> 1,\"tz\":1}"), JsonErrorKind::UnknownMember),
        (revoked("\"reason\":\"superseded\", -> "), JsonErrorKind::MissingMember("reason")),
        (
            revoked("\"serial_number\":1 -> \"serial_number\":\"1\""),
            JsonErrorKind::MemberType("serial_number"),
        ),
        (revoked("1} -> 9007199254740992}"), JsonErrorKind::Number),
        (r#"{"ok":true,"status":null}"#.to_owned(), JsonErrorKind::Syntax),
    ] {
        assert_eq!(Response::decode(body.as_bytes()).map_err(kind), Err(expected), "{body}");
    }
}
