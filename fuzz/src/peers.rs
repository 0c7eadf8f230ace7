//! The honest peers of all targets: the same issuer, keys and randomness in every run.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, AnchorUpdate, Certificate, FormerKey};
use minipki_core::crypto::rsa::PublicKey;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Serial;
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

/// The good status of [`RESPONDER`].
pub const RESPONDER_STATUS: &[u8] = include_bytes!("../fixtures/responder-status.json");

/// The good status of [`INITIATOR`].
pub const INITIATOR_STATUS: &[u8] = include_bytes!("../fixtures/initiator-status.json");

/// A status of [`INITIATOR`] that says that it is revoked.
pub const INITIATOR_REVOKED: &[u8] = include_bytes!("../fixtures/initiator-revoked.json");

/// The update from the key of the issuer to another key.
pub const UPDATE: &[u8] = include_bytes!("../fixtures/update.json");

/// The bytes that the honest client sends to enrol, recorded by `src/bin/seeds.rs`.
pub const ENROLMENT: &[u8] = include_bytes!("../corpus/ca_server/proven");

/// The bytes that the honest client sends to renew its certificate with [`new_key`].
pub const RENEWAL: &[u8] = include_bytes!("../corpus/ca_server/renewal");

/// The bytes that the honest client sends to revoke its certificate.
pub const REVOCATION: &[u8] = include_bytes!("../corpus/ca_server/revocation");

/// The messages that the honest initiator sends, in this order, before it closes.
pub const MESSAGES: [&[u8]; 2] = [b"first", b"second"];

/// The array with [`UPDATE`], as the honest CA answers it.
pub fn updates() -> Vec<u8> {
    [b"[", UPDATE, b"]"].concat()
}

/// The responder's certified key.
pub fn responder_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]))
}

/// The honest initiator's certified key, which is also the key of its enrolment.
pub fn initiator_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x22; 32]))
}

/// The key for which the honest initiator renews its certificate.
pub fn new_key() -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([0x44; 32]))
}

/// The pinned issuer, which is the issuer of the fixtures.
pub fn anchor() -> Anchor {
    let certificate = Certificate::parse(RESPONDER).expect("a fixture");
    let key = certificate.issuer_key().expect("a fixture");
    Anchor::from_key(Portable::new(), certificate.issuer_id(), key)
}

/// The key that [`UPDATE`] leads to. Nobody has its private key.
pub fn next_key() -> PublicKey {
    PublicKey::from_spki_pem(include_bytes!("../fixtures/next-issuer-public.pem")).expect("a fixture")
}

/// The anchor after [`UPDATE`].
pub fn next_anchor() -> Anchor {
    let (pinned, update) = (anchor(), AnchorUpdate::parse(UPDATE).expect("a fixture"));
    let issuer_id = pinned.issuer_id().expect("a whole anchor");
    let mut next = Anchor::from_key(Portable::new(), issuer_id, next_key());
    let former = FormerKey { fingerprint: pinned.fingerprint(), until: update.not_before() };
    next.add_former_key(former).expect("another key");
    next
}

/// A time at which both certificates are valid, and both statuses.
pub fn now() -> Now {
    Now::Exact(time())
}

/// The same time.
pub fn time() -> UnixTime {
    "2030-01-01T00:00:00+00:00".parse().expect("a time")
}

/// The serial number of [`INITIATOR`].
pub fn initiator_serial() -> Serial {
    Certificate::parse(INITIATOR).expect("a fixture").serial_number()
}

/// The honest client's randomness, different from that of its peer.
pub fn client_rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(2)
}

/// Randomness that is the same in every run, so that a corpus can hold whole connections.
pub fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}
