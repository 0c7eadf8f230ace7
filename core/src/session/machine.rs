//! What every session machine looks like to a link.

use super::Fault;
use crate::wire::{Code, Refusal};

/// What a machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It has a message to write.
    Write,
    /// It expects a message.
    Read,
    /// It waits for the application.
    Wait,
    /// Nothing more will come.
    Done,
}

/// A protocol's side of one connection, without the connection.
pub trait Machine {
    /// What the application is told; ranges in it point into the body just read.
    type Event;

    /// What this machine waits for.
    fn next(&self) -> Next;

    /// Writes the next message's body into `out`; returns its length.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] unless [`Machine::next`] says [`Next::Write`].
    fn write(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let _ = out;
        Err(Fault::OutOfTurn)
    }

    /// Takes the body of a frame in, which it may decode in place.
    ///
    /// # Errors
    /// [`Fault`] names the check that failed. The machine has then ended, or
    /// expects a new request, as [`Machine::next`] says.
    fn read(&mut self, body: &mut [u8]) -> Result<Option<Self::Event>, Fault>;

    /// What the message just read or written carries under its encryption, for whoever watches
    /// this side; `body` is the body just read, as [`Machine::read`] left it.
    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        let _ = body;
        None
    }

    /// Takes in that the peer's stream has ended between two frames.
    ///
    /// # Errors
    /// [`Fault::Truncated`] if the protocol still expected something.
    fn end(&mut self) -> Result<(), Fault> {
        Err(Fault::Truncated)
    }

    /// Writes the body of a refusal into `out`; returns its length.
    ///
    /// # Errors
    /// [`WireError::BufferTooSmall`](crate::wire::WireError::BufferTooSmall).
    fn refuse(&mut self, code: Code, out: &mut [u8]) -> Result<usize, Fault> {
        Ok(Refusal::from(code).encode(out)?)
    }

    /// Whether the peer is told, in clear, which check its message failed.
    fn refuses_aloud(&self) -> bool;
}
