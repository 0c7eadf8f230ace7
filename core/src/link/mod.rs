//! The link: bytes to frames to a machine, in lent buffers.
//!
//! A driver calls [`LinkOver::want`] and moves bytes. That takes ten lines for any I/O:
//!
//! ```text
//! Send     write some of link.to_send(),   then link.sent(n)
//! Receive  read some into link.space(),    then link.received(n)   (0: the stream has ended)
//! Deliver  the application's turn: link.event(), link.body(), link.send(..)
//! Finished nothing more will come
//! ```
//!
//! A link knows no protocol. A [`Framing`] divides the stream into frames. A [`Machine`] reads and writes the bodies,
//! and writes the refusal of an error. An [`Observer`] sees each message.

pub mod frame;
mod machine;

use core::marker::PhantomData;
use core::ops::Range;

pub use frame::{Framing, LengthPrefix};
pub use machine::{Direction, Machine, Misuse, Next, Observer, Truncated};

/// The next step of the driver of a link.
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

/// A [`LinkOver`] two lent buffers.
pub type Link<'b, M, O = ()> = LinkOver<&'b mut [u8], M, O>;

/// A machine between two buffers. A device lends the buffers; a link that changes its owner has buffers of its own.
///
/// A frame from the peer that does not fit `rx` is refused. A frame to the peer must fit `tx`.
pub struct LinkOver<B, M: Machine, O = (), F = LengthPrefix> {
    machine: M,
    rx: B,
    /// The number of received bytes in `rx`.
    filled: usize,
    /// Length of the frame at the start of `rx` that the machine has read already.
    read: usize,
    tx: B,
    unsent: Range<usize>,
    event: Option<M::Event>,
    /// Returned to the application after its refusal is sent.
    error: Option<M::Error>,
    stream_ended: bool,
    /// After a bad header the stream cannot be divided into frames any more.
    broken: bool,
    observer: O,
    framing: PhantomData<F>,
}

/// The result of [`LinkOver::split`]: the receiving half, the sending half, and a value beside them.
pub type Halves<B, I, S, T, O = (), F = LengthPrefix> = (LinkOver<B, I, O, F>, LinkOver<B, S, O, F>, T);

impl<B: AsRef<[u8]> + AsMut<[u8]>, M: Machine<Error: From<frame::Error>>> LinkOver<B, M> {
    /// Puts `machine` between the buffers, with the protocol's framing and without an observer.
    pub fn new(machine: M, rx: B, tx: B) -> Self {
        Self::observed(machine, rx, tx, ())
    }
}

