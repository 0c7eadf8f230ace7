//! What RSA leaves on the stack: no part of a private key.

use minipki_core::crypto::rsa::{KeySize, PrivateKey};
use minipki_tests::dead_stack::dead_stack;
use minipki_tests::rsa_keys::{Numbers, SIZES, numbers, pkcs8_der, private, rng};

/// Limbs in a row that must not be found. A single one may have been moved out of a register.
const LIMBS: usize = 4;

/// The parts of the key that are found in `memory`: any [`LIMBS`] of their limbs in a row, or as many bytes of the
/// number as a file has it.
fn found(memory: &[u8], key: &Numbers) -> Vec<&'static str> {
    let parts = [("p", &key.p), ("q", &key.q), ("dp", &key.dp), ("dq", &key.dq), ("1/q", &key.q_inverse)];
    let holds = |wanted: &[u8]| memory.windows(wanted.len()).any(|bytes| bytes == wanted);
    let is_found = |number: &[u8]| {
        let limbs: Vec<u8> = number.iter().rev().copied().collect();
        [number, &limbs].iter().any(|number| number.chunks_exact(8 * LIMBS).any(holds))
    };
    parts.into_iter().filter(|(_, number)| is_found(number)).map(|(name, _)| name).collect()
}

#[test]
fn what_is_not_wiped_is_found() {
    let key = numbers(KeySize::Bits2048);
    let (_, left) = dead_stack(|| {
        let copy: [u8; 128] = std::hint::black_box(key.p[..].try_into().expect("half of the modulus"));
        std::hint::black_box(&copy);
    });
    assert_eq!(found(&left, &key), ["p"]);
}

#[test]
fn a_signature_leaves_no_part_of_the_key() {
    for size in SIZES {
        let (numbers, mut key) = (numbers(size), private(size));
        let (signed, left) = dead_stack(|| {
            let mut out = [0; 512];
            key.sign_pkcs1(&[7; 32], &mut rng(1), &mut out).map(drop)
        });
        assert_eq!((signed, found(&left, &numbers)), (Ok(()), vec![]), "{size:?}");
    }
}

#[test]
fn a_key_that_is_read_leaves_no_copy_whether_it_is_sound_or_not() {
    for size in SIZES {
        let (numbers, der) = (numbers(size), pkcs8_der(size));
        let mut damaged = der.clone();
        *damaged.last_mut().expect("a key") ^= 1;
        for (der, sound) in [(der, true), (damaged, false)] {
            let (key, left) = dead_stack(|| PrivateKey::from_pkcs8_der(&der).map(Box::new));
            assert_eq!((key.is_ok(), found(&left, &numbers)), (sound, vec![]), "{size:?}");
        }
    }
}
