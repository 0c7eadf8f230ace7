//! Keys of every shape: primes in either order, and one that computes wrong.

use crypto_bigint::{BoxedUint, Odd};
use minipki_core::crypto::rsa::PrivateKey;
use minipki_fixtures::rsa_keys::{Numbers, SIZES, broken, numbers, private, rng};
use minipki_ifma::{BatchKey, Error};

use crate::{engines, fastest};

fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).expect("whole bytes")
}

/// The same key with its primes changed over.
fn turned(key: &Numbers) -> Numbers {
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
fn the_primes_may_stand_in_either_order() {
    for size in SIZES {
        let (one, other) = (numbers(size), turned(&numbers(size)));
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
        let key = PrivateKey::from_pkcs1_der(&broken(size).pkcs1_der()).expect("all parts fit each other");
        for engine in engines() {
            let mut key = BatchKey::new(engine, &key);
            for count in [1, 8] {
                let mut batch = vec![0x5a; count * size.bytes()];
                assert_eq!(key.private(&mut batch, &mut rng(2)), Err(Error::Fault));
                assert!(batch.iter().all(|byte| *byte == 0), "something was left of {count}");
            }
        }
    }
}

/// 0 comes out right whatever the key; a batch with one number that does not must not let it out either.
#[test]
fn one_wrong_lane_withholds_all() {
    let size = SIZES[0];
    let key = PrivateKey::from_pkcs1_der(&broken(size).pkcs1_der()).expect("all parts fit each other");
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
