//! The responder of `XX` (Noise §7.5), one type a state.
//!
//! ```text
//! -> e                   ExpectMessage1
//! <- e, ee, s, es        SendMessage2
//! -> s, se               ExpectMessage3
//! ```
//!
//! Each step consumes its state, so a message that fails ends the handshake,
//! and each state holds only the keys that later messages need.

use core::ops::Range;

use super::message::{Incoming, Outgoing};
use super::symmetric::SymmetricState;
use super::{Error, Transport};
use crate::crypto::{KeyPair, Provider};
use crate::limits::KEY;

/// Waits for an initiator.
#[derive(Debug)]
pub struct ExpectMessage1<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// The answer is to be sent.
#[derive(Debug)]
pub struct SendMessage2<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
    re: [u8; KEY],
}

/// Waits for the initiator to say who it is.
#[derive(Debug)]
pub struct ExpectMessage3<P: Provider> {
    symmetric: SymmetricState<P>,
    e: KeyPair<P>,
}

impl<P: Provider> ExpectMessage1<P> {
    /// Readies a handshake. Both sides must give the same `prologue`; `s` is the static
    /// key pair, `e` the ephemeral one: freshly generated, for this handshake alone.
    pub fn new(prologue: &[u8], s: KeyPair<P>, e: KeyPair<P>) -> Self {
        Self { symmetric: SymmetricState::new(prologue), s, e }
    }

    /// Reads message 1 and returns where in `message` its payload lies. That payload
    /// is neither secret nor authentic.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Truncated`].
    pub fn read(mut self, message: &mut [u8]) -> Result<(SendMessage2<P>, Range<usize>), Error> {
        let mut message = Incoming::new(message)?;
        let re = message.e(&mut self.symmetric)?;
        let payload = message.payload(&mut self.symmetric)?;
        Ok((SendMessage2 { symmetric: self.symmetric, s: self.s, e: self.e, re }, payload))
    }
}

impl<P: Provider> SendMessage2<P> {
    /// Writes message 2, `96 + payload.len()` bytes, and returns its length. The initiator is
    /// not yet known: whoever it is can read the payload.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::TooLong`], or [`Error::Crypto`] if message 1 held a key of low order.
    pub fn write(mut self, payload: &[u8], out: &mut [u8]) -> Result<(ExpectMessage3<P>, usize), Error> {
        let mut message = Outgoing::new(out);
        message.e(&mut self.symmetric, self.e.public())?;
        self.symmetric.mix_dh(&self.e, &self.re)?; // ee
        message.encrypted(&mut self.symmetric, self.s.public())?;
        self.symmetric.mix_dh(&self.s, &self.re)?; // es
        let len = message.payload(&mut self.symmetric, payload)?;
        Ok((ExpectMessage3 { symmetric: self.symmetric, e: self.e }, len))
    }
}

impl<P: Provider> ExpectMessage3<P> {
    /// Reads message 3 in place and returns where in `message` its payload lies.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Truncated`], or [`Error::Crypto`] for a message that was
    /// changed, belongs to another handshake or holds a key of low order.
    pub fn read(mut self, message: &mut [u8]) -> Result<(Transport<P>, Range<usize>), Error> {
        let mut message = Incoming::new(message)?;
        let rs = message.s(&mut self.symmetric)?;
        self.symmetric.mix_dh(&self.e, &rs)?; // se
        let payload = message.payload(&mut self.symmetric)?;
        let handshake_hash = self.symmetric.handshake_hash();
        let (theirs, ours) = self.symmetric.split()?;
        Ok((Transport::new(ours, theirs, handshake_hash, rs), payload))
    }
}
