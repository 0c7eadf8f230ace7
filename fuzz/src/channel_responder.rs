//! A hostile peer's whole connection to a listener: the handshake, and what it sends after it.

use minipki_core::link::Link;
use minipki_core::session::{LocalIdentity, Received, Responder};
use minipki_core::wire::Refusal;
use minipki_core::wire::channel::{self, Step};

use crate::peers;
use crate::stream::{Buffers, converse, sent};

/// A stream. Gives how many messages of an authenticated peer came through; none if there is no channel.
///
/// - The listener says message 2 at most once, and at most one refusal, last.
/// - A channel opens only to the corpus's honest initiator, whose certificate is the only one and whose key nobody knows.
/// - Through it comes what that one said, in its order and none of it twice; the end is told as closed only after all.
pub fn channel_responder(stream: &[u8]) -> Option<usize> {
    let (key, anchor) = (peers::responder_key(), peers::anchor());
    let local = LocalIdentity {
        key: &key,
        certificate: peers::RESPONDER,
        anchor: &anchor,
        now: peers::now(),
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
        _ => panic!("{} messages from the listener", answers.len()),
    }

    let (mut inbound, _, peer) = link.split(|machine| {
        let open = machine.established()?;
        Some((open.inbound, open.outbound, open.peer))
    })?;
    assert!(outcome.errors.is_empty() && refusals == 0, "a channel after an error");
    assert_eq!(peer.subject_id().as_str(), peers::INITIATOR_ID);
    assert_eq!(peer.key(), peers::initiator_key().public());

    let mut heard = Vec::new();
    let mut closed = false;
    let outcome = converse(&mut inbound, &mut stream, usize::MAX, |link| {
        assert!(!closed, "a message after the end");
        match link.event().expect("what is delivered is an event") {
            Received::Message(range) => heard.push(link.body()[range].to_vec()),
            Received::Closed => closed = true,
        }
    });
    assert!(outcome.sent.is_empty(), "an open channel refuses silently");
    assert!(
        peers::SAID.iter().zip(&heard).all(|(said, heard)| said == heard) && heard.len() <= peers::SAID.len()
    );
    assert!(
        !closed || (heard.len() == peers::SAID.len() && outcome.errors.is_empty()),
        "an end that nobody sent"
    );
    assert!(closed || outcome.errors.len() == 1, "a stream without its end is told so");
    Some(heard.len())
}

fn is_message_2(body: &[u8]) -> bool {
    channel::decode(Step::Two, &mut body.to_vec()).is_ok()
}
