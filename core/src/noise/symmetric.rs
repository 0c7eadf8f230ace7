//! `SymmetricState` (Noise §5.2): the chaining key, the handshake hash and the cipher they feed.

use core::fmt;

use super::Error;
use super::cipher::CipherState;
use crate::bytes::Secret;
use crate::crypto::{KeyPair, Provider};
use crate::limits::{KEY, TAG};

/// Exactly a hash long, so it is the first `h` without being hashed or padded (Noise §5.2).
const PROTOCOL_NAME: &[u8; 32] = b"Noise_XX_25519_ChaChaPoly_SHA256";

/// The spec's `ck`, `h` and `CipherState`, which is absent until the first `MixKey`.
pub(super) struct SymmetricState<P: Provider> {
    ck: Secret<KEY>,
    h: [u8; 32],
    cipher: Option<CipherState<P>>,
}

impl<P: Provider> SymmetricState<P> {
    /// `InitializeSymmetric`, then `MixHash(prologue)`
    pub(super) fn new(prologue: &[u8]) -> Self {
        let mut state = Self { ck: Secret::new(*PROTOCOL_NAME), h: *PROTOCOL_NAME, cipher: None };
        state.mix_hash(prologue);
        state
    }

    /// `MixHash`
    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.h = P::sha256(&[&self.h, data]);
    }

    /// `MixKey(DH(ours, theirs))`
    pub(super) fn mix_dh(&mut self, ours: &KeyPair<P>, theirs: &[u8; KEY]) -> Result<(), Error> {
        let shared = ours.agree(theirs)?;
        let [ck, k] = self.hkdf(shared.expose())?;
        self.ck = ck;
        self.cipher = Some(CipherState::new(k));
        Ok(())
    }

    /// `EncryptAndHash`, in place: `buf` begins with `len` bytes of plaintext and ends up
    /// beginning with the ciphertext, whose length is returned.
    pub(super) fn encrypt_and_hash(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Error> {
        let (text, rest) = buf.split_at_mut_checked(len).ok_or(Error::BufferTooSmall)?;
        let len = if let Some(cipher) = &mut self.cipher {
            let tag = rest.first_chunk_mut::<TAG>().ok_or(Error::BufferTooSmall)?;
            *tag = cipher.encrypt_with_ad(&self.h, text)?;
            len.saturating_add(TAG)
        } else {
            len
        };
        self.mix_hash(buf.get(..len).ok_or(Error::BufferTooSmall)?);
        Ok(len)
    }

    /// `DecryptAndHash`, in place: returns the length of the plaintext at the start of `buf`.
    pub(super) fn decrypt_and_hash(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        // The hash of the ciphertext comes first: decryption overwrites it.
        let h = P::sha256(&[&self.h, buf]);
        let len = if let Some(cipher) = &mut self.cipher {
            let (text, tag) = buf.split_last_chunk_mut::<TAG>().ok_or(Error::Truncated)?;
            cipher.decrypt_with_ad(&self.h, text, tag)?;
            text.len()
        } else {
            buf.len()
        };
        self.h = h;
        Ok(len)
    }

    /// `GetHandshakeHash`
    pub(super) const fn handshake_hash(&self) -> [u8; 32] {
        self.h
    }

    /// `Split`: the cipher of the initiator's messages, and of the responder's.
    pub(super) fn split(self) -> Result<(CipherState<P>, CipherState<P>), Error> {
        let [initiator, responder] = self.hkdf(&[])?;
        Ok((CipherState::new(initiator), CipherState::new(responder)))
    }

    /// `HKDF(ck, ikm, 2)` (Noise §4.3), which is RFC 5869 with an empty `info`.
    fn hkdf(&self, ikm: &[u8]) -> Result<[Secret<KEY>; 2], Error> {
        let mut out = Secret::<{ 2 * KEY }>::zeroed();
        P::hkdf_sha256(self.ck.expose(), ikm, &[], out.expose_mut())?;
        let mut halves = [Secret::zeroed(), Secret::zeroed()];
        for (half, bytes) in halves.iter_mut().zip(out.expose().as_chunks().0) {
            *half.expose_mut() = *bytes;
        }
        Ok(halves)
    }
}

impl<P: Provider> fmt::Debug for SymmetricState<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymmetricState").finish_non_exhaustive()
    }
}
