//! The published vectors for `Noise_XX_25519_ChaChaPoly_SHA256`, byte for byte.

use minipki_core::noise::{ExpectMessage1, SendMessage1};
use minipki_fixtures::noise::{End, key_pair};
use minipki_fixtures::{hex, hex_array};
use serde_json::Value;

struct Message {
    payload: Vec<u8>,
    ciphertext: Vec<u8>,
}

fn text<'v>(vector: &'v Value, key: &str) -> &'v str {
    vector[key].as_str().unwrap_or_else(|| panic!("the vector has no {key}"))
}

fn messages(vector: &Value) -> Vec<Message> {
    let message = |v| Message { payload: hex(text(v, "payload")), ciphertext: hex(text(v, "ciphertext")) };
    vector["messages"].as_array().expect("messages").iter().map(message).collect()
}

/// Runs both roles through the vector and returns the number of its messages.
fn replay(json: &str) -> usize {
    let vector: Value = serde_json::from_str(json).expect("a vector");
    assert_eq!(text(&vector, "protocol_name"), "Noise_XX_25519_ChaChaPoly_SHA256");
    let key = |name| key_pair(hex_array(text(&vector, name)));
    let messages = messages(&vector);
    let [m1, m2, m3, transport @ ..] = &messages[..] else { panic!("three messages of the handshake") };

    let prologue = hex(text(&vector, "init_prologue"));
    let initiator = SendMessage1::new(&prologue, key("init_static"), key("init_ephemeral"));
    let prologue = hex(text(&vector, "resp_prologue"));
    let responder = ExpectMessage1::new(&prologue, key("resp_static"), key("resp_ephemeral"));
    let mut buf = [0; 512];

    let (initiator, n) = initiator.write(&m1.payload, &mut buf).expect("message 1 is written");
    assert_eq!(buf[..n], m1.ciphertext);
    let (responder, at) = responder.read(&mut buf[..n]).expect("message 1 is read");
    assert_eq!(buf[at], m1.payload);

    let (responder, n) = responder.write(&m2.payload, &mut buf).expect("message 2 is written");
    assert_eq!(buf[..n], m2.ciphertext);
    let (initiator, at) = initiator.read(&mut buf[..n]).expect("message 2 is read");
    assert_eq!(buf[at], m2.payload);
    assert_eq!(initiator.remote_static(), key("resp_static").public().as_bytes());

    let (initiator, n) = initiator.write(&m3.payload, &mut buf).expect("message 3 is written");
    assert_eq!(buf[..n], m3.ciphertext);
    let (responder, at) = responder.read(&mut buf[..n]).expect("message 3 is read");
    assert_eq!(buf[at], m3.payload);

    assert_eq!(initiator.remote_static(), key("resp_static").public().as_bytes());
    assert_eq!(responder.remote_static(), key("init_static").public().as_bytes());
    assert_eq!(initiator.handshake_hash(), responder.handshake_hash());
    if let Some(hash) = vector["handshake_hash"].as_str() {
        assert_eq!(*initiator.handshake_hash(), hex_array(hash));
    }

    let (mut initiator, mut responder) = (End::from(initiator), End::from(responder));
    for (i, message) in transport.iter().enumerate() {
        // After the handshake it is the responder's turn.
        let (sender, receiver) = match i % 2 {
            0 => (&mut responder, &mut initiator),
            _ => (&mut initiator, &mut responder),
        };
        assert_eq!(sender.seal(&message.payload), message.ciphertext);
        assert_eq!(receiver.open(&message.ciphertext).as_ref(), Ok(&message.payload));
    }
    messages.len()
}

#[test]
fn cacophony() {
    assert_eq!(replay(include_str!("../../vectors/noise-xx/cacophony.json")), 6);
}

#[test]
fn snow() {
    assert_eq!(replay(include_str!("../../vectors/noise-xx/snow.json")), 5);
}
