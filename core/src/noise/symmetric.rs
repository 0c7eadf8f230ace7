//! The two objects that a handshake works on, under the names of the specification: `CipherState` (Noise §5.1) and
//! `SymmetricState` (Noise §5.2).

use core::fmt;

use super::Error;
use crate::bytes::Secret;
use crate::crypto::{AeadKey, KeyPair, Provider};
use crate::limits::{KEY, NONCE, TAG};

/// Reserved for `Rekey` (Noise §4.2); never the nonce of a message.
const MAX_NONCE: u64 = u64::MAX;

/// The spec's `k` and `n`. There is no empty `k` here: without a key there is no `CipherState`.
///
/// Not `Clone`: two copies would use a nonce twice.
pub(super) struct CipherState<P: Provider> {
    provider: P,
    k: P::AeadKey,
    n: u64,
}

impl<P: Provider> CipherState<P> {
    /// `InitializeKey`
    pub(super) fn new(provider: P, k: Secret<KEY>) -> Self {
        Self { provider, k: provider.aead_key(k), n: 0 }
    }

    /// `EncryptWithAd`, in place; returns the tag.
    pub(super) fn encrypt_with_ad(&mut self, ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], Error> {
        let next = self.next_nonce()?;
        let tag = self.k.seal(&nonce(self.n), ad, in_out)?;
        self.n = next;
        Ok(tag)
    }

    /// `DecryptWithAd`, in place. A message that fails does not use a nonce.
    pub(super) fn decrypt_with_ad(
        &mut self,
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Error> {
        let next = self.next_nonce()?;
        self.k.open(&nonce(self.n), ad, in_out, tag)?;
        self.n = next;
        Ok(())
    }

    /// `Rekey`: the key changes, the nonce does not start again.
    pub(super) fn rekey(&mut self) -> Result<(), Error> {
        let mut k = Secret::zeroed();
        self.k.seal(&nonce(MAX_NONCE), &[], k.expose_mut())?;
        self.k = self.provider.aead_key(k);
        Ok(())
    }

    /// The fingerprint of the key: two ends with the same fingerprint have the same key. It is a hash under a label
    /// that the protocol uses for nothing else, and reveals nothing about the key.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.provider.sha256(&[b"MiniPKI/1 key fingerprint", self.k.secret().expose()])
    }

    /// The number of messages so far.
    pub(super) const fn count(&self) -> u64 {
        self.n
    }

    /// The nonce after this one, if this one may be used.
    fn next_nonce(&self) -> Result<u64, Error> {
        self.n.checked_add(1).ok_or(Error::NonceExhausted)
    }
}

/// 32 zero bits, then `n` in little-endian order (Noise §12.3).
fn nonce(n: u64) -> [u8; NONCE] {
    let mut bytes = [0; NONCE];
    if let Some(counter) = bytes.last_chunk_mut() {
        *counter = n.to_le_bytes();
    }
    bytes
}

impl<P: Provider> fmt::Debug for CipherState<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CipherState").field("n", &self.n).finish_non_exhaustive()
    }
}

/// Exactly as long as a hash, so it is the first `h` itself, without hashing or padding (Noise §5.2).
const PROTOCOL_NAME: &[u8; 32] = b"Noise_XX_25519_ChaChaPoly_SHA256";

/// The spec's `ck`, `h` and `CipherState`, which is absent until the first `MixKey`.
pub(super) struct SymmetricState<P: Provider> {
    provider: P,
    ck: Secret<KEY>,
    h: [u8; 32],
    cipher: Option<CipherState<P>>,
}

impl<P: Provider> SymmetricState<P> {
    /// `InitializeSymmetric`, then `MixHash(prologue)`
    pub(super) fn new(provider: P, prologue: &[u8]) -> Self {
        let ck = Secret::new(*PROTOCOL_NAME);
        let mut state = Self { provider, ck, h: *PROTOCOL_NAME, cipher: None };
        state.mix_hash(prologue);
        state
    }

    /// `MixHash`
    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.h = self.provider.sha256(&[&self.h, data]);
    }

    /// `MixKey(DH(ours, theirs))`
    pub(super) fn mix_dh(&mut self, ours: &KeyPair<P>, theirs: &[u8; KEY]) -> Result<(), Error> {
        let shared = ours.agree(theirs)?;
        let [ck, k] = self.hkdf(shared.expose())?;
        self.ck = ck;
        self.cipher = Some(CipherState::new(self.provider, k));
        Ok(())
    }

    /// `EncryptAndHash`, in place, of the `len` bytes at the start of `buf`; returns the length of the ciphertext.
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
        let h = self.provider.sha256(&[&self.h, buf]);
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
        Ok((CipherState::new(self.provider, initiator), CipherState::new(self.provider, responder)))
    }

    /// `HKDF(ck, ikm, 2)` (Noise §4.3), which is RFC 5869 with an empty `info`.
    fn hkdf(&self, ikm: &[u8]) -> Result<[Secret<KEY>; 2], Error> {
        let mut out = Secret::<{ 2 * KEY }>::zeroed();
        let prk = self.provider.extract(self.ck.expose(), ikm);
        self.provider.expand(&prk, &[], out.expose_mut())?;
        let mut keys = [Secret::zeroed(), Secret::zeroed()];
        for (key, bytes) in keys.iter_mut().zip(out.expose().as_chunks().0) {
            *key.expose_mut() = *bytes;
        }
        Ok(keys)
    }
}

impl<P: Provider> fmt::Debug for SymmetricState<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymmetricState").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Portable;

    fn at(n: u64) -> CipherState<Portable> {
        CipherState { n, ..CipherState::new(Portable::new(), Secret::new([7; KEY])) }
    }

    #[test]
    fn the_last_nonce_but_one_is_the_last_used() {
        let (mut sender, mut receiver) = (at(MAX_NONCE - 1), at(MAX_NONCE - 1));
        let mut text = *b"last";
        let tag = sender.encrypt_with_ad(b"", &mut text);
        assert!(tag.is_ok_and(|tag| receiver.decrypt_with_ad(b"", &mut text, &tag).is_ok()));
        assert_eq!(text, *b"last");
        assert_eq!(sender.encrypt_with_ad(b"", &mut text), Err(Error::NonceExhausted));
        assert_eq!(receiver.decrypt_with_ad(b"", &mut text, &[0; TAG]), Err(Error::NonceExhausted));
        assert_eq!(text, *b"last", "nothing is encrypted under the reserved nonce");
    }

    #[test]
    fn a_nonce_is_four_zero_bytes_and_a_little_endian_counter() {
        assert_eq!(nonce(0x0102_0304_0506_0708), [0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
    }
}
