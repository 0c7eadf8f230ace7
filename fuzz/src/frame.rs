//! Frames through a link, against simple code that cuts a stream.

use minipki_core::limits::FRAME_HEADER;
use minipki_core::link::{Link, Machine, Next};
use minipki_core::session;
use minipki_core::wire::Refusal;

use crate::stream::{Tail, converse, frames, sent};

/// The limit of a body in bytes. It is low, so that many inputs exceed it.
const LIMIT: usize = 64;

/// A machine that accepts any body and delivers it to the application.
struct Listener;

impl Machine for Listener {
    type Event = ();
    type Error = session::Error;

    fn next(&self) -> Next {
        Next::Read
    }

    fn read(&mut self, _: &mut [u8]) -> Result<Option<()>, session::Error> {
        Ok(Some(()))
    }

    fn end(&mut self) -> Result<(), session::Error> {
        Ok(())
    }

    fn write_refusal(&mut self, error: &session::Error, out: &mut [u8]) -> Option<usize> {
        Refusal::from(error.code()?).encode(out).ok()
    }
}

/// Checks any stream. The first byte of the input is the number of bytes that arrive at a time; the rest is the stream.
///
/// - The bodies are those of the simple code, for any number of bytes at a time.
/// - A bad length gets one refusal, and nothing after it is read. A cut frame gives an error.
pub fn frame(input: &[u8]) {
    let Some((chunk, stream)) = input.split_first() else { return };
    let (expected, tail) = frames(stream, LIMIT);

    let (mut rx, mut tx) = ([0; FRAME_HEADER + LIMIT], [0; 1024]);
    let mut link = Link::new(Listener, &mut rx, &mut tx);
    let mut bodies = Vec::new();
    let outcome = converse(&mut link, &mut &*stream, usize::from(*chunk).max(1), |link| {
        link.event().expect("an event");
        bodies.push(link.body().to_vec());
    });

    assert_eq!(bodies, expected, "the frames' bodies");
    let answers = sent(&outcome.sent);
    match tail {
        Tail::Clean => assert!(outcome.errors.is_empty() && answers.is_empty()),
        Tail::Cut => assert_eq!((outcome.errors, answers.len()), (vec![session::Error::Truncated], 0)),
        Tail::Refused => {
            assert!(matches!(outcome.errors[..], [session::Error::InvalidFrame(_)]), "{:?}", outcome.errors);
            let [answer] = answers[..] else { panic!("one refusal") };
            Refusal::decode(answer).expect("a refusal");
        }
    }
}
