//! The messages of an open channel: both directions at once, the length limit, and the end of the channel.

use std::sync::Arc;

use minipki_client::{ChannelOptions, ClientError, Incoming, Outgoing, Role};
use minipki_core::cert::Certificate;
use minipki_core::link::{Direction, Misuse, Observer};
use minipki_core::noise;
use minipki_core::session;
use minipki_tests::peers::{Collected, MemoryChannel, channel, enter, identity, stream};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, WriteHalf};

type Out = Outgoing<WriteHalf<DuplexStream>>;

/// Receives the text of the next message.
async fn receive(inbound: &mut Incoming<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    inbound.receive().await.expect("a good message").map(<[u8]>::to_vec)
}

async fn failure(inbound: &mut Incoming<impl AsyncRead + Unpin>) -> session::Error {
    let error =
        inbound.receive().await.map(|text| text.map(<[u8]>::to_vec)).expect_err("the channel has failed");
    error.session_error().unwrap_or_else(|| panic!("no protocol error: {error}"))
}

#[tokio::test]
async fn messages_go_both_ways_in_order() {
    let (mut alice, mut bob) = channel().await;
    let there = async {
        alice.outbound.send(b"one").await.expect("open");
        alice.outbound.send(b"two").await.expect("open");
        receive(&mut alice.inbound).await
    };
    let back = async {
        let received = [receive(&mut bob.inbound).await, receive(&mut bob.inbound).await];
        bob.outbound.send(b"three").await.expect("open");
        received
    };
    let (three, received) = tokio::join!(there, back);
    assert_eq!(received, [Some(b"one".to_vec()), Some(b"two".to_vec())]);
    assert_eq!(three, Some(b"three".to_vec()));
}

#[tokio::test]
async fn a_thousand_each_way_at_once_through_64_bytes() {
    const COUNT: usize = 1000;
    // The lengths go from one byte to the limit.
    let text = |n: usize| vec![n as u8; 1 + n * 37 % Out::LIMIT];
    let (alice, bob) = channel().await;
    let talk = async |outbound: &mut Out| {
        for n in 0..COUNT {
            outbound.send(&text(n)).await.expect("open");
        }
        outbound.close().await.expect("open");
    };
    let listen = async |inbound: &mut Incoming<_>| {
        for n in 0..COUNT {
            assert_eq!(receive(inbound).await, Some(text(n)), "message {n}");
        }
        assert_eq!(receive(inbound).await, None);
    };
    let (mut a, mut b) = (alice, bob);
    tokio::join!(
        talk(&mut a.outbound),
        talk(&mut b.outbound),
        listen(&mut a.inbound),
        listen(&mut b.inbound)
    );
}

#[tokio::test]
async fn the_longest_message_fits_and_a_longer_one_is_refused_with_the_limit() {
    let (mut alice, mut bob) = channel().await;
    let error = alice.outbound.send(&[1; Out::LIMIT + 1]).await.expect_err("too long");
    assert!(matches!(error, ClientError::TooLong { len: 5105, limit: 5104 }), "{error}");
    assert!(error.to_string().contains("5104"), "{error}");
    // The refused message has not changed the channel.
    let (sent, received) = tokio::join!(alice.outbound.send(&[2; Out::LIMIT]), receive(&mut bob.inbound));
    sent.expect("the buffer is large enough");
    assert_eq!(received, Some(vec![2; Out::LIMIT]));
}

#[tokio::test]
async fn an_empty_message_is_not_taken_for_a_close() {
    let (mut alice, _bob) = channel().await;
    let error = alice.outbound.send(b"").await.expect_err("empty");
    assert_eq!(error.session_error(), Some(session::Error::Misuse(Misuse::OutOfTurn)));
}

/// `first` closes its direction. `second` sends one more message and closes.
async fn close_in_turn(mut first: MemoryChannel, mut second: MemoryChannel) {
    let one = async {
        first.outbound.close().await.expect("open");
        assert_eq!(receive(&mut first.inbound).await, Some(b"still here".to_vec()));
        assert_eq!(receive(&mut first.inbound).await, None);
        assert_eq!(receive(&mut first.inbound).await, None, "it stays closed");
    };
    let other = async {
        assert_eq!(receive(&mut second.inbound).await, None);
        second.outbound.send(b"still here").await.expect("open");
        second.outbound.close().await.expect("open");
    };
    tokio::join!(one, other);
    let error = first.outbound.send(b"more").await.expect_err("the channel is closed");
    assert_eq!(error.session_error(), Some(session::Error::Misuse(Misuse::OutOfTurn)));
}

#[tokio::test]
async fn either_side_may_close_first() {
    let (alice, bob) = channel().await;
    close_in_turn(alice, bob).await;
    let (alice, bob) = channel().await;
    close_in_turn(bob, alice).await;
}

#[tokio::test]
async fn a_stream_that_ends_without_a_close_is_truncated_and_stays_so() {
    let (alice, mut bob) = channel().await;
    drop(alice);
    assert_eq!(failure(&mut bob.inbound).await, session::Error::Truncated);
    assert_eq!(failure(&mut bob.inbound).await, session::Error::Noise(noise::Error::Failed));
}

