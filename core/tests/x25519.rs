//! X25519 public keys in canonical form, and the code for small machines against dalek's.

use crypto_bigint::BoxedUint;
use minipki_core::crypto::x25519::{PublicKey, curve32};
use minipki_fixtures::noise::key_pair;
use proptest::prelude::*;

/// Scalars, blinds and points near 0, p and 2^255, which have the longest carries.
fn edge() -> impl Strategy<Value = [u8; 32]> {
    (any::<[u8; 32]>(), 0..32_usize, prop_oneof![Just(0), Just(0xff)]).prop_map(|(mut bytes, at, fill)| {
        bytes[at..].fill(fill);
        bytes
    })
}

#[test]
fn canonical_is_what_is_below_the_prime() {
    let encoded = |low: u8, middle: u8, high: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    for (low, middle, high, canonical) in [
        (0, 0, 0, true),
        (0xec, 0xff, 0x7f, true),
        (0xed, 0xff, 0x7f, false),
        (0xff, 0xff, 0x7f, false),
        (0xff, 0xfe, 0x7f, true),
        (0xff, 0xff, 0x7e, true),
        (0, 0, 0x80, false),
        (9, 0, 0x80, false),
        (0xff, 0xff, 0xff, false),
    ] {
        assert_eq!(
            PublicKey::new(encoded(low, middle, high)).is_some(),
            canonical,
            "{low:x} {middle:x} {high:x}"
        );
    }
}

proptest! {
    /// Against integers of another implementation.
    #[test]
    fn public_keys_are_canonical(k in edge(), u in edge()) {
        prop_assert!(PublicKey::new(*key_pair(k).public().as_bytes()).is_some());
        let prime = BoxedUint::from_le_slice(&{ let mut p = [0xff; 32]; (p[0], p[31]) = (0xed, 0x7f); p }, 256).unwrap();
        prop_assert_eq!(PublicKey::new(u).is_some(), BoxedUint::from_le_slice(&u, 256).unwrap() < prime);
    }

    /// The ladder and the comb of small machines against dalek's.
    #[test]
    fn small_machines_agree_with_dalek(k in edge(), u in edge(), blind in edge()) {
        // The blinds 0 and p are excluded: with them each result is zero.
        prop_assume!(!blind[1..31].iter().all(|byte| *byte == 0 || *byte == 0xff));
        let shared = key_pair(k).agree(&u).map_or([0; 32], |shared| *shared.expose());
        prop_assert_eq!(curve32::x25519(&k, &u, &blind), shared);
        prop_assert_eq!(curve32::x25519_base(&k, &blind), *key_pair(k).public().as_bytes());
    }
}
