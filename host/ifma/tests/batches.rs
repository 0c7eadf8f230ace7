//! Batches of every length and of every kind of number.

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use crypto_bigint::{BoxedUint, Odd};
use minipki_core::crypto::rsa::{KeySize, SaltLength, encode_pss};
use minipki_core::crypto::{Hash, Portable};
use minipki_fixtures::rsa_keys::{Numbers, SIZES, numbers, pkcs8_der, private, public, rng, spki_der};
use minipki_ifma::{BatchKey, Error, LANES};
use rand_core::Rng;

use crate::{engines, fastest, number};

fn random(size: KeySize, seed: u64) -> Vec<u8> {
    let mut random = vec![0; size.bytes()];
    rng(seed).fill_bytes(&mut random);
    random[0] &= 0x7f;
    random
}

/// 0, 1, 2, the primes and the negatives of these, all ones, numbers near the ends of limbs, and random numbers.
fn numbers_below(key: &Numbers, size: KeySize) -> Vec<Vec<u8>> {
    let (bytes, n) = (size.bytes(), number(&key.n));
    let wide = |value: &[u8]| number(&[vec![0; bytes - value.len()], value.to_vec()].concat());
    let one = wide(&[1]);
    let mut found = vec![BoxedUint::max(n.bits_precision()).wrapping_shr(1)];
    for value in [wide(&[0]), one.clone(), wide(&[2]), wide(&key.p), wide(&key.q)] {
        found.push(n.wrapping_sub(&value).rem(&n.to_nz().expect("not 0")));
        found.push(value);
    }
    for bit in [52, 520, 1040] {
        found.push(one.wrapping_shl(bit));
        found.push(one.wrapping_shl(bit).wrapping_sub(&one));
    }
    let random = (0..4).map(|seed| random(size, seed));
    found.into_iter().map(|x| x.to_be_bytes().into_vec()).chain(random).collect()
}

#[test]
fn numbers_of_every_kind_in_one_batch() {
    for size in SIZES {
        let key = numbers(size);
        let (n, d) = (Odd::new(number(&key.n)).expect("odd"), number(&key.d));
        let inputs = numbers_below(&key, size);
        let expected: Vec<u8> =
            inputs.iter().flat_map(|x| number(x).pow_mod(&d, &n).to_be_bytes().into_vec()).collect();
        for engine in engines() {
            let mut batch = inputs.concat();
            BatchKey::new(engine, &private(size)).private(&mut batch, &mut rng(1)).expect("sound");
            for (i, (ours, theirs)) in
                batch.chunks(size.bytes()).zip(expected.chunks(size.bytes())).enumerate()
            {
                assert_eq!(ours, theirs, "{engine:?}, {size:?}, number {i}");
            }
        }
    }
}

/// The result of a number does not depend on the other numbers. PKCS#1 v1.5 is deterministic, so AWS-LC makes the same
/// signatures.
#[test]
fn batches_of_0_to_17_give_the_signatures_of_aws_lc() {
    for size in SIZES {
        let pair = KeyPair::from_pkcs8(&pkcs8_der(size)).expect("AWS-LC reads the key");
        let theirs: Vec<Vec<u8>> = (0..17u8)
            .map(|i| {
                let mut out = vec![0; size.bytes()];
                let rng = aws_lc_rs::rand::SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &rng, &[i; 40], &mut out).expect("AWS-LC signs");
                out
            })
            .collect();
        let encoded: Vec<Vec<u8>> = (0..17u8).map(|i| encode_pkcs1(size, &[i; 40])).collect();
        let mut key = BatchKey::new(fastest(), &private(size));
        for count in 0..=17 {
            let mut batch = encoded[..count].concat();
            key.private(&mut batch, &mut rng(count as u64)).expect("sound");
            assert_eq!(batch, theirs[..count].concat(), "{size:?}, a batch of {count}");
        }
    }
}

/// EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §9.2).
fn encode_pkcs1(size: KeySize, message: &[u8]) -> Vec<u8> {
    let info = minipki_fixtures::hex("3031300d060960864801650304020105000420");
    let digest = Portable::new().sha256(&[message]);
    let padding = vec![0xff; size.bytes() - 3 - info.len() - digest.len()];
    [vec![0, 1], padding, vec![0], info, digest.to_vec()].concat()
}

#[test]
fn aws_lc_and_the_core_accept_pss_of_both_engines() {
    let digest = |i: u8| Portable::new().sha256(&[&[i; 9]]);
    for size in SIZES {
        for engine in engines() {
            let mut batch = vec![0; 9 * size.bytes()];
            for (i, encoded) in (0u8..).zip(batch.chunks_mut(size.bytes())) {
                encode_pss(encoded, &digest(i), &[i; 32]).expect("room for the salt");
            }
            BatchKey::new(engine, &private(size)).private(&mut batch, &mut rng(5)).expect("sound");
            let theirs = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, spki_der(size));
            for (i, signature) in (0u8..).zip(batch.chunks(size.bytes())) {
                let ours = public(size).verify_pss(&digest(i), signature, SaltLength::Exactly(32));
                assert_eq!(ours, Ok(()), "{size:?}, {engine:?}, {i}");
                theirs.verify(&[i; 9], signature).expect("AWS-LC verifies");
                assert!(theirs.verify(&[i + 1; 9], signature).is_err(), "another message");
            }
        }
    }
}

#[test]
fn a_key_works_on_beyond_its_blinding_factors() {
    let size = KeySize::Bits2048;
    let mut key = BatchKey::new(fastest(), &private(size));
    let x = random(size, 9);
    let mut first = x.clone();
    key.private(&mut first, &mut rng(0)).expect("sound");
    let mut rng = rng(1);
    for _ in 0..70 {
        let mut again = [&x[..]; LANES].concat();
        key.private(&mut again, &mut rng).expect("sound");
        assert_eq!(again, [&first[..]; LANES].concat(), "the result depends on the blinding");
    }
}

#[test]
fn an_invalid_batch_is_refused_and_wiped() {
    for size in SIZES {
        let mut key = BatchKey::new(fastest(), &private(size));
        let mut refused = |mut batch: Vec<u8>| {
            let refused = key.private(&mut batch, &mut rng(3)).expect_err("refused");
            assert!(batch.iter().all(|byte| *byte == 0), "{refused:?} leaves the batch");
            refused
        };
        assert_eq!(refused(vec![1; size.bytes() - 1]), Error::Length);
        assert_eq!(refused(vec![1; 9 * size.bytes() + 1]), Error::Length);
        let n = numbers(size).n;
        assert_eq!(refused(n.clone()), Error::Range);
        assert_eq!(refused(vec![0xff; size.bytes()]), Error::Range);
        let good = random(size, 2);
        for at in [0, 7, 8, 16] {
            let mut batch = [&good[..]; 17].concat();
            batch[at * size.bytes()..][..size.bytes()].copy_from_slice(&n);
            assert_eq!(refused(batch), Error::Range, "one number too large, at {at}");
        }
    }
}
