//! The values behind a proof of possession, for a demo that throws its keys away.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{Hash, Kdf, Mac};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::KEY;
use minipki_core::wire::enrolment::{Challenge, Proof};

use super::Step;
use minipki_client::Identity;

/// The values of the proof of an enrolment without a token (protocol §4).
pub struct ProofValues {
    /// `H`: SHA-256 of messages 1 and 2, length prefixes included.
    pub transcript: [u8; 32],
    /// `F`: the fingerprint of the pinned CA.
    pub pinned: Fingerprint,
    /// `K`: the key of the HMAC. It is secret: whoever has it can make the proof.
    pub key: Secret<KEY>,
    /// The proof.
    pub proof: Secret<KEY>,
}

impl ProofValues {
    /// Computes the values from the messages of an enrolment, with the private key of `identity`. `None` if the steps are
    /// not an enrolment of this key without a token: then they have another proof.
    pub fn of(identity: &Identity, steps: &[Step]) -> Option<Self> {
        let [request, challenge, sent, ..] = steps else { return None };
        let (own, provider) = (identity.key(), identity.key().provider());
        let transcript = provider.sha256(&[&request.frame, &challenge.frame]);
        let pinned = identity.anchor().fingerprint();
        let share = Challenge::decode(challenge.body()).ok()?.ca_share;
        let shared = own.agree(share.as_bytes()).ok()?;
        let mut key = Secret::<KEY>::zeroed();
        let extracted = provider.extract(&[], shared.expose());
        provider.expand(&extracted, b"MiniPKI/1 enrol key", key.expose_mut()).ok()?;
        let proof = provider.hmac_sha256(key.expose(), &[b"MiniPKI/1 enrol", &transcript, &pinned.0]);
        let mut message = [0; 128];
        let len = Proof { proof: *proof.expose() }.encode(&mut message).ok()?;
        (message.get(..len)? == sent.body()).then_some(Self { transcript, pinned, key, proof })
    }
}
