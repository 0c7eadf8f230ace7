//! The link: bytes to frames to a machine, in lent buffers.
//!
//! A driver asks [`Link::want`] and moves bytes; ten lines, whatever the I/O:
//!
//! ```text
//! Send     write some of link.to_send(),   then link.sent(n)
//! Receive  read some into link.space(),    then link.received(n)   (0: the stream has ended)
//! Deliver  the application's turn: link.event(), link.body(), link.send(..)
//! Finished nothing more will come
//! ```

use core::ops::Range;

use crate::limits::FRAME_HEADER;
use crate::session::{Fault, Machine, Next};
use crate::wire::{WireError, frame};

/// What the link waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Bytes wait to be sent.
    Send,
    /// Bytes are expected.
    Receive,
    /// The application has an event to take, or an answer to give.
    Deliver,
    /// The machine has ended and everything is sent.
    Finished,
}

/// A [`LinkOver`] buffers that are lent.
pub type Link<'b, M> = LinkOver<&'b mut [u8], M>;

/// A machine between two buffers: lent ones on a device, its own where the link
/// is to go from one owner to the next.
///
/// `rx` bounds what a peer may send: a frame's body is at most `rx.len() - 4`
/// bytes. `tx` bounds what can be sent in the same way.
pub struct LinkOver<B, M: Machine> {
    machine: M,
    rx: B,
    /// Bytes of `rx` that hold something.
    filled: usize,
    /// Length of the frame at the start of `rx` that the machine has read already.
    read: usize,
    tx: B,
    unsent: Range<usize>,
    event: Option<M::Event>,
    /// Told to the application once the refusal it caused is sent.
    fault: Option<Fault>,
    stream_ended: bool,
    /// After a bad length prefix nothing on this stream can be trusted to be a frame.
    broken: bool,
}

/// What [`LinkOver::split`] makes: what receives, what sends, and what else there is.
pub type Halves<B, I, O, T> = (LinkOver<B, I>, LinkOver<B, O>, T);

impl<B: AsRef<[u8]> + AsMut<[u8]>, M: Machine> LinkOver<B, M> {
    /// Puts `machine` between the buffers.
    pub fn new(machine: M, rx: B, tx: B) -> Self {
        Self {
            machine,
            rx,
            filled: 0,
            read: 0,
            tx,
            unsent: 0..0,
            event: None,
            fault: None,
            stream_ended: false,
            broken: false,
        }
    }

