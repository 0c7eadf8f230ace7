//! The honest side of every target: the same issuer, keys and randomness in every run.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Name of the issuer of both certificates.
pub const ISSUER: &str = "fuzz-ca";

/// Subject of [`RESPONDER`].
pub const RESPONDER_ID: &str = "fuzz-responder";

/// Subject of [`INITIATOR`].
pub const INITIATOR_ID: &str = "fuzz-initiator";

/// The certificate of whoever listens. `src/bin/seeds.rs` makes it.
pub const RESPONDER: &[u8] = include_bytes!("../fixtures/responder.json");

/// The certificate of the corpus's honest initiator, whose key no input knows.
pub const INITIATOR: &[u8] = include_bytes!("../fixtures/initiator.json");

/// What the honest client sends to enrol, as `src/bin/seeds.rs` recorded it.
pub const ENROLMENT: &[u8] = include_bytes!("../corpus/enrol_server/proven");

/// What the honest initiator of the corpus says, in this order, before it closes.
pub const SAID: [&[u8]; 2] = [b"first", b"second"];

/// The listening side's certified key.
pub fn responder_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]))
}

/// The honest initiator's certified key, with which it enrols too.
pub fn initiator_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x22; 32]))
}

/// The pinned issuer: the fixtures' own, which is as good as any here.
pub fn anchor() -> Anchor {
    let certificate = Certificate::parse(RESPONDER).expect("a fixture");
    let key = certificate.issuer_key().expect("a fixture");
    Anchor::from_key(Portable::new(), certificate.issuer_id(), key)
}

/// A moment at which both certificates are valid.
pub fn now() -> Now {
    Now::Exact("2030-01-01T00:00:00+00:00".parse().expect("a time"))
}

/// Randomness that an input can count on, so that a corpus can hold whole conversations.
pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
