//! The integer arithmetic of RSA: both kernels against crypto-bigint, and so against each other.

use crypto_bigint::{BoxedUint, NonZero, Odd};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::rsa::arith::{Crt, Limb, Modulus, Parts, limbs};
use minipki_fixtures::rsa_keys::{Numbers, numbers, rng};
use rand_core::Rng;

/// A number of `bytes` bytes.
fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).expect("whole bytes")
}

/// Moduli of `bytes` bytes: the least, the greatest, moduli with long runs of ones and zeros, and random moduli.
fn moduli(bytes: usize) -> Vec<Vec<u8>> {
    let mut least = vec![0; bytes];
    least[0] = 0x80;
    least[bytes - 1] = 1;
    let mut high_ones = vec![0xff; bytes];
    high_ones[bytes / 2..].fill(0);
    high_ones[bytes - 1] = 1;
    let mut low_ones = vec![0xff; bytes];
    low_ones[..bytes / 2].fill(0);
    low_ones[0] = 0x80;
    let random = (0..3).map(|seed| {
        let mut random = vec![0; bytes];
        rng(seed).fill_bytes(&mut random);
        random[0] |= 0x80;
        random[bytes - 1] |= 1;
        random
    });
    [least, vec![0xff; bytes], high_ones, low_ones].into_iter().chain(random).collect()
}

/// Numbers below `n`: 0, 1, 2, n - 1, n - 2, all ones below n, a power of two, and random numbers.
fn operands(n: &[u8]) -> Vec<Vec<u8>> {
    let bits = n.len() as u32 * 8;
    let small = |value: u8| number(&[vec![0; n.len() - 1], vec![value]].concat());
    let n = NonZero::new(number(n)).expect("not 0");
    let mut ones = BoxedUint::max(bits);
    ones = ones.wrapping_shr(1);
    let top = small(1).wrapping_shl(bits - 2);
    let random = (10..13).map(|seed| {
        let mut random = vec![0; n.as_ref().to_be_bytes().len()];
        rng(seed).fill_bytes(&mut random);
        number(&random).rem(&n)
    });
    [
        small(0),
        small(1),
        small(2),
        n.as_ref().wrapping_sub(small(1)),
        n.as_ref().wrapping_sub(small(2)),
        ones,
        top,
    ]
    .into_iter()
    .map(|x| x.rem(&n))
    .chain(random)
    .map(|x| x.to_be_bytes().into_vec())
    .collect()
}

/// Checks kernel `W` on moduli of `bits` bits. A residue has `L` limbs.
fn check<W: Limb, const L: usize>(bits: usize) {
    assert_eq!(L, limbs::<W>(bits));
    for n in moduli(bits / 8) {
        let modulus = Modulus::<W, L>::new(&n).expect("an odd modulus of full size");
        let (nonzero, odd) = (NonZero::new(number(&n)).expect("not 0"), Odd::new(number(&n)).expect("odd"));
        let bytes = |mut x: [W; L]| {
            modulus.canonical(&mut x);
            let mut out = vec![0; n.len()];
            Modulus::write(&x, &mut out);
            number(&out)
        };
        let limbs = |x: &[u8]| modulus.number(x).expect("below the modulus");
        let r_squared = modulus.r_squared();
        let one = limbs(&[1]);
        assert_eq!(bytes(*modulus.mul(&modulus.one(), &one)), bytes(one), "R is not R");

        let operands = operands(&n);
        for (x, y) in operands.iter().zip(operands.iter().rev()) {
            let (a, b) = (limbs(x), limbs(y));
            let (x, y) = (number(x), number(y));
            assert_eq!(bytes(a), x);
            let mut sum = a;
            modulus.add(&mut sum, &b);
            assert_eq!(bytes(sum), x.add_mod(&y, &nonzero));
            assert_eq!(bytes(*modulus.mul(&modulus.mul(&a, &r_squared), &b)), x.mul_mod(&y, &nonzero));
            let montgomery = modulus.mul(&a, &r_squared);
            let squared = modulus.mul(&modulus.square(&montgomery), &one);
            assert_eq!(bytes(*squared), x.mul_mod(&x, &nonzero));
            // Residues that are not canonical, for which the sums inside are the largest.
            let mut chain = modulus.square(&montgomery);
            for _ in 0..3 {
                chain = modulus.square(&chain);
            }
            let sixteenth = x.pow_mod(&number(&[16]), &odd);
            assert_eq!(bytes(*modulus.mul(&chain, &one)), sixteenth, "residues that are not canonical");
            assert_eq!(bytes(*modulus.pow_65537(&a)), x.pow_mod(&number(&[1, 0, 1]), &odd));
        }
        for (x, y) in operands.iter().zip(operands.iter().rev()).take(if bits > 2048 { 1 } else { 4 }) {
            let power = modulus.pow_secret(&modulus.mul(&limbs(x), &r_squared), &limbs(y));
            assert_eq!(bytes(*modulus.mul(&power, &one)), number(x).pow_mod(&number(y), &odd));
        }
    }
}

