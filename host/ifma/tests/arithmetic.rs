//! The arithmetic on eight numbers against crypto-bigint, with extreme limbs and moduli.

use crypto_bigint::{BoxedUint, NonZero, Odd};
use minipki_fixtures::rsa_keys::rng;
use minipki_ifma::arith::{Modulus, Number, Ring, digits, read, write, zero};
use minipki_ifma::{Engine, LANES};
use proptest::prelude::*;
use rand_core::Rng;

use crate::{engines, number};

fn lanes<const L: usize>(numbers: &[Vec<u8>]) -> Number<L> {
    let mut out = zero();
    for (lane, bytes) in numbers.iter().enumerate() {
        read(&mut out, lane, bytes);
    }
    out
}

/// Checks a product, a square, a power and a 65537th power in every lane.
fn check<const L: usize>(engine: Engine, n: &[u8], x: &[Vec<u8>], y: &[Vec<u8>], exponent: &[u8]) {
    let modulus = Modulus::<L>::new(engine, n);
    let mut ring = Ring::new(engine, &modulus);
    let (a, b) = (ring.enter(&lanes(x)), ring.enter(&lanes(y)));
    let (product, square) = (ring.mul(&a, &b), ring.square(&a));
    let power = ring.power(&a, &digits(exponent));
    let ours = [
        ring.leave(&a),
        ring.leave(&product),
        ring.leave(&square),
        ring.leave(&power),
        ring.power_65537(&lanes(x)),
    ];
    let (nonzero, odd) = (NonZero::new(number(n)).expect("not 0"), Odd::new(number(n)).expect("odd"));
    for lane in 0..LANES {
        let (x, y) = (number(&x[lane]), number(&y[lane]));
        let expected = [
            x.clone(),
            x.mul_mod(&y, &nonzero),
            x.mul_mod(&x, &nonzero),
            x.pow_mod(&number(exponent), &odd),
            x.pow_mod(&number(&[1, 0, 1]), &odd),
        ];
        for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
            let mut bytes = vec![0; n.len()];
            write(&**ours, lane, &mut bytes);
            assert_eq!(number(&bytes), expected, "{engine:?}, {L} limbs, result {index}, lane {lane}");
        }
    }
}

/// Odd moduli of this length: the least, the greatest, two with runs of ones and zeros, and a random one.
fn moduli(bytes: usize) -> Vec<Vec<u8>> {
    let shaped = |fill: fn(usize) -> u8| {
        let mut n: Vec<u8> = (0..bytes).map(fill).collect();
        n[0] |= 0x80;
        n[bytes - 1] |= 1;
        n
    };
    let mut random = vec![0; bytes];
    rng(bytes as u64).fill_bytes(&mut random);
    random[0] |= 0x80;
    random[bytes - 1] |= 1;
    vec![
        shaped(|_| 0),
        shaped(|_| 0xff),
        shaped(|i| if i % 13 < 6 { 0xff } else { 0 }),
        shaped(|i| if i < 20 { 0xff } else { 0 }),
        random,
    ]
}

/// Eight numbers below `n`, most of them extreme.
fn extremes(n: &[u8]) -> Vec<Vec<u8>> {
    let n_number = number(n);
    let small = |value: u8| number(&[vec![0; n.len() - 1], vec![value]].concat());
    let mut random = vec![0; n.len()];
    rng(7).fill_bytes(&mut random);
    random[0] &= 0x7f;
    let numbers = [
        small(0),
        small(1),
        n_number.wrapping_sub(small(1)),
        n_number.wrapping_sub(small(2)),
        BoxedUint::max(n_number.bits_precision()).wrapping_shr(1),
        small(1).wrapping_shl(52),
        small(1).wrapping_shl(520).wrapping_sub(small(1)),
        number(&random),
    ];
    numbers.iter().map(|x| x.to_be_bytes().into_vec()).collect()
}

fn check_moduli<const L: usize>(bytes: usize) {
    for n in moduli(bytes) {
        let x = extremes(&n);
        let y: Vec<_> = x.iter().rev().cloned().collect();
        for engine in engines() {
            check::<L>(engine, &n, &x, &y, &[0x01, 0xff, 0x00, 0x1f]);
        }
    }
}

#[test]
fn primes_of_three_sizes() {
    check_moduli::<20>(128);
    check_moduli::<30>(192);
    check_moduli::<40>(256);
}

#[test]
fn moduli_of_three_sizes() {
    check_moduli::<40>(256);
    check_moduli::<60>(384);
    check_moduli::<80>(512);
}

#[test]
fn exponents_of_zeros_and_of_ones() {
    let n = moduli(128).remove(4);
    let x = extremes(&n);
    for engine in engines() {
        check::<20>(engine, &n, &x, &x, &[0; 128]);
        check::<20>(engine, &n, &x, &x, &[0xff; 128]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_modulus_and_any_numbers(
        mut n in prop::collection::vec(any::<u8>(), 128),
        numbers in prop::collection::vec(prop::collection::vec(any::<u8>(), 128), 2 * LANES),
        exponent in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        n[0] |= 0x80;
        n[127] |= 1;
        let modulus = NonZero::new(number(&n)).expect("not 0");
        let numbers: Vec<_> =
            numbers.iter().map(|x| number(x).rem(&modulus).to_be_bytes().into_vec()).collect();
        let (x, y) = numbers.split_at(LANES);
        for engine in engines() {
            check::<20>(engine, &n, x, y, &exponent);
        }
    }
}
