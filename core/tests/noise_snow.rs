//! Handshakes and channels with snow as the peer, in both roles.

use minipki_core::crypto::KeyPair;
use minipki_core::noise::{ExpectMessage1, MESSAGES_PER_KEY, SendMessage1};
use minipki_fixtures::noise::{End, key_pair};
use proptest::prelude::*;
use snow::{Builder, HandshakeState, TransportState};

const BUF: usize = 8192;

/// The keys of both ends of a handshake, and the payloads of its messages.
#[derive(Debug)]
struct Setup {
    prologue: Vec<u8>,
    ours: KeyPair,
    our_ephemeral: KeyPair,
    theirs: [u8; 32],
    payloads: [Vec<u8>; 3],
}

fn setups() -> impl Strategy<Value = Setup> {
    let payload = || prop::collection::vec(any::<u8>(), 0..=4000);
    (prop::collection::vec(any::<u8>(), 0..100), any::<[[u8; 32]; 3]>(), [payload(), payload(), payload()])
        .prop_map(|(prologue, [ours, our_ephemeral, theirs], payloads)| Setup {
            prologue,
            ours: key_pair(ours),
            our_ephemeral: key_pair(our_ephemeral),
            theirs,
            payloads,
        })
}

fn builder(setup: &Setup) -> Builder<'_> {
    let protocol = "Noise_XX_25519_ChaChaPoly_SHA256".parse().expect("a protocol that snow speaks");
    let builder = Builder::new(protocol).local_private_key(&setup.theirs).expect("a key");
    builder.prologue(&setup.prologue).expect("a prologue")
}

fn snow_write(peer: &mut HandshakeState, payload: &[u8], out: &mut [u8]) -> usize {
    peer.write_message(payload, out).expect("snow writes")
}

fn snow_read(peer: &mut HandshakeState, message: &[u8], payload: &[u8]) {
    let mut out = [0; BUF];
    let n = peer.read_message(message, &mut out).expect("snow reads our message");
    assert_eq!(out[..n], *payload);
}

/// Our end and snow's end, after a handshake that we began.
fn as_initiator(setup: &Setup) -> (End, TransportState) {
    let [p1, p2, p3] = &setup.payloads;
    let mut peer = builder(setup).build_responder().expect("a responder");
    let mut buf = [0; BUF];
    let ours = SendMessage1::new(&setup.prologue, setup.ours.clone(), setup.our_ephemeral.clone());
    let (ours, n) = ours.write(p1, &mut buf).expect("message 1");
    snow_read(&mut peer, &buf[..n], p1);
    let n = snow_write(&mut peer, p2, &mut buf);
    let (ours, at) = ours.read(&mut buf[..n]).expect("message 2");
    assert_eq!(buf[at], **p2);
    let (ours, n) = ours.write(p3, &mut buf).expect("message 3");
    snow_read(&mut peer, &buf[..n], p3);
    assert_eq!(ours.remote_static(), key_pair(setup.theirs).public().as_bytes());
    assert_eq!(peer.get_remote_static(), Some(&setup.ours.public().as_bytes()[..]));
    assert_eq!(ours.handshake_hash(), peer.get_handshake_hash());
    (ours.into(), peer.into_transport_mode().expect("finished"))
}

fn as_responder(setup: &Setup) -> (End, TransportState) {
    let [p1, p2, p3] = &setup.payloads;
    let mut peer = builder(setup).build_initiator().expect("an initiator");
    let mut buf = [0; BUF];
    let ours = ExpectMessage1::new(&setup.prologue, setup.ours.clone(), setup.our_ephemeral.clone());
    let n = snow_write(&mut peer, p1, &mut buf);
    let (ours, at) = ours.read(&mut buf[..n]).expect("message 1");
    assert_eq!(buf[at], **p1);
    let (ours, n) = ours.write(p2, &mut buf).expect("message 2");
    snow_read(&mut peer, &buf[..n], p2);
    let n = snow_write(&mut peer, p3, &mut buf);
    let (ours, at) = ours.read(&mut buf[..n]).expect("message 3");
    assert_eq!(buf[at], **p3);
    assert_eq!(ours.remote_static(), key_pair(setup.theirs).public().as_bytes());
    assert_eq!(peer.get_remote_static(), Some(&setup.ours.public().as_bytes()[..]));
    assert_eq!(ours.handshake_hash(), peer.get_handshake_hash());
    (ours.into(), peer.into_transport_mode().expect("finished"))
}

fn to_snow(ours: &mut End, peer: &mut TransportState, text: &[u8]) {
    let mut out = [0; BUF];
    let n = peer.read_message(&ours.seal(text), &mut out).expect("snow opens our message");
    assert_eq!(out[..n], *text);
}

fn from_snow(ours: &mut End, peer: &mut TransportState, text: &[u8]) {
    let mut message = [0; BUF];
    let n = peer.write_message(text, &mut message).expect("snow seals");
    assert_eq!(ours.open(&message[..n]).as_deref(), Ok(text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn snow_as_responder(setup in setups()) {
        let (mut ours, mut peer) = as_initiator(&setup);
        for text in &setup.payloads {
            to_snow(&mut ours, &mut peer, text);
            from_snow(&mut ours, &mut peer, text);
        }
    }

    #[test]
    fn snow_as_initiator(setup in setups()) {
        let (mut ours, mut peer) = as_responder(&setup);
        for text in &setup.payloads {
            from_snow(&mut ours, &mut peer, text);
            to_snow(&mut ours, &mut peer, text);
        }
    }
}

/// One direction re-keys after 65,536 messages while the other keeps its first key.
#[test]
fn each_direction_rekeys_on_its_own() {
    let setup = Setup {
        prologue: b"rekey".to_vec(),
        ours: key_pair([1; 32]),
        our_ephemeral: key_pair([2; 32]),
        theirs: [3; 32],
        payloads: Default::default(),
    };
    let (mut ours, mut peer) = as_initiator(&setup);
    for _ in 0..MESSAGES_PER_KEY {
        to_snow(&mut ours, &mut peer, b"");
    }
    peer.rekey_incoming();
    to_snow(&mut ours, &mut peer, b"sealed under the second key");
    from_snow(&mut ours, &mut peer, b"opened under the first key");

    let (mut ours, mut peer) = as_responder(&setup);
    for _ in 0..MESSAGES_PER_KEY {
        from_snow(&mut ours, &mut peer, b"");
    }
    peer.rekey_outgoing();
    from_snow(&mut ours, &mut peer, b"opened under the second key");
    to_snow(&mut ours, &mut peer, b"sealed under the first key");
}