impl<B, M, O, F> LinkOver<B, M, O, F>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    M: Machine<Error: From<F::Error>>,
    O: Observer,
    F: Framing,
{
    /// Puts `machine` between the buffers, with an observer.
    pub fn observed(machine: M, rx: B, tx: B, observer: O) -> Self {
        Self {
            machine,
            rx,
            filled: 0,
            read: 0,
            tx,
            unsent: 0..0,
            event: None,
            error: None,
            stream_ended: false,
            broken: false,
            observer,
            framing: PhantomData,
        }
    }

    /// Runs the machine as far as it can; returns the next step of the driver.
    ///
    /// # Errors
    /// The error of a peer's message, after its refusal is sent. The machine may continue: call again.
    pub fn want(&mut self) -> Result<Want, M::Error> {
        loop {
            if !self.to_send().is_empty() {
                return Ok(Want::Send);
            }
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            if self.event.is_some() {
                return Ok(Want::Deliver);
            }
            if self.broken {
                return Ok(Want::Finished);
            }
            match self.machine.next() {
                Next::Write => {
                    if let Err(error) = self.send(M::write) {
                        self.refuse(error);
                    }
                }
                Next::Wait => return Ok(Want::Deliver),
                Next::Done => return Ok(Want::Finished),
                Next::Read => {
                    self.drop_body();
                    match self.cut() {
                        Ok(Some(frame)) => self.feed(frame),
                        Ok(None) if self.stream_ended => return self.end(),
                        Ok(None) => return Ok(Want::Receive),
                        Err(error) => {
                            self.broken = true;
                            self.refuse(error.into());
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

    /// Notes that the first `n` bytes of [`LinkOver::to_send`] are sent.
    pub fn sent(&mut self, n: usize) {
        self.unsent.start = self.unsent.start.saturating_add(n).min(self.unsent.end);
    }

    /// The space for received bytes; never empty when [`LinkOver::want`] returns [`Want::Receive`].
    pub fn space(&mut self) -> &mut [u8] {
        self.rx.as_mut().get_mut(self.filled..).unwrap_or_default()
    }

    /// Notes that `n` bytes are received into [`LinkOver::space`]. With 0 the stream has ended.
    pub fn received(&mut self, n: usize) {
        self.stream_ended |= n == 0;
        self.filled = self.filled.saturating_add(n).min(self.rx.as_ref().len());
    }

    /// Takes the event, if there is one.
    pub fn event(&mut self) -> Option<M::Event> {
        self.event.take()
    }

    /// The body that the machine read last, as the machine left it, until [`LinkOver::want`] is called again.
    pub fn body(&self) -> &[u8] {
        self.rx.as_ref().get(F::HEADER..self.read).unwrap_or_default()
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// Puts a message into a frame to be sent; `compose` writes its body and returns the length in bytes.
    ///
    /// # Errors
    /// [`Misuse::OutOfTurn`] while another message waits to be sent; [`Misuse::BufferTooSmall`] if no frame can hold
    /// the message; the error of `compose`.
    pub fn send(
        &mut self,
        compose: impl FnOnce(&mut M, &mut [u8]) -> Result<usize, M::Error>,
    ) -> Result<(), M::Error> {
        self.put(compose)?;
        if let Some(text) = self.machine.plaintext(&[]) {
            self.observer.plaintext(Direction::Sent, text);
        }
        Ok(())
    }

    /// Gives each buffer to a machine of its own, for example to the halves of the channel after a handshake. Received
    /// bytes stay, and both halves have the observer. Returns `None` if `halves` returns `None`.
    pub fn split<I, S, T>(
        self,
        halves: impl FnOnce(M) -> Option<(I, S, T)>,
    ) -> Option<Halves<B, I, S, T, O, F>>
    where
        B: Default,
        O: Clone,
        I: Machine<Error: From<F::Error>>,
        S: Machine<Error: From<F::Error>>,
    {
        let (inbound, outbound, rest) = halves(self.machine)?;
        let mut receiver = LinkOver::observed(inbound, self.rx, B::default(), self.observer.clone());
        receiver.filled = self.filled;
        receiver.read = self.read;
        receiver.stream_ended = self.stream_ended;
        let mut sender = LinkOver::observed(outbound, B::default(), self.tx, self.observer);
        sender.unsent = self.unsent;
        Some((receiver, sender, rest))
    }

    /// As [`LinkOver::send`], but the observer sees only the frame.
    fn put(
        &mut self,
        compose: impl FnOnce(&mut M, &mut [u8]) -> Result<usize, M::Error>,
    ) -> Result<(), M::Error> {
        if !self.to_send().is_empty() {
            return Err(Misuse::OutOfTurn.into());
        }
        let (header, body) =
            self.tx.as_mut().split_at_mut_checked(F::HEADER).ok_or(Misuse::BufferTooSmall)?;
        let len = compose(&mut self.machine, body)?;
        let body = body.get(..len).ok_or(Misuse::BufferTooSmall)?;
        F::write_header(len, header).ok_or(Misuse::BufferTooSmall)?;
        self.observer.frame(Direction::Sent, body);
        self.unsent = 0..F::HEADER.saturating_add(len);
        Ok(())
    }

    /// Removes the frame that the machine has read.
    fn drop_body(&mut self) {
        if self.read > 0 {
            let received = self.rx.as_mut().get_mut(..self.filled).unwrap_or_default();
            received.copy_within(self.read.min(received.len()).., 0);
            self.filled = self.filled.saturating_sub(self.read);
            self.read = 0;
        }
    }

    /// The length of the whole frame at the start of `rx`, if it has arrived.
    fn cut(&self) -> Result<Option<usize>, F::Error> {
        let received = self.rx.as_ref().get(..self.filled).unwrap_or_default();
        let limit = self.rx.as_ref().len().saturating_sub(F::HEADER);
        let body = F::body_len(received, limit)?;
        Ok(body.map(|len| F::HEADER.saturating_add(len)).filter(|&frame| received.len() >= frame))
    }

    fn feed(&mut self, frame: usize) {
        self.read = frame;
        let body = self.rx.as_mut().get_mut(F::HEADER..frame).unwrap_or_default();
        self.observer.frame(Direction::Received, body);
        let event = self.machine.read(body);
        // The plaintext of a message that fails a later check is shown as well: it explains the failure.
        if let Some(text) = self.machine.plaintext(body) {
            self.observer.plaintext(Direction::Received, text);
        }
        match event {
            Ok(event) => self.event = event,
            Err(error) => self.refuse(error),
        }
    }

    /// Keeps `error` for the application, and sends the refusal, if the machine writes one.
    fn refuse(&mut self, error: M::Error) {
        // If the buffer is too small for a refusal, the application still gets the error.
        let _ =
            self.put(|machine, out| machine.write_refusal(&error, out).ok_or(Misuse::BufferTooSmall.into()));
        self.error = Some(error);
    }

    fn end(&mut self) -> Result<Want, M::Error> {
        self.broken = true;
        if self.filled > 0 { Err(Truncated.into()) } else { self.machine.end().map(|()| Want::Finished) }
    }
}
