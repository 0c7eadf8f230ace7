//! The tap: a machine that shows each message before it is read and after it is written.

use std::sync::Arc;

use minipki_core::session::{Fault, Machine, Next};
use minipki_core::wire::Code;

/// Which way a message goes, seen from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From this side to the peer.
    Sent,
    /// From the peer to this side.
    Received,
}

/// Somebody who watches. Is shown what travels, never a secret.
pub trait Tap: Send + Sync {
    /// The body of a frame, as it is on the wire.
    fn frame(&self, direction: Direction, body: &[u8]);

    /// The plaintext of the channel message that was shown as a frame just before.
    fn plaintext(&self, direction: Direction, text: &[u8]);
}

/// `inner`, watched by a tap if there is one.
pub struct Traced<M> {
    /// The machine that does the work.
    pub inner: M,
    tap: Option<Arc<dyn Tap>>,
}

impl<M: Machine> Traced<M> {
    /// Lets `tap` watch `inner`.
    pub const fn new(inner: M, tap: Option<Arc<dyn Tap>>) -> Self {
        Self { inner, tap }
    }

    /// Writes a message with `compose`, and shows it.
    ///
    /// # Errors
    /// What `compose` returns.
    pub fn compose(
        &mut self,
        out: &mut [u8],
        compose: impl FnOnce(&mut M, &mut [u8]) -> Result<usize, Fault>,
    ) -> Result<usize, Fault> {
        let len = compose(&mut self.inner, out)?;
        if let (Some(tap), Some(body)) = (&self.tap, out.get(..len)) {
            tap.frame(Direction::Sent, body);
            if let Some(text) = self.inner.plaintext(&[]) {
                tap.plaintext(Direction::Sent, text);
            }
        }
        Ok(len)
    }
}

impl<M: Machine> Machine for Traced<M> {
    type Event = M::Event;

    fn next(&self) -> Next {
        self.inner.next()
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        self.compose(out, M::write)
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<M::Event>, Fault> {
        if let Some(tap) = &self.tap {
            tap.frame(Direction::Received, body);
        }
        let event = self.inner.read(body);
        // Also where it was refused: that is what there is to see.
        if let (Some(tap), Some(text)) = (&self.tap, self.inner.plaintext(body)) {
            tap.plaintext(Direction::Received, text);
        }
        event
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        self.inner.plaintext(body)
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.inner.end()
    }

    fn refuse(&mut self, code: Code, out: &mut [u8]) -> Result<usize, Fault> {
        self.compose(out, |inner, out| inner.refuse(code, out))
    }

    fn refuses_aloud(&self) -> bool {
        self.inner.refuses_aloud()
    }
}
