//! A stream fed to a link, and the same stream cut by the plainest code there is.

use minipki_core::limits::{FRAME, FRAME_BODY};
use minipki_core::link::{Link, Machine, Want};
use minipki_core::session;

/// A pair of buffers as a link wants them.
pub struct Buffers {
    /// For what is received.
    pub rx: [u8; FRAME],
    /// For what is sent.
    pub tx: [u8; FRAME],
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers { rx: [0; FRAME], tx: [0; FRAME] }
    }
}

/// What came of a conversation.
#[derive(Default)]
pub struct Outcome {
    /// Every byte that the link sent.
    pub sent: Vec<u8>,
    /// Every error that it returned.
    pub errors: Vec<session::Error>,
}

/// Feeds `stream` to `link`, at most `chunk` bytes at a time, until it has finished.
///
/// # Panics
/// If it never does, or wants bytes but has no space for them.
pub fn converse<M: Machine<Error = session::Error>>(
    link: &mut Link<'_, M>,
    stream: &mut &[u8],
    chunk: usize,
    mut deliver: impl FnMut(&mut Link<'_, M>),
) -> Outcome {
    let mut outcome = Outcome::default();
    // A turn takes bytes in, or ends what an earlier one began: there are only so many.
    for _ in 0..16 + 8 * stream.len() {
        match link.want() {
            Ok(Want::Send) => {
                outcome.sent.extend_from_slice(link.to_send());
                link.sent(link.to_send().len());
            }
            Ok(Want::Receive) => {
                let space = link.space();
                assert!(!space.is_empty(), "bytes are wanted, but there is no space for them");
                let count = chunk.min(space.len()).min(stream.len());
                let (taken, rest) = stream.split_at(count);
                space[..count].copy_from_slice(taken);
                *stream = rest;
                link.received(count);
            }
            Ok(Want::Deliver) => deliver(link),
            Ok(Want::Finished) => return outcome,
            Err(error) => outcome.errors.push(error),
        }
    }
    panic!("the conversation does not end");
}

/// How a stream ends after its last whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There.
    Clean,
    /// In the middle of a frame.
    Cut,
    /// With a length that no receiver takes.
    Refused,
}

/// The bodies of the frames of `stream`, for a receiver that takes up to `limit` bytes.
pub fn frames(mut stream: &[u8], limit: usize) -> (Vec<&[u8]>, Tail) {
    let mut bodies = Vec::new();
    while let Some((header, rest)) = stream.split_first_chunk() {
        let length = u32::from_be_bytes(*header) as usize;
        if length == 0 || length > limit {
            return (bodies, Tail::Refused);
        }
        let Some((body, rest)) = rest.split_at_checked(length) else { return (bodies, Tail::Cut) };
        bodies.push(body);
        stream = rest;
    }
    (bodies, if stream.is_empty() { Tail::Clean } else { Tail::Cut })
}

/// The bodies of everything that our side has sent, which is whole frames.
///
/// # Panics
/// If it is not.
pub fn sent(stream: &[u8]) -> Vec<&[u8]> {
    let (bodies, tail) = frames(stream, FRAME_BODY);
    assert_eq!(tail, Tail::Clean, "we send whole frames");
    bodies
}
