//! Wycheproof's private keys, chosen so that carries and reductions go wrong where they can.

use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_fixtures::rsa_keys::rng;
use minipki_ifma::BatchKey;
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};

use crate::fastest;

/// The set decrypts by PKCS#1 v1.5. Decryption's private operation is that of a signature: what it
/// gives of a valid ciphertext is `00 02 .. 00` and the message.
fn check(name: TestName, size: KeySize, expected: usize) {
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

// In plain Rust these take the longest of all tests, so each size may have a core of its own.
#[test]
fn special_cases_of_2048_bits() {
    check(TestName::Rsa2048, KeySize::Bits2048, 42);
}

#[test]
fn special_cases_of_3072_bits() {
    check(TestName::Rsa3072, KeySize::Bits3072, 41);
}

#[test]
fn special_cases_of_4096_bits() {
    check(TestName::Rsa4096, KeySize::Bits4096, 41);
}
