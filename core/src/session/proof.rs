//! Proof of possession of an X25519 key by Diffie-Hellman (protocol §4, after RFC 6955).

use core::marker::PhantomData;

use crate::bytes::Secret;
use crate::crypto::{CryptoError, Provider, Sha256};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::wire::frame;

const PROOF_LABEL: &[u8] = b"MiniPKI/1 enrol";
const KEY_LABEL: &[u8] = b"MiniPKI/1 enrol key";

/// `H`: the hash over frames 1 and 2, length prefixes included.
pub(super) struct Transcript<P: Provider>(P::Sha256);

impl<P: Provider> Transcript<P> {
    /// Starts with frame 1.
    pub(super) fn new(body: &[u8]) -> Self {
        let mut transcript = Self(P::Sha256::default());
        transcript.add(body);
        transcript
    }

    /// Ends with frame 2.
    pub(super) fn finish(mut self, body: &[u8]) -> [u8; 32] {
        self.add(body);
        self.0.finish()
    }

    fn add(&mut self, body: &[u8]) {
        // A body that no frame can hold never gets here: it was cut from one, or fits a buffer of that size.
        self.0.update(&frame::header(body.len()).unwrap_or_default());
        self.0.update(body);
    }
}

/// All that goes into a proof but the token.
pub(super) struct ProofInput<P> {
    /// X25519 of the subject's key and the CA's share.
    shared: Secret<KEY>,
    /// `H`.
    transcript: [u8; 32],
    /// `F`: the CA key that the client has pinned.
    pinned: Fingerprint,
    provider: PhantomData<P>,
}

impl<P: Provider> ProofInput<P> {
    pub(super) fn new(shared: Secret<KEY>, transcript: [u8; 32], pinned: Fingerprint) -> Self {
        Self { shared, transcript, pinned, provider: PhantomData }
    }

    /// The proof under the token whose SHA-256 is `token`, or under none.
    pub(super) fn proof(&self, token: Option<&[u8; 32]>) -> Result<Secret<32>, CryptoError> {
        let salt = token.map_or(&[][..], |hash| hash);
        let mut key = Secret::<KEY>::zeroed();
        P::hkdf_sha256(salt, self.shared.expose(), KEY_LABEL, key.expose_mut())?;
        Ok(P::hmac_sha256(key.expose(), &[PROOF_LABEL, &self.transcript, &self.pinned.0]))
    }
}
