//! After the handshake: two independent directions, each with its key and counter (Noise §5.3).

use super::Error;
use super::symmetric::CipherState;
use crate::crypto::Provider;
use crate::limits::{KEY, NOISE_MESSAGE, TAG};

/// Messages under one key; then both ends of the direction call `Rekey` (protocol §5).
pub const MESSAGES_PER_KEY: u64 = 1 << 16;

/// The result of a finished handshake.
#[derive(Debug)]
pub struct Transport<P: Provider> {
    sealer: Sealer<P>,
    opener: Opener<P>,
    handshake_hash: [u8; 32],
    remote_static: [u8; KEY],
}

/// The direction to the peer.
#[derive(Debug)]
pub struct Sealer<P: Provider>(Direction<P>);

/// The direction from the peer.
#[derive(Debug)]
pub struct Opener<P: Provider>(Direction<P>);

/// A key in use, or `None` once a message failed: the key is wiped, and nothing passes again.
#[derive(Debug)]
struct Direction<P: Provider>(Option<CipherState<P>>);

impl<P: Provider> Transport<P> {
    pub(super) const fn new(
        ours: CipherState<P>,
        theirs: CipherState<P>,
        handshake_hash: [u8; 32],
        remote_static: [u8; KEY],
    ) -> Self {
        let sealer = Sealer(Direction(Some(ours)));
        let opener = Opener(Direction(Some(theirs)));
        Self { sealer, opener, handshake_hash, remote_static }
    }

    /// The static public key that the peer proved to hold.
    pub const fn remote_static(&self) -> &[u8; KEY] {
        &self.remote_static
    }

    /// A name for this channel that both ends, and nobody else's handshake, have (Noise §11.2).
    pub const fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }

    /// The two directions, to be used independently.
    pub fn split(self) -> (Sealer<P>, Opener<P>) {
        (self.sealer, self.opener)
    }
}

impl<P: Provider> Sealer<P> {
    /// Encrypts in place: `buf` begins with `len` bytes of plaintext, and ends up beginning
    /// with the message, whose length, `len + 16`, is returned.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] and [`Error::TooLong`] leave everything as it was;
    /// [`Error::NonceExhausted`] and [`Error::Crypto`] end the direction, after which
    /// there is only [`Error::Failed`].
    pub fn seal(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let (text, rest) = buf.split_at_mut_checked(len).ok_or(Error::BufferTooSmall)?;
        let tag = rest.first_chunk_mut::<TAG>().ok_or(Error::BufferTooSmall)?;
        let sealed = len.saturating_add(TAG);
        if sealed > NOISE_MESSAGE {
            return Err(Error::TooLong);
        }
        *tag = self.0.pass(|cipher| cipher.encrypt_with_ad(&[], text))?;
        Ok(sealed)
    }

    /// A fingerprint of the key in use, which is its peer's [`Opener::fingerprint`]; `None` once the
    /// direction failed. To be shown to people: the key cannot be found from it.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.0.0.as_ref().map(CipherState::fingerprint)
    }
}

impl<P: Provider> Opener<P> {
    /// Decrypts in place: `message` ends up beginning with the plaintext, whose length is
    /// returned. Messages open only in the order in which they were sealed, each once.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Truncated`], [`Error::NonceExhausted`] or [`Error::Crypto`],
    /// any of which ends the direction: after it there is only [`Error::Failed`].
    pub fn open(&mut self, message: &mut [u8]) -> Result<usize, Error> {
        self.0.pass(|cipher| {
            if message.len() > NOISE_MESSAGE {
                return Err(Error::TooLong);
            }
            let (text, tag) = message.split_last_chunk_mut::<TAG>().ok_or(Error::Truncated)?;
            cipher.decrypt_with_ad(&[], text, tag)?;
            Ok(text.len())
        })
    }

    /// As [`Sealer::fingerprint`], of the key that opens.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.0.0.as_ref().map(CipherState::fingerprint)
    }
}

impl<P: Provider> Direction<P> {
    /// Lets one message pass, and changes the key when it has served its number.
    fn pass<T>(&mut self, message: impl FnOnce(&mut CipherState<P>) -> Result<T, Error>) -> Result<T, Error> {
        let cipher = self.0.as_mut().ok_or(Error::Failed)?;
        let done = message(cipher).and_then(|done| {
            if cipher.count().is_multiple_of(MESSAGES_PER_KEY) {
                cipher.rekey()?;
            }
            Ok(done)
        });
        if done.is_err() {
            self.0 = None;
        }
        done
    }
}
