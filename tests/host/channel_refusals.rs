//! Invalid bytes in place of each handshake message: the local error and the refusal code that is sent.

use minipki_client::{ChannelOptions, Role};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::{Machine, frame};
use minipki_core::noise;
use minipki_core::session::{self, Initiator};
use minipki_core::time::Now;
use minipki_core::trust::StatusPolicy;
use minipki_core::wire::{Code, Refusal, WireError};
use minipki_fixtures::rsa_keys::rng;
use minipki_tests::peers::{Halves, enter, get_frame, identity, now, put_frame, stream};
use tokio::io::AsyncWriteExt;

/// The handshake message that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Second,
    Third,
}

const PLACES: [Place; 3] = [Place::First, Place::Second, Place::Third];

/// Replaces one message by `bytes`. Returns the honest side's error and the code that it sent.
async fn instead(place: Place, bytes: &[u8]) -> (session::Error, Code) {
    let role = if place == Place::Second { Role::Initiator } else { Role::Responder };
    let (honest, hostile) = stream(1 << 16);
    let (bob, options) = (identity("bob"), ChannelOptions::default());
    let (outcome, code) = tokio::join!(enter(role, honest, &bob, &options), attack(place, bytes, hostile));
    let error = outcome.expect_err("no handshake");
    (error.session_error().unwrap_or_else(|| panic!("no protocol error: {error}")), code)
}

async fn attack(place: Place, bytes: &[u8], (mut reader, mut writer): Halves) -> Code {
    let mallory = identity("mallory");
    match place {
        Place::First => {}
        Place::Second => {
            get_frame(&mut reader).await;
        }
        Place::Third => {
            let local = mallory.local(Now::Exact(now()), StatusPolicy::default(), None);
            let mut machine = Initiator::new(local, &mut rng(5));
            let mut out = [0; FRAME_BODY];
            let len = machine.write(&mut out).expect("message 1");
            put_frame(&mut writer, &out[..len]).await;
            machine.read(&mut get_frame(&mut reader).await).expect("an honest message 2");
        }
    }
    writer.write_all(bytes).await.expect("the honest side reads");
    let body = get_frame(&mut reader).await;
    Refusal::decode(&body).expect("a refusal").code
}

fn framed(body: &str) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short body").to_be_bytes();
    [&length[..], body.as_bytes()].concat()
}

#[tokio::test]
async fn a_message_that_is_no_json() {
    for place in PLACES {
        let (error, code) = instead(place, &framed("hello")).await;
        assert!(matches!(error, session::Error::InvalidMessage(WireError::Json(_))), "{place:?}: {error}");
        assert_eq!(code, Code::BadJson, "{place:?}");
    }
}

#[tokio::test]
async fn a_message_of_an_unknown_type() {
    for place in PLACES {
        let (error, code) = instead(place, &framed(r#"{"noise_b64":"AAAA","type":"handshake_4"}"#)).await;
        assert_eq!(
            (error, code),
            (session::Error::InvalidMessage(WireError::Field("type")), Code::BadRequest),
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn a_frame_too_long() {
    for place in PLACES {
        let (error, code) = instead(place, &[0, 1, 0, 0]).await;
        let expected =
            session::Error::InvalidFrame(frame::Error::TooLong { announced: 1 << 16, limit: FRAME_BODY });
        assert_eq!((error, code), (expected, Code::BadFrame), "{place:?}");
    }
}

#[tokio::test]
async fn a_noise_message_too_short() {
    for (place, n) in PLACES.into_iter().zip(1..) {
        let body = format!(r#"{{"noise_b64":"AAAA","type":"handshake_{n}"}}"#);
        let (error, code) = instead(place, &framed(&body)).await;
        assert_eq!(
            (error, code),
            (session::Error::Noise(noise::Error::Truncated), Code::HandshakeFailed),
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn a_noise_message_with_a_wrong_tag() {
    // Message 1 has no encrypted part. Any 32 bytes are an ephemeral key.
    for (place, n) in [(Place::Second, 2), (Place::Third, 3)] {
        let body = format!(r#"{{"noise_b64":"{}","type":"handshake_{n}"}}"#, "BBBB".repeat(64));
        let (error, code) = instead(place, &framed(&body)).await;
        assert!(matches!(error, session::Error::Noise(noise::Error::Crypto(_))), "{place:?}: {error}");
        assert_eq!(code, Code::HandshakeFailed, "{place:?}");
    }
}

#[tokio::test]
async fn a_first_message_with_a_payload() {
    let payload = "BBBB".repeat(12);
    let body = format!(r#"{{"noise_b64":"{payload}","type":"handshake_1"}}"#);
    let (error, code) = instead(Place::First, &framed(&body)).await;
    assert_eq!(
        (error, code),
        (session::Error::InvalidMessage(WireError::Field("noise_b64")), Code::BadRequest)
    );
}

#[tokio::test]
async fn a_refusal_in_place_of_a_message_is_understood() {
    let (near, (mut reader, mut writer)) = stream(1 << 16);
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let refuse = async {
        get_frame(&mut reader).await;
        let mut out = [0; 512];
        let len = Refusal::from(Code::Busy).encode(&mut out).expect("room");
        put_frame(&mut writer, &out[..len]).await;
    };
    let (outcome, ()) = tokio::join!(enter(Role::Initiator, near, &alice, &options), refuse);
    let error = outcome.expect_err("a refusal as busy");
    assert_eq!(error.session_error(), Some(session::Error::Refused(Code::Busy)));
    assert!(error.to_string().contains("the peer refused (busy)"), "{error}");
}
