//! A handshake message being written or read, token by token (Noise §5.3).

use core::ops::Range;

use super::Error;
use super::symmetric::SymmetricState;
use crate::crypto::Provider;
use crate::limits::{KEY, NOISE_MESSAGE, TAG};

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

/// A message being read, and decrypted where it lies.
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

    /// The payload, which is all the rest: returns where in the message its plaintext lies.
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
