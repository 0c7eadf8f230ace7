//! The handshake of `XX` (Noise §7.5): one type for each state, named by the message that it sends or expects.
//!
//! Each step consumes its state, so a message that fails ends the handshake,
//! and each state holds only the keys that later messages need.

use core::ops::Range;

use super::symmetric::SymmetricState;
use super::{Error, Transport};
use crate::crypto::{KeyPair, Provider};
use crate::limits::{KEY, NOISE_MESSAGE, TAG};

/// The initiator, before anything is sent.
#[derive(Debug)]
pub struct SendMessage1<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// The initiator, when it expects message 2.
#[derive(Debug)]
pub struct ExpectMessage2<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// The initiator, when the responder is authenticated and message 3 is to be sent.
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
        Self { symmetric: SymmetricState::new(s.provider(), prologue), s, e }
    }

    /// Writes message 1, `32 + payload.len()` bytes, and returns its length.
    /// The payload travels in clear.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::TooLong`].
    pub fn write(mut self, payload: &[u8], out: &mut [u8]) -> Result<(ExpectMessage2<P>, usize), Error> {
        let mut message = Outgoing::new(out);
        message.e(&mut self.symmetric, self.e.public().as_bytes())?;
        let len = message.payload(&mut self.symmetric, payload)?;
        Ok((ExpectMessage2 { symmetric: self.symmetric, s: self.s, e: self.e }, len))
    }
}

impl<P: Provider> ExpectMessage2<P> {
    /// Reads message 2 in place and returns the range of its payload in `message`.
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
    /// The responder's static public key. It is authentic: message 2 cannot be made without its private key. The name
    /// of its holder must come from a certificate.
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
        message.encrypted(&mut self.symmetric, self.s.public().as_bytes())?;
        self.symmetric.mix_dh(&self.s, &self.re)?; // se
        let len = message.payload(&mut self.symmetric, payload)?;
        let handshake_hash = self.symmetric.handshake_hash();
        let (ours, theirs) = self.symmetric.split()?;
        Ok((Transport::new(ours, theirs, handshake_hash, self.rs), len))
    }
}

/// The responder, before anything is received.
#[derive(Debug)]
pub struct ExpectMessage1<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
}

/// The responder, when it has message 2 to send.
#[derive(Debug)]
pub struct SendMessage2<P: Provider> {
    symmetric: SymmetricState<P>,
    s: KeyPair<P>,
    e: KeyPair<P>,
    re: [u8; KEY],
}

/// The responder, when it expects message 3, which authenticates the initiator.
#[derive(Debug)]
pub struct ExpectMessage3<P: Provider> {
    symmetric: SymmetricState<P>,
    e: KeyPair<P>,
}

impl<P: Provider> ExpectMessage1<P> {
    /// Starts a handshake. Both sides must give the same `prologue`; `s` is the static
    /// key pair, `e` the ephemeral one: freshly generated, for this handshake alone.
    pub fn new(prologue: &[u8], s: KeyPair<P>, e: KeyPair<P>) -> Self {
        Self { symmetric: SymmetricState::new(s.provider(), prologue), s, e }
    }

    /// Reads message 1 and returns the range of its payload in `message`. The payload is neither secret nor authentic.
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
    /// Writes message 2, `96 + payload.len()` bytes, and returns its length. The initiator is not authenticated yet:
    /// anybody can be the initiator and read the payload.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::TooLong`], or [`Error::Crypto`] if message 1 held a key of low order.
    pub fn write(mut self, payload: &[u8], out: &mut [u8]) -> Result<(ExpectMessage3<P>, usize), Error> {
        let mut message = Outgoing::new(out);
        message.e(&mut self.symmetric, self.e.public().as_bytes())?;
        self.symmetric.mix_dh(&self.e, &self.re)?; // ee
        message.encrypted(&mut self.symmetric, self.s.public().as_bytes())?;
        self.symmetric.mix_dh(&self.s, &self.re)?; // es
        let len = message.payload(&mut self.symmetric, payload)?;
        Ok((ExpectMessage3 { symmetric: self.symmetric, e: self.e }, len))
    }
}

impl<P: Provider> ExpectMessage3<P> {
    /// Reads message 3 in place and returns the range of its payload in `message`.
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

/// A message being written into a lent buffer.
pub(super) struct Outgoing<'m> {
    out: &'m mut [u8],
    len: usize,
}

impl<'m> Outgoing<'m> {
    pub(super) const fn new(out: &'m mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Token `e`: the public key in clear.
    pub(super) fn e<P: Provider>(
        &mut self,
        symmetric: &mut SymmetricState<P>,
        public: &[u8; KEY],
    ) -> Result<(), Error> {
        let rest = self.out.get_mut(self.len..).ok_or(Error::BufferTooSmall)?;
        *rest.first_chunk_mut().ok_or(Error::BufferTooSmall)? = *public;
        symmetric.mix_hash(public);
        self.len = self.len.saturating_add(KEY);
        Ok(())
    }

    /// Token `s`, and the payload: `plaintext` encrypted as soon as there is a key.
    pub(super) fn encrypted<P: Provider>(
        &mut self,
        symmetric: &mut SymmetricState<P>,
        plaintext: &[u8],
    ) -> Result<(), Error> {
        let rest = self.out.get_mut(self.len..).ok_or(Error::BufferTooSmall)?;
        rest.get_mut(..plaintext.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(plaintext);
        let used = symmetric.encrypt_and_hash(rest, plaintext.len())?;
        self.len = self.len.saturating_add(used);
        Ok(())
    }

    /// The payload, which ends the message: returns its length.
    pub(super) fn payload<P: Provider>(
        mut self,
        symmetric: &mut SymmetricState<P>,
        payload: &[u8],
    ) -> Result<usize, Error> {
        self.encrypted(symmetric, payload)?;
        if self.len > NOISE_MESSAGE { Err(Error::TooLong) } else { Ok(self.len) }
    }
}

/// A message being read, and decrypted in place.
pub(super) struct Incoming<'m> {
    message: &'m mut [u8],
    at: usize,
}

impl<'m> Incoming<'m> {
    pub(super) const fn new(message: &'m mut [u8]) -> Result<Self, Error> {
        if message.len() > NOISE_MESSAGE {
            return Err(Error::TooLong);
        }
        Ok(Self { message, at: 0 })
    }

    /// Token `e`: the peer's ephemeral public key.
    pub(super) fn e<P: Provider>(&mut self, symmetric: &mut SymmetricState<P>) -> Result<[u8; KEY], Error> {
        let public = *self.take::<KEY>()?;
        symmetric.mix_hash(&public);
        Ok(public)
    }

    /// Token `s`: the peer's static public key, encrypted.
    pub(super) fn s<P: Provider>(&mut self, symmetric: &mut SymmetricState<P>) -> Result<[u8; KEY], Error> {
        let field = self.take::<{ KEY + TAG }>()?;
        symmetric.decrypt_and_hash(field)?;
        field.first_chunk().copied().ok_or(Error::Truncated)
    }

    /// The payload, which is the rest of the message: returns the range of its plaintext in the message.
    pub(super) fn payload<P: Provider>(
        self,
        symmetric: &mut SymmetricState<P>,
    ) -> Result<Range<usize>, Error> {
        let len = symmetric.decrypt_and_hash(self.message.get_mut(self.at..).ok_or(Error::Truncated)?)?;
        Ok(self.at..self.at.saturating_add(len))
    }

    fn take<const N: usize>(&mut self) -> Result<&mut [u8; N], Error> {
        let field = self.message.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut);
        self.at = self.at.saturating_add(N);
        field.ok_or(Error::Truncated)
    }
}
