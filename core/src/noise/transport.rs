//! After the handshake: two independent directions, each with its key and counter (Noise §5.3).

use super::Error;
use super::symmetric::CipherState;
use crate::crypto::Provider;
use crate::limits::{KEY, NOISE_MESSAGE, TAG};

/// The number of messages under one key. Then both ends of the direction call `Rekey` (protocol §5).
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

/// The current key, or `None` after a message has failed: then the key is wiped, and every message fails.
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

    /// The peer's static public key. The peer has proven that it holds the private key.
    pub const fn remote_static(&self) -> &[u8; KEY] {
        &self.remote_static
    }

    /// A hash that both ends of this channel have, and no other handshake has (Noise §11.2).
    pub const fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }

    /// The two directions, to be used independently.
    pub fn split(self) -> (Sealer<P>, Opener<P>) {
        (self.sealer, self.opener)
    }
}

impl<P: Provider> Sealer<P> {
    /// Encrypts the `len` bytes at the start of `buf` in place. Returns the length of the message, `len + 16`.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] and [`Error::TooLong`] change nothing. [`Error::NonceExhausted`] and [`Error::Crypto`]
    /// end the direction; every later call returns [`Error::Failed`].
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

    /// A fingerprint of the current key, equal to the peer's [`Opener::fingerprint`]; `None` after the direction has
    /// failed. People may see it: it does not reveal the key.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.0.0.as_ref().map(CipherState::fingerprint)
    }
}

impl<P: Provider> Opener<P> {
    /// Decrypts in place. Returns the length of the plaintext at the start of `message`. Messages open only in the order
    /// in which they were sealed, each once.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Truncated`], [`Error::NonceExhausted`] or [`Error::Crypto`]. Each ends the
    /// direction; every later call returns [`Error::Failed`].
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

    /// As [`Sealer::fingerprint`], for this direction.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.0.0.as_ref().map(CipherState::fingerprint)
    }
}

impl<P: Provider> Direction<P> {
    /// Encrypts or decrypts one message, and changes the key after [`MESSAGES_PER_KEY`] messages.
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
