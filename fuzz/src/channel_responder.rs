//! A hostile peer's whole connection to a responder: the handshake, and the bytes after it.

use minipki_core::link::Link;
use minipki_core::session::{LocalIdentity, Received, Responder};
use minipki_core::trust::StatusPolicy;
use minipki_core::wire::Refusal;
use minipki_core::wire::channel::{self, Step};

use crate::peers;
use crate::stream::{Buffers, converse, sent};

/// Checks any stream. Returns the number of messages from an authenticated peer; `None` if there is no channel.
///
/// - The responder sends message 2 at most once, and at most one refusal, as the last message.
/// - A channel opens only to the honest initiator of the corpus, whose key is in no input.
/// - The messages of the initiator arrive in order, each once. The channel is closed only after all of them.
pub fn channel_responder(stream: &[u8]) -> Option<usize> {
    let (key, anchor) = (peers::responder_key(), peers::anchor());
    let local = LocalIdentity {
        key: &key,
        credentials: peers::RESPONDER,
        anchor: &anchor,
        now: peers::now(),
        status_policy: StatusPolicy::default(),
        peer: None,
    };
    let mut buffers = Buffers::default();
    let mut stream = stream;

    let responder = Responder::new(local, &mut peers::rng());
    let mut link = Link::new(responder, &mut buffers.rx, &mut buffers.tx);
    let outcome = converse(&mut link, &mut stream, usize::MAX, |_| panic!("a handshake has no events"));
    let answers = sent(&outcome.sent);
    let refusals = answers.iter().filter(|answer| Refusal::decode(answer).is_ok()).count();
    match answers[..] {
        [] => {}
        [only] => assert!(refusals == 1 || is_message_2(only)),
        [first, last] => assert!(is_message_2(first) && Refusal::decode(last).is_ok()),
        _ => panic!("{} messages from the responder", answers.len()),
    }

    let (mut inbound, _, peer) = link.split(|machine| {
        let open = machine.established()?;
        Some((open.inbound, open.outbound, open.peer))
    })?;
    assert!(outcome.errors.is_empty() && refusals == 0, "a channel after an error");
    assert_eq!(peer.subject_id().as_str(), peers::INITIATOR_ID);
    assert_eq!(peer.key(), peers::initiator_key().public());

    let mut messages = Vec::new();
    let mut closed = false;
    let outcome = converse(&mut inbound, &mut stream, usize::MAX, |link| {
        assert!(!closed, "a message after the end");
        match link.event().expect("an event") {
            Received::Message(range) => messages.push(link.body()[range].to_vec()),
            Received::Closed => closed = true,
        }
    });
    assert!(outcome.sent.is_empty(), "an open channel sends no refusal");
    assert!(
        peers::MESSAGES.iter().zip(&messages).all(|(sent, received)| sent == received)
            && messages.len() <= peers::MESSAGES.len()
    );
    assert!(
        !closed || (messages.len() == peers::MESSAGES.len() && outcome.errors.is_empty()),
        "an end that nobody sent"
    );
    assert!(closed || outcome.errors.len() == 1, "a stream without its end gives an error");
    Some(messages.len())
}

fn is_message_2(body: &[u8]) -> bool {
    channel::decode(Step::Two, &mut body.to_vec()).is_ok()
}
