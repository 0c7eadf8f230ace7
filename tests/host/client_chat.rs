//! The conversation of a person: typed lines are sent, received messages are printed.

use std::time::Duration;

use minipki_client::chat::{
    ChatOptions, Limits, Line, Lines, Message, MessageError, Note, converse, decode, encode,
};
use minipki_client::{ClientError, Outgoing};
use minipki_core::session;
use minipki_net::NetError;
use minipki_net::trace::printable;
use minipki_tests::peers::{Collected, MemoryChannel, channel};
use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

const LIMIT: usize = Outgoing::<WriteHalf<DuplexStream>>::LIMIT;

/// The printed text, the notes and the result of one side of a conversation.
struct Side {
    printed: String,
    notes: Vec<Note>,
    end: Result<(), ClientError>,
}

async fn side(channel: MemoryChannel, input: impl AsyncBufRead + Unpin + Send) -> Side {
    side_within(channel, input, Limits::default()).await
}

async fn side_within(
    channel: MemoryChannel,
    input: impl AsyncBufRead + Unpin + Send,
    limits: Limits,
) -> Side {
    let (mut printed, notes) = (Vec::new(), Collected::default());
    let note = |item| notes.add(item);
    let options = ChatOptions { prefix: "", limits, notes: &note, stop: None, revoked: None };
    let end = converse(channel, &mut Lines::new(input), &mut printed, &options).await;
    Side { printed: String::from_utf8(printed).expect("text"), notes: notes.take(), end }
}

#[tokio::test]
async fn each_typed_line_arrives_as_one_message() {
    let (alice, bob) = channel().await;
    let (alice, bob) = tokio::join!(
        side(alice, &b"hello\n\xc3\xa4 \"quoted\" \\ back\n\nno line end"[..]),
        side(bob, &b"hi\r\n"[..])
    );
    assert!(alice.end.is_ok() && bob.end.is_ok());
    assert_eq!(alice.printed, "hi\n");
    assert_eq!(bob.printed, "hello\n\u{e4} \"quoted\" \\ back\n\nno line end\n");
}

#[tokio::test]
async fn messages_still_arrive_after_the_end_of_the_input() {
    let (alice, mut bob) = channel().await;
    let late = async {
        assert_eq!(bob.inbound.receive().await.expect("orderly"), None, "alice's input is at its end");
        for text in ["one", "two", "three"] {
            bob.outbound.send(&encode(text)).await.expect("open");
        }
        bob.outbound.close().await.expect("open");
    };
    let (alice, ()) = tokio::join!(side(alice, tokio::io::empty()), late);
    alice.end.expect("both have closed");
    assert_eq!(alice.printed, "one\ntwo\nthree\n");
    assert_eq!(alice.notes, [], "the side that closes first gets no note");
}

#[tokio::test]
async fn lines_are_still_sent_after_the_peer_has_closed() {
    let (alice, mut bob) = channel().await;
    let (mut keyboard, input) = tokio::io::duplex(64);
    let bob_side = async {
        bob.outbound.close().await.expect("open");
        keyboard.write_all(b"still here\n").await.expect("alice reads");
        let text = bob.inbound.receive().await.expect("open").map(<[u8]>::to_vec);
        drop(keyboard);
        assert_eq!(bob.inbound.receive().await.expect("orderly"), None);
        text
    };
    let (alice, text) = tokio::join!(side(alice, BufReader::new(input)), bob_side);
    alice.end.expect("both have closed");
    assert_eq!(text, Some(encode("still here")));
    assert_eq!(alice.notes, [Note::PeerClosed { shared: false }]);
}

#[tokio::test]
async fn a_peer_that_vanishes_is_an_error_even_while_nothing_is_typed() {
    let (alice, bob) = channel().await;
    let (_keyboard, input) = tokio::io::duplex(64);
    drop(bob);
    let alice = side(alice, BufReader::new(input)).await;
    assert_eq!(alice.end.expect_err("no close came").session_error(), Some(session::Error::Truncated));
}

// In paused time, so that the test waits only for the limit.
#[tokio::test(start_paused = true)]
async fn only_a_silent_conversation_is_closed() {
    const IDLE: Duration = Duration::from_secs(60);
    let (alice, mut bob) = channel().await;
    let (_keyboard, input) = tokio::io::duplex(64);
    let limits = Limits { idle: IDLE, ..Limits::default() };
    let speaking = async {
        for _ in 0..3 {
            sleep(IDLE - Duration::from_secs(1)).await;
            bob.outbound.send(&encode("still here")).await.expect("open");
        }
        assert_eq!(bob.inbound.receive().await.expect("an orderly end"), None);
    };
    let (alice, ()) = tokio::join!(side_within(alice, BufReader::new(input), limits), speaking);
    assert_eq!(alice.printed, "still here\n".repeat(3));
    assert!(matches!(alice.end, Err(ClientError::Idle { limit: IDLE, .. })), "{:?}", alice.end);
}