/// Opens a channel in which `attack` handles the messages from alice to bob. Returns bob's error.
async fn through(
    attack: impl AsyncFnOnce(&mut (dyn AsyncRead + Unpin), &mut (dyn AsyncWrite + Unpin)),
) -> session::Error {
    let (near, (mut alice_out, mut alice_in)) = stream(1 << 16);
    let ((mut bob_out, mut bob_in), far) = stream(1 << 16);
    let (alice, bob, options) = (identity("alice"), identity("bob"), ChannelOptions::default());
    let talker = async {
        let mut channel = enter(Role::Initiator, near, &alice, &options).await.expect("honest so far");
        channel.outbound.send(b"one").await.expect("open");
        channel.outbound.send(b"two").await.expect("open");
        channel
    };
    let listener = async {
        let mut channel = enter(Role::Responder, far, &bob, &options).await.expect("honest so far");
        failure(&mut channel.inbound).await
    };
    let middle = async {
        // Messages 1 and 3 of the handshake pass. Message 2 goes the other way.
        for _ in 0..2 {
            let body = minipki_tests::peers::get_frame(&mut alice_out).await;
            minipki_tests::peers::put_frame(&mut bob_in, &body).await;
        }
        attack(&mut alice_out, &mut bob_in).await;
        bob_in.shutdown().await.expect("a stream in memory");
    };
    let back = async {
        let body = minipki_tests::peers::get_frame(&mut bob_out).await;
        minipki_tests::peers::put_frame(&mut alice_in, &body).await;
    };
    let (_channel, error, (), ()) = tokio::join!(talker, listener, middle, back);
    error
}

#[tokio::test]
async fn a_message_cut_short_is_truncated() {
    let error = through(async |from, to| {
        let mut part = [0; 10];
        from.read_exact(&mut part).await.expect("a message");
        to.write_all(&part).await.expect("bob reads");
    });
    assert_eq!(error.await, session::Error::Truncated);
}

#[tokio::test]
async fn a_message_that_was_changed_is_refused() {
    let error = through(async |from, to| {
        let mut frame = [0; 4 + 3 + 16];
        from.read_exact(&mut frame).await.expect("a message");
        frame[4] ^= 1;
        to.write_all(&frame).await.expect("bob reads");
    })
    .await;
    assert!(matches!(error, session::Error::Noise(noise::Error::Crypto(_))), "{error}");
}

#[tokio::test]
async fn a_message_that_was_dropped_is_noticed() {
    let error = through(async |from, to| {
        let mut frame = [0; 4 + 3 + 16];
        from.read_exact(&mut frame).await.expect("a message");
        from.read_exact(&mut frame).await.expect("another");
        to.write_all(&frame).await.expect("bob reads");
    })
    .await;
    assert!(matches!(error, session::Error::Noise(noise::Error::Crypto(_))), "{error}");
}

/// An observer that collects a description of each frame and each plaintext.
#[derive(Default)]
struct Watcher(Collected<String>);

impl Observer for Watcher {
    fn frame(&self, direction: Direction, body: &[u8]) {
        // An encrypted body may begin with any byte, also with a brace.
        let clear = serde_json::from_slice::<Map<String, Value>>(body).is_ok();
        let kind = if clear { "handshake" } else { "sealed" };
        self.0.add(format!("{direction:?} {kind}"));
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        let subject = Certificate::parse(text).map(|certificate| certificate.subject_id().to_string());
        self.0.add(match subject {
            Ok(subject) => format!("{direction:?} certificate of {subject}"),
            Err(_) => format!("{direction:?} {:?}", String::from_utf8_lossy(text)),
        });
    }
}

#[tokio::test]
async fn a_tap_sees_every_message_and_its_plaintext() {
    let (near, far) = stream(64);
    let (alice, bob) = (identity("alice"), identity("bob"));
    let watcher = Arc::new(Watcher::default());
    let watched = ChannelOptions { tap: Some(watcher.clone()), ..ChannelOptions::default() };
    let unwatched = ChannelOptions::default();
    let (alice, bob) = tokio::join!(
        enter(Role::Initiator, near, &alice, &watched),
        enter(Role::Responder, far, &bob, &unwatched)
    );
    let (mut alice, mut bob) = (alice.expect("certified"), bob.expect("certified"));
    let there = async {
        alice.outbound.send(b"hi").await.expect("open");
        receive(&mut alice.inbound).await
    };
    let back = async {
        receive(&mut bob.inbound).await;
        bob.outbound.close().await.expect("open");
    };
    tokio::join!(there, back);
    let expected = [
        "Sent handshake",
        "Received handshake",
        "Received certificate of bob",
        "Sent handshake",
        "Sent certificate of alice",
        "Sent sealed",
        "Sent \"hi\"",
        "Received sealed",
        "Received \"\"",
    ];
    assert_eq!(watcher.0.take(), expected);
}
