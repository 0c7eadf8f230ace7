//! What both sides of the handshake do with a message before Noise sees it.

use super::Fault;
use crate::wire::channel::{self, Step};
use crate::wire::{Refusal, WireError};

/// The Noise message in `body`, or the refusal that the peer sent in its place.
pub(super) fn message(step: Step, body: &mut [u8]) -> Result<&mut [u8], Fault> {
    refusal(body)?;
    let range = channel::decode(step, body)?;
    Ok(body.get_mut(range).ok_or(WireError::Field("noise_b64"))?)
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
