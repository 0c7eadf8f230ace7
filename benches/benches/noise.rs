//! Noise XX, both sides with fresh ephemeral keys, and transport messages, beside snow's.

use criterion::{Criterion, criterion_group, criterion_main};
use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_benches::compare;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::noise::{Transport, initiator, responder};
use snow::{Builder, TransportState};

const PROLOGUE: &[u8] = b"MiniPKI/1 channel";
const BUF: usize = 1024;

fn generate() -> KeyPair {
    KeyPair::<Portable>::generate(&mut UnwrapErr(SysRng))
}

fn ours(initiator: &KeyPair, responder: &KeyPair) -> (Transport<Portable>, Transport<Portable>) {
    let mut buf = [0; BUF];
    let a = initiator::SendMessage1::new(PROLOGUE, initiator.clone(), generate());
    let b = responder::ExpectMessage1::new(PROLOGUE, responder.clone(), generate());
    let (a, n) = a.write(b"", &mut buf).expect("message 1");
    let (b, _) = b.read(&mut buf[..n]).expect("message 1");
    let (b, n) = b.write(b"", &mut buf).expect("message 2");
    let (a, _) = a.read(&mut buf[..n]).expect("message 2");
    let (a, n) = a.write(b"", &mut buf).expect("message 3");
    let (b, _) = b.read(&mut buf[..n]).expect("message 3");
    assert_eq!(a.handshake_hash(), b.handshake_hash());
    (a, b)
}

fn snow(initiator: &KeyPair, responder: &KeyPair) -> (TransportState, TransportState) {
    let builder = || {
        Builder::new("Noise_XX_25519_ChaChaPoly_SHA256".parse().expect("a protocol that snow speaks"))
            .prologue(PROLOGUE)
            .expect("a prologue")
    };
    let (mut message, mut payload) = ([0; BUF], [0; BUF]);
    let mut a = builder()
        .local_private_key(initiator.secret().expose())
        .and_then(Builder::build_initiator)
        .expect("an initiator");
    let mut b = builder()
        .local_private_key(responder.secret().expose())
        .and_then(Builder::build_responder)
        .expect("a responder");
    for number in 1..=3 {
        let (from, to) = if number == 2 { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let n = from.write_message(&[], &mut message).expect("snow writes");
        to.read_message(&message[..n], &mut payload).expect("snow reads");
    }
    assert_eq!(a.get_handshake_hash(), b.get_handshake_hash());
    (a.into_transport_mode().expect("finished"), b.into_transport_mode().expect("finished"))
}

fn handshake(criterion: &mut Criterion) {
    let (initiator, responder) = (generate(), generate());
    compare(
        criterion,
        "noise-xx/handshake",
        &mut [
            ("minipki", &mut || drop(ours(&initiator, &responder))),
            ("snow", &mut || drop(snow(&initiator, &responder))),
        ],
    );
}

fn transport(criterion: &mut Criterion) {
    let (initiator, responder) = (generate(), generate());
    for len in [64, 1000] {
        let (mut sealer, mut opener) = {
            let (a, b) = ours(&initiator, &responder);
            (a.split().0, b.split().1)
        };
        let (mut a, mut b) = snow(&initiator, &responder);
        let (mut buf, mut message, mut payload) = ([0; BUF], [0; BUF], [0; BUF]);
        compare(
            criterion,
            &format!("noise-xx/seal-and-open-{len}"),
            &mut [
                ("minipki", &mut || {
                    let n = sealer.seal(&mut buf, len).expect("sealed");
                    assert_eq!(opener.open(&mut buf[..n]), Ok(len));
                }),
                ("snow", &mut || {
                    let n = a.write_message(&payload[..len], &mut message).expect("sealed");
                    assert_eq!(b.read_message(&message[..n], &mut payload), Ok(len));
                }),
            ],
        );
    }
}

criterion_group!(benches, handshake, transport);
criterion_main!(benches);
