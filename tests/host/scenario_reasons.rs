//! The values in the verdict on a changed byte, compared with those that openssl computes.

use minipki_fixtures::openssl;
use minipki_lab::MessageKind::{
    EnrollProof, EnrollRequest, Granted, Handshake1, Handshake2, Handshake3, Record, Status,
};
use minipki_lab::{Flip, MessageKind, Reason, Refusal, Sandbox, Scenario};
use minipki_net::trace::places;
use minipki_provider::HostProvider;

struct Lab {
    sandbox: Sandbox,
    scenario: Scenario,
}

impl Lab {
    async fn new() -> Self {
        let sandbox = Sandbox::start(HostProvider::default()).await.expect("a CA");
        let scenario = Scenario::run(&sandbox.endpoint(), HostProvider::default()).await;
        Self { sandbox, scenario: scenario.expect("a CA that issues") }
    }

    /// Flips a byte in the middle of a field of the first message of this kind.
    async fn flip(&self, kind: MessageKind, field: &str) -> Refusal {
        let step = self.scenario.steps().iter().position(|step| step.kind == kind).expect("the message");
        let body = self.scenario.steps()[step].body();
        let places = if kind.record().is_some() { places::record(body) } else { places::message(body) };
        let place = places.iter().find(|place| place.name == field).expect("the field");
        self.flip_at(step, 4 + (place.at.start + place.at.end) / 2).await
    }

    async fn flip_at(&self, step: usize, offset: usize) -> Refusal {
        let flip = Flip { step, offset, mask: None };
        self.scenario.flip(&self.sandbox.endpoint(), flip).await.expect("refused")
    }
}

/// The changed frame as it was sent, and as it arrived.
fn frames(refusal: &Refusal) -> [Vec<u8>; 2] {
    let sent = refusal.travelled[0].frame.clone();
    let mut arrived = sent.clone();
    arrived[refusal.flip.offset] = refusal.arrived;
    [sent, arrived]
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    openssl(&["dgst", "-sha256", "-binary"], bytes).try_into().expect("32 bytes")
}

/// The digest of the signed text in the frame of a response: its object without the signature.
fn of_signed_text(frame: &[u8], before: &str, after: &str) -> [u8; 32] {
    let body = std::str::from_utf8(&frame[4..]).expect("JSON");
    let text = body.strip_prefix(before).and_then(|text| text.strip_suffix(after)).expect("one object");
    let (_, rest) = text.split_once("\",").expect("the signature is the first member");
    sha256(format!("{{{rest}").as_bytes())
}

const CERTIFICATE: [&str; 2] = ["{\"certificate\":", ",\"ok\":true}"];
const STATUS: [&str; 2] = ["{\"ok\":true,\"status\":", "}"];

#[tokio::test]
async fn a_changed_signed_text_has_the_digests_of_both_texts() {
    let lab = Lab::new().await;
    for field in ["serial_number", "issuer_id"] {
        let refusal = lab.flip(Granted, field).await;
        let [before, after] = CERTIFICATE;
        let [sent, arrived] = frames(&refusal).map(|frame| of_signed_text(&frame, before, after));
        assert_eq!(refusal.reason, Reason::Signed { signed: sent, arrived }, "{field}: {}", refusal.check);
        assert_ne!(sent, arrived);
    }
    for (kind, [before, after]) in [(Granted, CERTIFICATE), (Status, STATUS)] {
        let refusal = lab.flip(kind, "ca_signature_b64").await;
        let digest = of_signed_text(&frames(&refusal)[0], before, after);
        assert_eq!(refusal.reason, Reason::Signed { signed: digest, arrived: digest }, "{}", refusal.check);
    }
}

#[tokio::test]
async fn a_changed_request_gives_another_hash_at_each_side() {
    let lab = Lab::new().await;
    let refusal = lab.flip(EnrollRequest, "subject_id").await;
    let challenge = refusal.travelled[1].frame.clone();
    let [sender, receiver] = frames(&refusal).map(|frame| sha256(&[frame, challenge.clone()].concat()));
    assert_eq!(refusal.reason, Reason::Transcript { sender, receiver });

    let refusal = lab.flip(EnrollProof, "proof_b64").await;
    assert!(matches!(refusal.reason, Reason::Proof { .. }), "{:?}", refusal.reason);
}

#[tokio::test]
async fn a_changed_handshake_has_another_hash_or_a_tag_that_does_not_fit() {
    let lab = Lab::new().await;
    let refusal = lab.flip(Handshake1, "e").await;
    // Noise §5.2: the name of the protocol, the prologue, the ephemeral key, and an empty payload.
    let hash = |frame: Vec<u8>| {
        let body = String::from_utf8(frame[4..].to_vec()).expect("JSON");
        let key = body.split('"').nth(3).expect("the Noise message").to_owned();
        let key = openssl(&["base64", "-d", "-A"], key.as_bytes());
        let name = [&b"Noise_XX_25519_ChaChaPoly_SHA256"[..], b"MiniPKI/1 channel"].concat();
        sha256(&sha256(&[&sha256(&name)[..], &key].concat()))
    };
    let [sender, receiver] = frames(&refusal).map(hash);
    assert_eq!(refusal.reason, Reason::Transcript { sender, receiver });
    let refusal = lab.flip(Handshake2, "e").await;
    assert!(matches!(refusal.reason, Reason::Transcript { .. }), "{:?}", refusal.reason);

    for (kind, field) in
        [(Handshake2, "s"), (Handshake2, "payload"), (Handshake3, "s"), (Record(0), "ciphertext")]
    {
        let reason = lab.flip(kind, field).await.reason;
        let Reason::Tag { sent, arrived } = reason else { panic!("{kind:?} {field}: {reason:?}") };
        assert_eq!((sent.len(), &sent), (16, &arrived), "the tag is not changed");
    }
    let refusal = lab.flip(Record(0), "tag").await;
    let [sent, arrived] = frames(&refusal).map(|frame| frame[frame.len() - 16..].to_vec());
    assert_eq!(refusal.reason, Reason::Tag { sent, arrived });
}

#[tokio::test]
async fn a_changed_length_and_a_changed_form_have_their_reasons() {
    let lab = Lab::new().await;
    let refusal = lab.flip_at(0, 3).await;
    let [sent, arrived] =
        frames(&refusal).map(|frame| u32::from_be_bytes(frame[..4].try_into().expect("4 bytes")));
    assert_eq!(refusal.reason, Reason::Length { sent, arrived });
    assert_eq!(lab.flip(EnrollRequest, "type").await.reason, Reason::Form);
}
