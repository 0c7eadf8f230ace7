//! Garbage in place of each message of the handshake: the fault is named here, and told there.

use minipki_client::{ChannelOptions, Role};
use minipki_core::limits::FRAME_BODY;
use minipki_core::link::{Machine, frame};
use minipki_core::noise;
use minipki_core::session::{self, Initiator};
use minipki_core::time::Now;
use minipki_core::wire::{Code, Refusal, WireError};
use minipki_fixtures::rsa_keys::rng;
use minipki_tests::peers::{Halves, enter, get_frame, identity, now, put_frame, stream};
use tokio::io::AsyncWriteExt;

/// In place of which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Second,
    Third,
}

const PLACES: [Place; 3] = [Place::First, Place::Second, Place::Third];

/// Puts `bytes` in place of one message; returns the honest side's fault and what it told the other.
async fn instead(place: Place, bytes: &[u8]) -> (session::Error, Code) {
    let role = if place == Place::Second { Role::Initiator } else { Role::Responder };
    let (honest, hostile) = stream(1 << 16);
    let (bob, options) = (identity("bob"), ChannelOptions::default());
    let (outcome, told) = tokio::join!(enter(role, honest, &bob, &options), attack(place, bytes, hostile));
    let error = outcome.expect_err("not to be taken for a handshake");
    (error.session_error().unwrap_or_else(|| panic!("not a check of the protocol: {error}")), told)
}

async fn attack(place: Place, bytes: &[u8], (mut reader, mut writer): Halves) -> Code {
    let mallory = identity("mallory");
    match place {
        Place::First => {}
        Place::Second => {
            get_frame(&mut reader).await;
        }
        Place::Third => {
            let local = mallory.local(Now::Exact(now()), None);
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
async fn what_is_no_json() {
    for place in PLACES {
        let (fault, told) = instead(place, &framed("hello")).await;
        assert!(matches!(fault, session::Error::InvalidMessage(WireError::Json(_))), "{place:?}: {fault}");
        assert_eq!(told, Code::BadJson, "{place:?}");
    }
}

#[tokio::test]
async fn another_message() {
    for place in PLACES {
        let (fault, told) = instead(place, &framed(r#"{"noise_b64":"AAAA","type":"handshake_4"}"#)).await;
        assert_eq!(
            (fault, told),
            (session::Error::InvalidMessage(WireError::Field("type")), Code::BadRequest),
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn a_frame_too_long() {
    for place in PLACES {
        let (fault, told) = instead(place, &[0, 1, 0, 0]).await;
        let expected =
            session::Error::InvalidFrame(frame::Error::TooLong { announced: 1 << 16, limit: FRAME_BODY });
        assert_eq!((fault, told), (expected, Code::BadFrame), "{place:?}");
    }
}

#[tokio::test]
async fn a_noise_message_too_short() {
    for (place, n) in PLACES.into_iter().zip(1..) {
        let body = format!(r#"{{"noise_b64":"AAAA","type":"handshake_{n}"}}"#);
        let (fault, told) = instead(place, &framed(&body)).await;
        assert_eq!(
            (fault, told),
            (session::Error::Noise(noise::Error::Truncated), Code::HandshakeFailed),
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn a_noise_message_that_nobody_sealed() {
    // Message 1 has nothing sealed in it: any 32 bytes are an ephemeral key.
    for (place, n) in [(Place::Second, 2), (Place::Third, 3)] {
        let body = format!(r#"{{"noise_b64":"{}","type":"handshake_{n}"}}"#, "BBBB".repeat(64));
        let (fault, told) = instead(place, &framed(&body)).await;
        assert!(matches!(fault, session::Error::Noise(noise::Error::Crypto(_))), "{place:?}: {fault}");
        assert_eq!(told, Code::HandshakeFailed, "{place:?}");
    }
}

#[tokio::test]
async fn a_first_message_that_carries_something() {
    let payload = "BBBB".repeat(12);
    let body = format!(r#"{{"noise_b64":"{payload}","type":"handshake_1"}}"#);
    let (fault, told) = instead(Place::First, &framed(&body)).await;
    assert_eq!(
        (fault, told),
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
    let error = outcome.expect_err("it is busy");
    assert_eq!(error.session_error(), Some(session::Error::Refused(Code::Busy)));
    assert!(error.to_string().contains("the peer refused (busy)"), "{error}");
}
