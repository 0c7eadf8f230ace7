//! The two halves of an open channel (protocol §5): frames whose bodies are Noise transport messages.

use core::ops::Range;

use super::Error;
use super::handshake::expect_no_refusal;
use crate::bytes::BufferTooSmall;
use crate::crypto::Provider;
use crate::limits::TAG;
use crate::link::{Machine, Misuse, Next};
use crate::noise::{Opener, Sealer};
use crate::wire::{Code, Refusal};

/// A message from the peer, or the end. The range points into the body of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The application's bytes.
    Message(Range<usize>),
    /// The peer will send no more.
    Closed,
}

/// The half that receives.
pub struct Inbound<P: Provider> {
    opener: Opener<P>,
    state: InboundState,
    /// The length of the last message's plaintext, if it was authentic.
    opened: Option<usize>,
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
        Self { opener, state: InboundState::First, opened: None }
    }

    /// A fingerprint of the key that opens, for people to compare; `None` after a message has failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.opener.fingerprint()
    }
}

impl<P: Provider> Machine for Inbound<P> {
    type Event = Received;
    type Error = Error;

    fn next(&self) -> Next {
        if self.state == InboundState::Ended { Next::Done } else { Next::Read }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Received>, Error> {
        self.opened = None;
        let first = core::mem::replace(&mut self.state, InboundState::Ended) == InboundState::First;
        if first {
            expect_no_refusal(body)?;
        }
        let len = self.opener.open(body)?;
        self.opened = Some(len);
        if len == 0 {
            return Ok(Some(Received::Closed));
        }
        self.state = InboundState::Open;
        Ok(Some(Received::Message(0..len)))
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        body.get(..self.opened?)
    }
}

/// The half that sends.
pub struct Outbound<P: Provider> {
    sealer: Sealer<P>,
    closed: bool,
}

impl<P: Provider> Outbound<P> {
    pub(super) const fn new(sealer: Sealer<P>) -> Self {
        Self { sealer, closed: false }
    }

    /// A fingerprint of the key that seals, for people to compare; `None` after a message has failed.
    pub fn key_fingerprint(&self) -> Option<[u8; 32]> {
        self.sealer.fingerprint()
    }

    /// Writes a frame's body with the application's `text`; returns its length in bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] for an empty text, which would close, and after [`Outbound::close`];
    /// [`Misuse::BufferTooSmall`] if `text` and its tag of 16 bytes do not fit `out`. Each changes nothing.
    pub fn seal(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if text.is_empty() { Err(Misuse::OutOfTurn.into()) } else { self.put(text, out) }
    }

    /// Writes the frame's body that closes this direction; returns its length in bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if it is closed already; [`Misuse::BufferTooSmall`] if the tag of 16 bytes does not
    /// fit `out`. Each changes nothing.
    pub fn close(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let len = self.put(&[], out)?;
        self.closed = true;
        Ok(len)
    }

    /// Writes a refusal in clear instead of the first message, and closes this direction; returns the length of the
    /// body in bytes. The peer accepts a refusal only there (protocol §5).
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] if this direction is closed; [`Misuse::BufferTooSmall`].
    pub fn refuse(&mut self, code: Code, out: &mut [u8]) -> Result<usize, Error> {
        if self.closed {
            return Err(Misuse::OutOfTurn.into());
        }
        let len = Refusal::from(code).encode(out)?;
        self.closed = true;
        Ok(len)
    }

    fn put(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if self.closed {
            return Err(Misuse::OutOfTurn.into());
        }
        // The length is checked before the nonce is used, so that a text that is too long uses none.
        let sealed = text.len().checked_add(TAG).ok_or(BufferTooSmall)?;
        let out = out.get_mut(..sealed).ok_or(BufferTooSmall)?;
        out.get_mut(..text.len()).ok_or(BufferTooSmall)?.copy_from_slice(text);
        Ok(self.sealer.seal(out, text.len())?)
    }
}

impl<P: Provider> Machine for Outbound<P> {
    type Event = core::convert::Infallible;
    type Error = Error;

    fn next(&self) -> Next {
        if self.closed { Next::Done } else { Next::Wait }
    }

    fn read(&mut self, _: &mut [u8]) -> Result<Option<Self::Event>, Error> {
        Err(Misuse::OutOfTurn.into())
    }
}