#[test]
fn kernel_of_28_bits() {
    check::<u32, 38>(1024);
    check::<u32, 56>(1536);
    check::<u32, 74>(2048);
    check::<u32, 110>(3072);
    check::<u32, 148>(4096);
}

#[test]
fn kernel_of_64_bits() {
    check::<u64, 16>(1024);
    check::<u64, 24>(1536);
    check::<u64, 32>(2048);
    check::<u64, 48>(3072);
    check::<u64, 64>(4096);
}

#[test]
fn moduli_that_are_refused() {
    let mut n = vec![0xff; 256];
    assert!(Modulus::<u64, 32>::new(&n).is_some() && Modulus::<u32, 74>::new(&n).is_some());
    assert!(Modulus::<u64, 32>::new(&n[1..]).is_none(), "too short");
    assert!(Modulus::<u32, 74>::new(&[]).is_none(), "empty");
    n[255] = 0xfe;
    assert!(Modulus::<u64, 32>::new(&n).is_none() && Modulus::<u32, 74>::new(&n).is_none(), "even");
    n[255] = 0xff;
    n[0] = 0x7f;
    assert!(Modulus::<u64, 32>::new(&n).is_none() && Modulus::<u32, 74>::new(&n).is_none(), "a bit short");
}

/// Checks the private operation of kernel `W`, more often than one pair of blinding factors is used.
fn check_private<W: Limb, const L: usize, const H: usize>(size: KeySize, uses: usize) {
    let Numbers { n, d, p, q, dp, dq, q_inverse, .. } = &numbers(size);
    let modulus = Modulus::<W, L>::new(n).expect("the oracle's modulus");
    let mut key: Crt<W, L, H> =
        Crt::new(&modulus, &Parts { p, q, dp, dq, q_inverse }).expect("the oracle's key");
    let (odd, d) = (Odd::new(number(n)).expect("odd"), number(d));
    for (turn, x) in operands(n).iter().cycle().take(uses).enumerate() {
        let out = key.private(&modulus, &modulus.number(x).expect("below n"), &mut rng(turn as u64));
        let mut bytes = vec![0; n.len()];
        Modulus::write(&out.expect("a right result"), &mut bytes);
        assert_eq!(number(&bytes), number(x).pow_mod(&d, &odd), "{size:?}, use {turn}");
    }
}

#[test]
fn private_operation_of_both_kernels() {
    check_private::<u64, 32, 16>(KeySize::Bits2048, 70);
    check_private::<u32, 74, 38>(KeySize::Bits2048, 70);
    check_private::<u64, 48, 24>(KeySize::Bits3072, 10);
    check_private::<u32, 110, 56>(KeySize::Bits3072, 10);
    check_private::<u64, 64, 32>(KeySize::Bits4096, 10);
    check_private::<u32, 148, 74>(KeySize::Bits4096, 10);
}