// In paused time.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_the_conversation() {
    let (alice, _bob) = channel().await;
    let (_keyboard, input) = tokio::io::duplex(4096);
    let lines = (&b"one\ntwo\n"[..]).chain(input);
    let alice = side(alice, BufReader::new(lines)).await;
    let error = alice.end.expect_err("the stream takes 64 bytes");
    assert!(matches!(&error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
}

#[tokio::test]
async fn a_thousand_lines_each_way_at_once() {
    let text: String = (0..1000).map(|n| format!("line {n} {}\n", "x".repeat(n))).collect();
    let (alice, bob) = channel().await;
    let (alice, bob) = tokio::join!(side(alice, text.as_bytes()), side(bob, text.as_bytes()));
    assert!(alice.end.is_ok() && bob.end.is_ok());
    assert!(alice.printed == text && bob.printed == text, "every line arrives, in order");
}

#[tokio::test]
async fn a_line_that_cannot_be_sent_is_noted_and_the_next_is_sent() {
    let fits = "x".repeat(LIMIT - encode("").len());
    let input = [fits.as_bytes(), b"x\n", &[b'y'; 10_000], b"\n\xff\n", fits.as_bytes(), b"\n"].concat();
    let (alice, bob) = channel().await;
    let (alice, bob) = tokio::join!(side(alice, &input[..]), side(bob, tokio::io::empty()));
    let too_long = Note::LineTooLong { limit: LIMIT };
    let noted: Vec<_> =
        alice.notes.into_iter().filter(|note| *note != Note::PeerClosed { shared: false }).collect();
    assert_eq!(noted, [too_long.clone(), too_long, Note::LineNotText]);
    assert_eq!(bob.printed, fits + "\n");
}

#[tokio::test]
async fn a_message_that_is_no_chat_is_noted_and_skipped() {
    let (alice, mut bob) = channel().await;
    let odd = async {
        for body in [
            &b"hello"[..],
            br#"{"type":"wave\u001b"}"#,
            br#"{"type":"chat"}"#,
            br#"{"text":"hi","type":"chat"}"#,
        ] {
            bob.outbound.send(body).await.expect("open");
        }
        bob.outbound.close().await.expect("open");
    };
    let (alice, ()) = tokio::join!(side(alice, tokio::io::empty()), odd);
    alice.end.expect("orderly");
    assert_eq!(alice.printed, "hi\n");
    let expected = [
        Note::Malformed(MessageError::NotAMessage),
        Note::UnknownType("wave\\u{1b}".into()),
        Note::Malformed(MessageError::NotAChat),
    ];
    assert_eq!(alice.notes, expected);
}

#[tokio::test]
async fn control_characters_are_escaped() {
    let (alice, mut bob) = channel().await;
    let hostile = async {
        bob.outbound.send(&encode("a\nb\x1b[2J\u{9b}\u{202e}\t")).await.expect("open");
        bob.outbound.close().await.expect("open");
    };
    let (alice, ()) = tokio::join!(side(alice, tokio::io::empty()), hostile);
    assert_eq!(alice.printed, "a\\nb\\u{1b}[2J\\u{9b}\\u{202e}\\t\n");
    assert_eq!(
        printable("caf\u{e9} \u{1f600} \\n"),
        "caf\u{e9} \u{1f600} \\n",
        "other characters are unchanged"
    );
}

#[test]
fn messages_are_canonical() {
    for text in ["", "hello", "\"\\\n\u{1}\u{7f}", "\u{e9}\u{1f600}\u{2028}"] {
        let body = encode(text);
        let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body, serde_json_canonicalizer::to_vec(&value).expect("an object"), "RFC 8785");
        assert_eq!(decode(&body), Ok(Message::Chat(text.into())));
    }
    assert_eq!(encode("hi"), br#"{"text":"hi","type":"chat"}"#);
    let odd = br#" {"type": "chat", "text": "\u00e9"} "#;
    assert_eq!(decode(odd), Ok(Message::Chat("\u{e9}".into())), "other encodings are accepted");
    for wrong in [&br#"{"text":"a","text":"b","type":"chat"}"#[..], br#"{"more":1,"text":"a","type":"chat"}"#]
    {
        assert_eq!(decode(wrong), Err(MessageError::NotAChat));
    }
    assert_eq!(decode(b"[]"), Err(MessageError::NotAMessage));
}

#[tokio::test]
async fn an_interrupted_read_loses_no_part_of_a_line() {
    let (mut keyboard, input) = tokio::io::duplex(64);
    let mut lines = Lines::new(BufReader::new(input));
    keyboard.write_all(b"first ha").await.expect("room");
    // The future is polled once and dropped, as when a message arrives meanwhile.
    tokio::select! {
        biased;
        line = lines.next() => panic!("no line is whole: {line:?}"),
        () = std::future::ready(()) => {}
    }
    keyboard.write_all(b"lf\n").await.expect("room");
    assert_eq!(lines.next().await.expect("open"), Some(Line::Text("first half".into())));
    drop(keyboard);
    assert_eq!(lines.next().await.expect("the end of the input"), None);
}

#[tokio::test(start_paused = true)]
async fn after_a_signal_messages_are_printed_until_the_peer_closes() {
    let (alice, mut bob) = channel().await;
    let (_keyboard, input) = tokio::io::duplex(64);
    let (_ask, stop) = watch::channel(Some("SIGINT"));
    let bob_side = async {
        assert_eq!(bob.inbound.receive().await.expect("orderly"), None);
        bob.outbound.send(&encode("farewell")).await.expect("alice reads");
        bob.outbound.close().await.expect("alice reads");
    };
    let (mut printed, notes) = (Vec::new(), |_| {});
    let options = ChatOptions {
        prefix: "",
        limits: Limits::default(),
        notes: &notes,
        stop: Some(&stop),
        revoked: None,
    };
    let mut input = Lines::new(BufReader::new(input));
    let (ended, ()) = tokio::join!(converse(alice, &mut input, &mut printed, &options), bob_side);
    assert!(matches!(ended, Err(ClientError::Stopped { signal: "SIGINT" })), "{ended:?}");
    assert_eq!(printed, b"farewell\n");
}
