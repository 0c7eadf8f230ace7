//! A stream through a link, and simple code that cuts the same stream.

use minipki_core::limits::{FRAME, FRAME_BODY};
use minipki_core::link::{Link, Machine, Want};
use minipki_core::session;

/// The two buffers of a link.
pub struct Buffers {
    /// For received bytes.
    pub rx: [u8; FRAME],
    /// For bytes to be sent.
    pub tx: [u8; FRAME],
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers { rx: [0; FRAME], tx: [0; FRAME] }
    }
}

/// The result of a connection.
#[derive(Default)]
pub struct Outcome {
    /// All bytes that the link has sent.
    pub sent: Vec<u8>,
    /// All errors that the link has returned.
    pub errors: Vec<session::Error>,
}

/// Gives `stream` to `link`, at most `chunk` bytes at a time, until the link has finished.
///
/// # Panics
/// If the link does not finish, or expects bytes but has no space for them.
pub fn converse<M: Machine<Error = session::Error>>(
    link: &mut Link<'_, M>,
    stream: &mut &[u8],
    chunk: usize,
    mut deliver: impl FnMut(&mut Link<'_, M>),
) -> Outcome {
    let mut outcome = Outcome::default();
    // Each turn receives bytes or handles received bytes. So their number has a limit.
    for _ in 0..16 + 8 * stream.len() {
        match link.want() {
            Ok(Want::Send) => {
                outcome.sent.extend_from_slice(link.to_send());
                link.sent(link.to_send().len());
            }
            Ok(Want::Receive) => {
                let space = link.space();
                assert!(!space.is_empty(), "bytes are expected, but there is no space for them");
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
    panic!("the link does not finish");
}

/// The end of a stream after its last whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The stream ends there.
    Clean,
    /// The stream ends in a frame.
    Cut,
    /// A length follows that no receiver accepts.
    Refused,
}

/// The bodies of the frames of `stream`, for a receiver with a limit of `limit` bytes.
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

/// The bodies of the frames that our side has sent.
///
/// # Panics
/// If `stream` does not end after a whole frame.
pub fn sent(stream: &[u8]) -> Vec<&[u8]> {
    let (bodies, tail) = frames(stream, FRAME_BODY);
    assert_eq!(tail, Tail::Clean, "our side sends whole frames");
    bodies
}
