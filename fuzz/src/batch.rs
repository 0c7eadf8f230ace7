//! The arithmetic on eight numbers at a time, against the core's arithmetic on one number.

use minipki_core::crypto::rsa::arith::Modulus;
use minipki_ifma::arith::{self, Number, Ring, digits, read, write, zero};
use minipki_ifma::{Engine, LANES};

/// Bytes of the modulus: half of an RSA-2048 key, as its primes are.
const BYTES: usize = 128;

/// Checks any modulus with any eight numbers: the input is divided among them, and each part fills its number.
///
/// - In every lane, products, squares, powers and 65537th powers are those of the core.
/// - Plain code and vector instructions give the same residues, bit for bit.
pub fn batch(data: &[u8]) {
    let mut parts = data.chunks(data.len().div_ceil(LANES + 2).max(1)).map(fill);
    let mut next = || parts.next().unwrap_or_else(|| fill(&[]));
    let mut n = next();
    n[0] |= 0x80;
    n[BYTES - 1] |= 1;
    let theirs = Modulus::<u64, 16>::new(&n).expect("odd and of full size");
    // A number that is too large loses its highest bit.
    let numbers: [[u8; BYTES]; LANES] = core::array::from_fn(|_| {
        let mut number = next();
        number[0] &= if theirs.number(&number).is_some() { 0xff } else { 0x7f };
        number
    });
    let exponent = next();
    let exponent = &exponent[..2];

    let portable = residues(Engine::portable(), &n, &numbers, exponent);
    if let Some(ifma) = Engine::ifma() {
        assert!(residues(ifma, &n, &numbers, exponent) == portable, "plain code and instructions differ");
    }
    let (r_squared, one) = (theirs.r_squared(), theirs.number(&[1]).expect("below n"));
    for lane in 0..LANES {
        let x = theirs.number(&numbers[lane]).expect("below n");
        let y = theirs.number(&numbers[(lane + 1) % LANES]).expect("below n");
        let montgomery = theirs.mul(&x, &r_squared);
        let mut power = [0; BYTES];
        power[BYTES - 2..].copy_from_slice(exponent);
        let power = theirs.pow_secret(&montgomery, &theirs.number(&power).expect("below n"));
        let expected = [
            theirs.mul(&montgomery, &y),
            theirs.mul(&theirs.square(&montgomery), &one),
            theirs.mul(&power, &one),
            theirs.pow_65537(&x),
        ];
        for (number, (mut expected, ours)) in expected.into_iter().zip(&portable).enumerate() {
            theirs.canonical(&mut expected);
            let (mut bytes, mut our_bytes) = ([0; BYTES], [0; BYTES]);
            Modulus::write(&expected, &mut bytes);
            write(ours, lane, &mut our_bytes);
            assert_eq!(our_bytes, bytes, "result {number} in lane {lane}");
        }
    }
}

/// The results for each lane's number: the product with the next lane's number, the square, the power, the 65537th
/// power.
fn residues(
    engine: Engine,
    n: &[u8; BYTES],
    numbers: &[[u8; BYTES]; LANES],
    exponent: &[u8],
) -> [Number<20>; 4] {
    let modulus = arith::Modulus::<20>::new(engine, n);
    let mut ring = Ring::new(engine, &modulus);
    let (mut x, mut y) = (zero(), zero());
    for lane in 0..LANES {
        read(&mut x, lane, &numbers[lane]);
        read(&mut y, lane, &numbers[(lane + 1) % LANES]);
    }
    let (a, b) = (ring.enter(&x), ring.enter(&y));
    let (product, square) = (ring.mul(&a, &b), ring.square(&a));
    let power = ring.power(&a, &digits(exponent));
    [*ring.leave(&product), *ring.leave(&square), *ring.leave(&power), *ring.power_65537(&x)]
}

/// Repeats `part`: long runs of ones and zeros make carries.
fn fill(part: &[u8]) -> [u8; BYTES] {
    core::array::from_fn(|i| part.get(i % part.len().max(1)).copied().unwrap_or(0))
}
