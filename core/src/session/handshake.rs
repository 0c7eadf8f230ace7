//! What both sides of the handshake do with a message before Noise sees it.

use core::ops::Range;

use super::Fault;
use crate::noise;
use crate::wire::channel::{self, Step};
use crate::wire::{Refusal, WireError};

/// Has `noise` read the message in `body`, unless the peer sent a refusal in its place.
/// Returns what `noise` does, with the range of the payload within `body`.
pub(super) fn read<T>(
    step: Step,
    body: &mut [u8],
    noise: impl FnOnce(&mut [u8]) -> Result<(T, Range<usize>), noise::Error>,
) -> Result<(T, Range<usize>), Fault> {
    let message = channel::decode(step, body).or_else(|error| {
        refusal(body)?;
        Err(Fault::from(error))
    })?;
    let start = message.start;
    let (next, payload) = noise(body.get_mut(message).ok_or(WireError::Field("noise_b64"))?)?;
    Ok((next, start.saturating_add(payload.start)..start.saturating_add(payload.end)))
}

/// Fails with the peer's refusal if `body` is one.
///
/// It comes in clear and so proves nothing, but all it can do is end a
/// connection that its sender could have cut anyway.
pub(super) fn refusal(body: &[u8]) -> Result<(), Fault> {
    match Refusal::decode(body) {
        Ok(refusal) => Err(Fault::Refused(refusal.code)),
        Err(_) => Ok(()),
    }
}

/// Whose certificate the last message carried, for whoever watches.
pub(super) enum Shown {
    Nothing,
    Ours,
    /// At this range of the body just read.
    Theirs(Range<usize>),
}

impl Shown {
    /// Its text.
    pub(super) fn text<'m>(&self, ours: &'m [u8], body: &'m [u8]) -> Option<&'m [u8]> {
        match self {
            Self::Nothing => None,
            Self::Ours => Some(ours),
            Self::Theirs(range) => body.get(range.clone()),
        }
    }
}
