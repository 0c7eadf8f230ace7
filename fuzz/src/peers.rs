//! The honest peers of all targets: the same issuer, keys and randomness in every run.

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

/// The certificate of the responder. `src/bin/seeds.rs` makes it.
pub const RESPONDER: &[u8] = include_bytes!("../fixtures/responder.json");

/// The certificate of the honest initiator, whose key is in no input.
pub const INITIATOR: &[u8] = include_bytes!("../fixtures/initiator.json");

/// The bytes that the honest client sends to enrol, recorded by `src/bin/seeds.rs`.
pub const ENROLMENT: &[u8] = include_bytes!("../corpus/enrol_server/proven");

/// The messages that the honest initiator sends, in this order, before it closes.
pub const MESSAGES: [&[u8]; 2] = [b"first", b"second"];

/// The responder's certified key.
pub fn responder_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]))
}

/// The honest initiator's certified key, which is also the key of its enrolment.
pub fn initiator_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x22; 32]))
}

/// The pinned issuer, which is the issuer of the fixtures.
pub fn anchor() -> Anchor {
    let certificate = Certificate::parse(RESPONDER).expect("a fixture");
    let key = certificate.issuer_key().expect("a fixture");
    Anchor::from_key(Portable::new(), certificate.issuer_id(), key)
}

/// A time at which both certificates are valid.
pub fn now() -> Now {
    Now::Exact("2030-01-01T00:00:00+00:00".parse().expect("a time"))
}

/// Randomness that is the same in every run, so that a corpus can hold whole connections.
pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
