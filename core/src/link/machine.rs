//! The machine that a link serves, and the observer of a link.

use core::fmt;

use crate::bytes::BufferTooSmall;

/// The next step of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The machine has a message to write.
    Write,
    /// The machine expects a message.
    Read,
    /// The machine waits for the application.
    Wait,
    /// The machine has ended.
    Done,
}

/// One side of a protocol on one connection, without the connection.
pub trait Machine {
    /// An event for the application. Its ranges point into the body that was read last.
    type Event;

    /// The machine's own errors. They include the errors that a link finds.
    type Error: From<Misuse> + From<Truncated>;

    /// Returns the next step of this machine.
    fn next(&self) -> Next;

    /// Writes the body of the next message into `out`; returns its length in bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] unless [`Machine::next`] returns [`Next::Write`].
    fn write(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        let _ = out;
        Err(Misuse::OutOfTurn.into())
    }

    /// Reads the body of a frame. The machine may decode it in place.
    ///
    /// # Errors
    /// The check that failed. Then the machine has ended, or expects a new request: see [`Machine::next`].
    fn read(&mut self, body: &mut [u8]) -> Result<Option<Self::Event>, Self::Error>;

    /// Handles the end of the peer's stream between two frames.
    ///
    /// # Errors
    /// [`Truncated`] if the protocol expected more.
    fn end(&mut self) -> Result<(), Self::Error> {
        Err(Truncated.into())
    }

    /// Writes the body of the refusal for `error` into `out`; returns its length in bytes. Returns `None` if the peer
    /// gets no refusal, or if `out` is too small.
    fn write_refusal(&mut self, error: &Self::Error, out: &mut [u8]) -> Option<usize> {
        let _ = (error, out);
        None
    }

    /// The plaintext of the last message, if this machine has it. `body` is the body that was read last, as
    /// [`Machine::read`] left it.
    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        let _ = body;
        None
    }
}

/// A wrong call by the program on this side. No peer can cause it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Misuse {
    /// The call does not belong at this point of the exchange.
    OutOfTurn,
    /// The buffer lent for a message is too small.
    BufferTooSmall,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfTurn => f.write_str("the message does not belong at this point of the exchange"),
            Self::BufferTooSmall => BufferTooSmall.fmt(f),
        }
    }
}

impl core::error::Error for Misuse {}

impl From<BufferTooSmall> for Misuse {
    fn from(_: BufferTooSmall) -> Self {
        Self::BufferTooSmall
    }
}

/// The stream ended where the protocol expected more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

/// The direction of a message, seen from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From this side to the peer.
    Sent,
    /// From the peer to this side.
    Received,
}

/// An observer of a link. It sees each message and changes none; it never sees a key.
///
/// `()` observes nothing and costs nothing. The methods take `&self`, so that one observer can serve both halves of
/// a channel.
pub trait Observer {
    /// The body of a frame, as it travels: before the machine reads it, or after the machine has written it.
    fn frame(&self, direction: Direction, body: &[u8]) {
        let _ = (direction, body);
    }

    /// The plaintext of the message that was the last frame in this direction.
    fn plaintext(&self, direction: Direction, text: &[u8]) {
        let _ = (direction, text);
    }
}

impl Observer for () {}

impl<O: Observer + ?Sized> Observer for &O {
    fn frame(&self, direction: Direction, body: &[u8]) {
        (**self).frame(direction, body);
    }

    fn plaintext(&self, direction: Direction, text: &[u8]) {
        (**self).plaintext(direction, text);
    }
}