    /// Lets the machine go on as far as it can, and says what it waits for then.
    ///
    /// # Errors
    /// The [`Fault`] that a peer's message met, after the refusal that names it
    /// is sent. The machine may go on: ask again.
    pub fn want(&mut self) -> Result<Want, Fault> {
        loop {
            if !self.to_send().is_empty() {
                return Ok(Want::Send);
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if self.event.is_some() {
                return Ok(Want::Deliver);
            }
            if self.broken {
                return Ok(Want::Finished);
            }
            match self.machine.next() {
                Next::Write => {
                    if let Err(fault) = self.send(M::write) {
                        self.refuse(fault);
                    }
                }
                Next::Wait => return Ok(Want::Deliver),
                Next::Done => return Ok(Want::Finished),
                Next::Read => {
                    self.drop_body();
                    match self.cut() {
                        Ok(Some(body)) => self.feed(body),
                        Ok(None) if self.stream_ended => return self.end(),
                        Ok(None) => return Ok(Want::Receive),
                        Err(fault) => {
                            self.broken = true;
                            self.refuse(fault);
                        }
                    }
                }
            }
        }
    }

    /// The bytes that wait to be sent.
    pub fn to_send(&self) -> &[u8] {
        self.tx.as_ref().get(self.unsent.clone()).unwrap_or_default()
    }

    /// Says that the first `n` of them are sent.
    pub fn sent(&mut self, n: usize) {
        self.unsent.start = self.unsent.start.saturating_add(n).min(self.unsent.end);
    }

    /// Where received bytes go; never empty when [`Link::want`] says [`Want::Receive`].
    pub fn space(&mut self) -> &mut [u8] {
        self.rx.as_mut().get_mut(self.filled..).unwrap_or_default()
    }

    /// Says that `n` bytes are received into [`Link::space`], or with 0 that the stream has ended.
    pub fn received(&mut self, n: usize) {
        self.stream_ended |= n == 0;
        self.filled = self.filled.saturating_add(n).min(self.rx.as_ref().len());
    }

    /// Takes the event that waits, if any.
    pub fn event(&mut self) -> Option<M::Event> {
        self.event.take()
    }

    /// The body that the machine read last, as it left it, until [`Link::want`] is asked again.
    pub fn body(&self) -> &[u8] {
        self.rx.as_ref().get(FRAME_HEADER..self.read).unwrap_or_default()
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Puts a message into a frame to be sent; `compose` writes its body and returns the length.
    ///
    /// # Errors
    /// [`Fault::OutOfTurn`] while another message waits to be sent; what `compose` returns.
    pub fn send(
        &mut self,
        compose: impl FnOnce(&mut M, &mut [u8]) -> Result<usize, Fault>,
    ) -> Result<(), Fault> {
        if !self.to_send().is_empty() {
            return Err(Fault::OutOfTurn);
        }
        let (header, body) =
            self.tx.as_mut().split_first_chunk_mut::<FRAME_HEADER>().ok_or(WireError::BufferTooSmall)?;
        let len = compose(&mut self.machine, body)?;
        *header = frame::header(len).ok_or(WireError::BufferTooSmall)?;
        self.unsent = 0..FRAME_HEADER.saturating_add(len);
        Ok(())
    }

    /// Gives each buffer to a machine of its own: a handshake to the halves of its channel.
    /// What was received already stays; `None` if `halves` declines.
    pub fn split<I: Machine, O: Machine, T>(
        self,
        halves: impl FnOnce(M) -> Option<(I, O, T)>,
    ) -> Option<Halves<B, I, O, T>>
    where
        B: Default,
    {
        let (inbound, outbound, rest) = halves(self.machine)?;
        let mut receiver = LinkOver::new(inbound, self.rx, B::default());
        receiver.filled = self.filled;
        receiver.read = self.read;
        receiver.stream_ended = self.stream_ended;
        let mut sender = LinkOver::new(outbound, B::default(), self.tx);
        sender.unsent = self.unsent;
        Some((receiver, sender, rest))
    }

    /// Forgets the frame that the machine has read.
    fn drop_body(&mut self) {
        if self.read > 0 {
            let received = self.rx.as_mut().get_mut(..self.filled).unwrap_or_default();
            received.copy_within(self.read.min(received.len()).., 0);
            self.filled = self.filled.saturating_sub(self.read);
            self.read = 0;
        }
    }

    /// The length of the whole frame at the start of `rx`, if it is there.
    fn cut(&self) -> Result<Option<usize>, Fault> {
        let received = self.rx.as_ref().get(..self.filled).unwrap_or_default();
        let Some(header) = received.first_chunk::<FRAME_HEADER>() else { return Ok(None) };
        let limit = self.rx.as_ref().len().saturating_sub(FRAME_HEADER);
        let len = FRAME_HEADER.saturating_add(frame::body_len(*header, limit)?);
        Ok((received.len() >= len).then_some(len))
    }

    fn feed(&mut self, len: usize) {
        self.read = len;
        let body = self.rx.as_mut().get_mut(FRAME_HEADER..len).unwrap_or_default();
        match self.machine.read(body) {
            Ok(event) => self.event = event,
            Err(fault) => self.refuse(fault),
        }
    }

    /// Keeps `fault` for the application, and tells the peer if it is to be told.
    fn refuse(&mut self, fault: Fault) {
        self.fault = Some(fault);
        if let Some(code) = fault.code().filter(|_| self.machine.refuses_aloud()) {
            // A buffer too small for a refusal is too small for anything: the fault still surfaces.
            let _ = self.send(|machine, out| machine.refuse(code, out));
        }
    }

    fn end(&mut self) -> Result<Want, Fault> {
        self.broken = true;
        if self.filled > 0 { Err(Fault::Truncated) } else { self.machine.end().map(|()| Want::Finished) }
    }
}
