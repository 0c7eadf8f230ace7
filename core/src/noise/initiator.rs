//! The initiator of `XX` (Noise §7.5), one type a state.
//!
//! ```text
//! -> e                   SendMessage1
//! <- e, ee, s, es        ExpectMessage2
//! -> s, se               SendMessage3
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

/// Before anything is sent.
#[derive(Debug)]
pub struct SendMessage1<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// Waits for the responder's answer.
#[derive(Debug)]
pub struct ExpectMessage2<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// Knows the responder; the last message is to be sent.
#[derive(Debug)]
pub struct SendMessage3<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    re: [u8; KEY],
    rs: [u8; KEY],
}

impl<P: Provider> SendMessage1<P> {
    /// Starts a handshake. Both sides must give the same `prologue`; `s` is the static
    /// key pair, `e` the ephemeral one: freshly generated, for this handshake alone.
    pub fn new(prologue: &[u8], s: KeyPair<P>, e: KeyPair<P>) -> Self {
        Self { symmetric: SymmetricState::new(prologue), s, e }
    }

    /// Writes message 1, `32 + payload.len()` bytes, and returns its length.
    /// The payload travels in clear.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::TooLong`].
    pub fn write(mut self, payload: &[u8], out: &mut [u8]) -> Result<(ExpectMessage2<P>, usize), Error> {
        let mut message = Outgoing::new(out);
        message.e(&mut self.symmetric, self.e.public())?;
        let len = message.payload(&mut self.symmetric, payload)?;
        Ok((ExpectMessage2 { symmetric: self.symmetric, s: self.s, e: self.e }, len))
    }
}

impl<P: Provider> ExpectMessage2<P> {
    /// Reads message 2 in place and returns where in `message` its payload lies.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Truncated`], or [`Error::Crypto`] for a message that was
    /// changed, belongs to another handshake or holds a key of low order.
    pub fn read(mut self, message: &mut [u8]) -> Result<(SendMessage3<P>, Range<usize>), Error> {
        let mut message = Incoming::new(message)?;
        let re = message.e(&mut self.symmetric)?;
        self.symmetric.mix_dh(&self.e, &re)?; // ee
        let rs = message.s(&mut self.symmetric)?;
        self.symmetric.mix_dh(&self.e, &rs)?; // es
        let payload = message.payload(&mut self.symmetric)?;
        Ok((SendMessage3 { symmetric: self.symmetric, s: self.s, re, rs }, payload))
    }
}

impl<P: Provider> SendMessage3<P> {
    /// The responder's static public key. Authentic: message 2 could not be made without
    /// its private key; whose it is, a certificate must say.
    pub const fn remote_static(&self) -> &[u8; KEY] {
        &self.rs
    }

    /// Writes message 3, `64 + payload.len()` bytes, and returns its length. The payload is
    /// encrypted for the responder alone.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::TooLong`], or [`Error::Crypto`].
    pub fn write(mut self, payload: &[u8], out: &mut [u8]) -> Result<(Transport<P>, usize), Error> {
        let mut message = Outgoing::new(out);
        message.encrypted(&mut self.symmetric, self.s.public())?;
        self.symmetric.mix_dh(&self.s, &self.re)?; // se
        let len = message.payload(&mut self.symmetric, payload)?;
        let handshake_hash = self.symmetric.handshake_hash();
        let (ours, theirs) = self.symmetric.split()?;
        Ok((Transport::new(ours, theirs, handshake_hash, self.rs), len))
    }
}
