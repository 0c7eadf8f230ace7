//! Proof of possession of X25519 keys by Diffie-Hellman (protocol §4 and §7, after RFC 6955).

use core::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::bytes::{Public, Secret, declassify};
use crate::crypto::{CryptoError, Hasher, KeyPair, Provider, x25519};
use crate::keys::Fingerprint;
use crate::limits::KEY;
use crate::link::frame;

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

/// The purpose of a proof: the labels of its key and of itself.
#[derive(Clone, Copy)]
pub(super) struct Purpose {
    key: &'static [u8],
    proof: &'static [u8],
}

/// A request for a certificate (protocol §4).
pub(super) const ENROL: Purpose = Purpose { key: b"MiniPKI/1 enrol key", proof: b"MiniPKI/1 enrol" };
/// A renewal (protocol §7).
pub(super) const RENEW: Purpose = Purpose { key: b"MiniPKI/1 renew key", proof: b"MiniPKI/1 renew" };
/// A revocation by the holder (protocol §7).
pub(super) const REVOKE: Purpose = Purpose { key: b"MiniPKI/1 revoke key", proof: b"MiniPKI/1 revoke" };

/// The public values that a proof depends on.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// `H`.
    pub(super) transcript: [u8; 32],
    /// `F`: the fingerprint of the CA's key.
    pub(super) pinned: Fingerprint,
}

impl Context {
    /// The proof for `purpose`. `shared` is X25519 of the key to prove and the share. `salt` is another secret that the
    /// proof needs, or empty.
    pub(super) fn proof(
        &self,
        provider: impl Provider,
        purpose: Purpose,
        salt: &[u8],
        shared: &Secret<KEY>,
    ) -> Result<Secret<32>, CryptoError> {
        let mut key = Secret::<KEY>::zeroed();
        let prk = provider.extract(salt, shared.expose());
        provider.expand(&prk, purpose.key, key.expose_mut())?;
        Ok(provider.hmac_sha256(key.expose(), &[purpose.proof, &self.transcript, &self.pinned.0]))
    }
}

/// The salt of a renewal: it depends on the shared secret of the current key.
pub(super) fn renewal_salt(provider: impl Provider, current: &Secret<KEY>) -> Secret<32> {
    Secret::new(provider.sha256(&[RENEW.proof, current.expose()]))
}

/// The proof of a client, and the public data to check it. It is wiped when dropped.
pub(super) struct Evidence<P> {
    provider: P,
    transcript: [u8; 32],
    proof: Secret<KEY>,
}

impl<P: Provider> Evidence<P> {
    /// Takes the `proof` for the transcript `H`.
    pub(super) const fn new(provider: P, transcript: [u8; 32], proof: Secret<KEY>) -> Self {
        Self { provider, transcript, proof }
    }

    /// Whether the proof was made with these secrets, for one of `issuers`. The time does not depend on the proof.
    fn fits(
        &self,
        issuers: &[Fingerprint],
        purpose: Purpose,
        salt: &[u8],
        shared: &Secret<KEY>,
    ) -> Result<bool, CryptoError> {
        let mut fits = Choice::from(0);
        for &pinned in issuers {
            let context = Context { transcript: self.transcript, pinned };
            fits |= context.proof(self.provider, purpose, salt, shared)?.ct_eq(&self.proof);
        }
        Ok(declassify(fits, Public::ProofIsRight))
    }
}

/// A client's proof that it holds the private key of the request, and the data to check the proof, except the token. It is
/// wiped when dropped.
///
/// A proof may depend on a token, but does not name it. So the application tries the tokens that the subject may use.
pub struct PossessionProof<P> {
    evidence: Evidence<P>,
    shared: Secret<KEY>,
}

impl<P: Provider> PossessionProof<P> {
    pub(super) const fn new(evidence: Evidence<P>, shared: Secret<KEY>) -> Self {
        Self { evidence, shared }
    }

    /// Returns whether the proof was made with the subject's key and the token whose SHA-256 is `token` (`None`:
    /// without a token), for a CA whose key has one of the fingerprints `issuers`. The time does not depend on the
    /// proof.
    ///
    /// # Errors
    /// [`CryptoError::Length`] if the provider derives no key of 32 bytes.
    pub fn proves(&self, issuers: &[Fingerprint], token: Option<&[u8; 32]>) -> Result<bool, CryptoError> {
        self.evidence.fits(issuers, ENROL, token.map_or(&[][..], |hash| hash), &self.shared)
    }
}

/// A client's proof that it holds the private keys of its current certificate and of the new one, and all data to check
/// the proof except the current key. It is wiped when dropped.
pub struct RenewalProof<P: Provider> {
    evidence: Evidence<P>,
    shared: Secret<KEY>,
    share: KeyPair<P>,
}

impl<P: Provider> RenewalProof<P> {
    pub(super) const fn new(evidence: Evidence<P>, shared: Secret<KEY>, share: KeyPair<P>) -> Self {
        Self { evidence, shared, share }
    }

    /// Returns whether the proof was made with the new key and the private key of `current`, the public key of the
    /// current certificate, for a CA whose key has one of the fingerprints `issuers`. The time does not depend on the
    /// proof.
    ///
    /// # Errors
    /// [`CryptoError`] if `current` is of low order, or if the provider derives no key of 32 bytes.
    pub fn proves(&self, issuers: &[Fingerprint], current: &x25519::PublicKey) -> Result<bool, CryptoError> {
        let salt = renewal_salt(self.evidence.provider, &self.share.agree(current.as_bytes())?);
        self.evidence.fits(issuers, RENEW, salt.expose(), &self.shared)
    }
}

/// A client's proof that it holds the private key of a certificate that it wants revoked, and all data to check the
/// proof except that certificate's key. It is wiped when dropped.
pub struct RevocationProof<P: Provider> {
    evidence: Evidence<P>,
    share: KeyPair<P>,
}

impl<P: Provider> RevocationProof<P> {
    pub(super) const fn new(evidence: Evidence<P>, share: KeyPair<P>) -> Self {
        Self { evidence, share }
    }

    /// Returns whether the proof was made with the private key of `holder`, the public key of the certificate, for a CA
    /// whose key has one of the fingerprints `issuers`. The time does not depend on the proof.
    ///
    /// # Errors
    /// As [`RenewalProof::proves`].
    pub fn proves(&self, issuers: &[Fingerprint], holder: &x25519::PublicKey) -> Result<bool, CryptoError> {
        self.evidence.fits(issuers, REVOKE, &[], &self.share.agree(holder.as_bytes())?)
    }
}

macro_rules! opaque {
    ($($name:ident),+) => {$(
        impl<P: Provider> fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

opaque!(PossessionProof, RenewalProof, RevocationProof);
