//! `CipherState` (Noise §5.1): a key and the nonce that counts its messages.

use core::fmt;

use super::Error;
use crate::bytes::Secret;
use crate::crypto::{Aead, Provider};
use crate::limits::{KEY, NONCE, TAG};

/// Reserved for `Rekey` (Noise §4.2); never the nonce of a message.
const MAX_NONCE: u64 = u64::MAX;

/// The spec's `k` and `n`. There is no empty `k` here: what has no key has no `CipherState`.
///
/// Not `Clone`: two copies would use a nonce twice.
pub(super) struct CipherState<P: Provider> {
    k: P::Aead,
    n: u64,
}

impl<P: Provider> CipherState<P> {
    /// `InitializeKey`
    pub(super) fn new(k: Secret<KEY>) -> Self {
        Self { k: P::Aead::new(k), n: 0 }
    }

    /// `EncryptWithAd`, in place; returns the tag.
    pub(super) fn encrypt_with_ad(&mut self, ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], Error> {
        let next = self.next_nonce()?;
        let tag = self.k.seal(&nonce(self.n), ad, in_out)?;
        self.n = next;
        Ok(tag)
    }

    /// `DecryptWithAd`, in place. A message that fails does not count.
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

    /// `Rekey`: the key changes, the nonce goes on.
    pub(super) fn rekey(&mut self) -> Result<(), Error> {
        let mut k = Secret::zeroed();
        self.k.seal(&nonce(MAX_NONCE), &[], k.expose_mut())?;
        self.k = P::Aead::new(k);
        Ok(())
    }

    /// A name for the key: two ends that have the same name have the same key. It is a hash with a
    /// label that nothing else in the protocol hashes with, and gives nothing of the key away.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        P::sha256(&[b"MiniPKI/1 key fingerprint", self.k.key().expose()])
    }

    /// Messages so far.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Portable;

    fn at(n: u64) -> CipherState<Portable> {
        CipherState { n, ..CipherState::new(Secret::new([7; KEY])) }
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
