//! Proof of possession of an X25519 key by Diffie-Hellman (protocol §4, after RFC 6955).

use core::fmt;

use subtle::ConstantTimeEq;

use crate::bytes::{Public, Secret, declassify};
use crate::crypto::{CryptoError, Hasher, Provider};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::link::frame;

const PROOF_LABEL: &[u8] = b"MiniPKI/1 enrol";
const KEY_LABEL: &[u8] = b"MiniPKI/1 enrol key";

/// `H`: the hash over frames 1 and 2, length prefixes included.
pub(super) struct Transcript<P: Provider>(P::Hasher);

impl<P: Provider> Transcript<P> {
    /// Starts with frame 1.
    pub(super) fn new(provider: P, body: &[u8]) -> Self {
        let mut transcript = Self(provider.hasher());
        transcript.add(body);
        transcript
    }

    /// Ends with frame 2.
    pub(super) fn finish(mut self, body: &[u8]) -> [u8; 32] {
        self.add(body);
        self.0.finish()
    }

    fn add(&mut self, body: &[u8]) {
        // The default is never used: each body was cut from a frame, or fits the buffer of one.
        self.0.update(&frame::header(body.len()).unwrap_or_default());
        self.0.update(body);
    }
}

/// The proof. `shared` is X25519 of the subject's key and the CA's share. `transcript` is `H`. `pinned` is `F`, the CA
/// key that the client has pinned. `token` is the SHA-256 of the token, if one is used.
pub(super) fn proof(
    provider: impl Provider,
    shared: &Secret<KEY>,
    transcript: &[u8; 32],
    pinned: &Fingerprint,
    token: Option<&[u8; 32]>,
) -> Result<Secret<32>, CryptoError> {
    let salt = token.map_or(&[][..], |hash| hash);
    let mut key = Secret::<KEY>::zeroed();
    let prk = provider.extract(salt, shared.expose());
    provider.expand(&prk, KEY_LABEL, key.expose_mut())?;
    Ok(provider.hmac_sha256(key.expose(), &[PROOF_LABEL, transcript, &pinned.0]))
}

/// A client's proof that it holds the private key of the request, and all data to check the proof except the token. It
/// is wiped when dropped.
///
/// A proof may depend on a token, but does not name it. So the application tries the tokens that the subject may use.
pub struct PossessionProof<P> {
    provider: P,
    shared: Secret<KEY>,
    transcript: [u8; 32],
    issuer: Fingerprint,
    proof: Secret<KEY>,
}

impl<P: Provider> PossessionProof<P> {
    pub(super) const fn new(
        provider: P,
        shared: Secret<KEY>,
        transcript: [u8; 32],
        issuer: Fingerprint,
        proof: Secret<KEY>,
    ) -> Self {
        Self { provider, shared, transcript, issuer, proof }
    }

    /// Returns whether the proof was made with the subject's key and the token whose SHA-256 is `token` (`None`:
    /// without a token). The time does not depend on the proof.
    ///
    /// # Errors
    /// [`CryptoError::Length`] if the provider derives no key of 32 bytes.
    pub fn proves(&self, token: Option<&[u8; 32]>) -> Result<bool, CryptoError> {
        let expected = proof(self.provider, &self.shared, &self.transcript, &self.issuer, token)?;
        Ok(declassify(expected.ct_eq(&self.proof), Public::ProofIsRight))
    }
}

impl<P> fmt::Debug for PossessionProof<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PossessionProof").finish_non_exhaustive()
    }
}
