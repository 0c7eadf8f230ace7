//! The open channel, a half each (protocol §5): frames whose bodies are Noise transport messages.

use core::ops::Range;

use super::{Fault, Machine, Next, handshake};
use crate::crypto::Provider;
use crate::limits::TAG;
use crate::noise::{Opener, Sealer};
use crate::wire::WireError;

/// What came from the peer. The range points into the body of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The application's bytes.
    Message(Range<usize>),
    /// The peer will send no more.
    Closed,
}

/// What comes from the peer.
pub struct Inbound<P: Provider> {
    opener: Opener<P>,
    state: InboundState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InboundState {
    /// The peer may still refuse our last handshake message.
    First,
    Open,
    Ended,
}

impl<P: Provider> Inbound<P> {
    pub(super) const fn new(opener: Opener<P>) -> Self {
        Self { opener, state: InboundState::First }
    }

    /// A fingerprint of the key that opens, for people to compare; `None` once a message failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.opener.fingerprint()
    }
}

impl<P: Provider> Machine for Inbound<P> {
    type Event = Received;

    fn next(&self) -> Next {
        if self.state == InboundState::Ended { Next::Done } else { Next::Read }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Received>, Fault> {
        let first = core::mem::replace(&mut self.state, InboundState::Ended) == InboundState::First;
        if first {
            handshake::refusal(body)?;
        }
        match self.opener.open(body)? {
            0 => Ok(Some(Received::Closed)),
            len => {
                self.state = InboundState::Open;
                Ok(Some(Received::Message(0..len)))
            }
        }
    }

    fn refuses_aloud(&self) -> bool {
        false
    }
}

/// What goes to the peer.
pub struct Outbound<P: Provider> {
    sealer: Sealer<P>,
    closed: bool,
}

impl<P: Provider> Outbound<P> {
    pub(super) const fn new(sealer: Sealer<P>) -> Self {
        Self { sealer, closed: false }
    }

    /// A fingerprint of the key that seals, for people to compare; `None` once a message failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.sealer.fingerprint()
    }

    /// Writes a frame's body with the application's `text`; returns its length.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] for an empty text, which would close, and after [`Outbound::close`];
    /// [`WireError::BufferTooSmall`] if `text` and its tag of 16 bytes do not fit `out`. Each changes nothing.
    pub fn seal(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        if text.is_empty() { Err(Fault::OutOfTurn) } else { self.put(text, out) }
    }

    /// Writes the frame's body that closes this direction; returns its length.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] if it is closed already; [`WireError::BufferTooSmall`] if the tag of 16 bytes does not
    /// fit `out`. Each changes nothing.
    pub fn close(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let len = self.put(&[], out)?;
        self.closed = true;
        Ok(len)
    }

    fn put(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        if self.closed {
            return Err(Fault::OutOfTurn);
        }
        // Room is checked before the nonce is used, so that a text too long costs nothing.
        let sealed = text.len().checked_add(TAG).ok_or(WireError::BufferTooSmall)?;
        let out = out.get_mut(..sealed).ok_or(WireError::BufferTooSmall)?;
        out.get_mut(..text.len()).ok_or(WireError::BufferTooSmall)?.copy_from_slice(text);
        Ok(self.sealer.seal(out, text.len())?)
    }
}

impl<P: Provider> Machine for Outbound<P> {
    type Event = core::convert::Infallible;

    fn next(&self) -> Next {
        if self.closed { Next::Done } else { Next::Wait }
    }

    fn read(&mut self, _: &mut [u8]) -> Result<Option<Self::Event>, Fault> {
        Err(Fault::OutOfTurn)
    }

    fn refuses_aloud(&self) -> bool {
        false
    }
}
