//! RSA leaves no part of a private key on the stack.

use minipki_core::crypto::rsa::arith::{Limb, Modulus};
use minipki_core::crypto::rsa::{Error, KeySize, PrivateKey};
use minipki_fixtures::dead_stack::dead_stack;
use minipki_fixtures::rsa_keys::{Numbers, SIZES, numbers, pkcs8_der, private, rng};

/// The number of limbs in a row that must not be found. A single limb may come from a register.
const LIMBS: usize = 4;

/// The parts of the key that are found in `memory`: [`LIMBS`] limbs in a row, or as many bytes in the order of a file.
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

/// A function of a kernel.
type Product<W, const L: usize> = fn(&mut [W; L], &[W; L], &[W; L], &Modulus<W, L>);

/// Whether a product or a square is left in its working space.
fn product_is_left<W: Limb + Send + Sync, const L: usize>(bits: usize) -> [bool; 2] {
    let n: Vec<u8> = vec![0xd5; bits / 8];
    let modulus = Modulus::<W, L>::new(&n).expect("odd and of full length");
    let [a, b] = [0x77, 0x5b].map(|byte| modulus.number(&vec![byte; bits / 8]).expect("below"));
    let is_left = |work: Product<W, L>| {
        let mut out = [W::ZERO; L];
        let (_, left) = dead_stack(|| work(&mut out, &a, &b, &modulus));
        let bytes = out.map(|limb| limb.to_u64().to_le_bytes());
        let bytes: Vec<u8> = bytes.iter().flat_map(|limb| &limb[..size_of::<W>()]).copied().collect();
        bytes.chunks_exact(8 * LIMBS).any(|limbs| left.windows(limbs.len()).any(|bytes| bytes == limbs))
    };
    [is_left(W::montgomery_mul), is_left(|out, a, _, m| W::montgomery_square(out, a, m))]
}

#[test]
fn a_product_leaves_nothing_of_itself() {
    assert_eq!(product_is_left::<u64, 16>(1024), [false; 2]);
    assert_eq!(product_is_left::<u64, 32>(2048), [false; 2]);
    assert_eq!(product_is_left::<u32, 38>(1024), [false; 2]);
}

#[test]
fn a_key_that_is_refused_leaves_no_part_of_itself() {
    for size in SIZES {
        let (numbers, mut der) = (numbers(size), pkcs8_der(size));
        // The last byte is of 1/q, which is checked after all other parts.
        *der.last_mut().expect("a key") ^= 1;
        let (refused, left) = dead_stack(|| <PrivateKey>::from_pkcs8_der(&der).err());
        assert_eq!((refused, found(&left, &numbers)), (Some(Error::PrivateKey), vec![]), "{size:?}");
    }
}
