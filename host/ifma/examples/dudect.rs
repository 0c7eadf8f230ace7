//! A statistical test, run by hand, that the time of the private operation does not depend on its input:
//!
//! `cargo run --release -p minipki-ifma --example dudect -- [SECONDS]`
//!
//! Each experiment times two classes of work in random order, and compares their means by Welch's t. It does so over
//! all measurements, and over the quickest shares of them, which have less noise. The method is from Reparaz, Balasch
//! and Verbauwhede, "Dude, is my code constant time?", 2017. |t| above 10 means that the classes differ, and |t| below
//! 4.5 that no difference was found. The first experiment leaks on purpose: it shows that the test can find a leak.

use std::time::{Duration, Instant};

use minipki_core::crypto::rsa::PrivateKey;
use minipki_core::encoding::pem;
use minipki_ifma::arith::{Modulus, Number, Ring, digits, read, zero};
use minipki_ifma::{BatchKey, Engine, LANES};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A key of 2048 bits.
const KEY: &[u8] = include_bytes!("../../../fuzz/fixtures/issuer.pem");

/// The length of the modulus in bytes.
const BYTES: usize = 256;

/// The length of a prime in bytes.
const HALF: usize = BYTES / 2;

/// The number 1.
const ONE: [u8; HALF] = {
    let mut one = [0; HALF];
    one[HALF - 1] = 1;
    one
};

/// The shares of the quickest measurements that are compared.
const SHARES: [f64; 6] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5];

fn main() {
    let seconds = std::env::args().nth(1).map_or(20, |text| text.parse().expect("a number of seconds"));
    let Some(engine) = Engine::ifma() else {
        eprintln!("this CPU has no AVX-512 IFMA; run this on a CPU that has it");
        std::process::exit(1);
    };
    let time = Duration::from_secs(seconds);
    let mut rng = ChaCha20Rng::seed_from_u64(1);

    let mut n = random::<HALF>(&mut rng);
    n[0] |= 0x80;
    n[HALF - 1] |= 1;
    let modulus = Modulus::<20>::new(engine, &n);
    let power = |base: &Number<20>, exponent: &[u8]| {
        let start = Instant::now();
        std::hint::black_box(Ring::new(engine, &modulus).power(base, exponent));
        start.elapsed()
    };
    let base = lanes(|| random(&mut rng));
    experiment("a power whose exponent is one digit shorter or not (leaks on purpose)", time, |class| {
        let exponent = digits(&random::<HALF>(&mut rng));
        power(&base, &exponent[usize::from(class)..])
    });
    experiment("a power with the exponent 0 or a random one", time, |class| {
        let exponent = digits(&either(class, [0; HALF], random(&mut rng)));
        power(&base, &exponent)
    });
    experiment("a power of eight times 1 or of eight random numbers", time, |class| {
        let exponent = digits(&random::<HALF>(&mut rng));
        let base = lanes(|| either(class, ONE, random(&mut rng)));
        power(&base, &exponent)
    });

    let mut der = [0; 2048];
    let der = pem::decode("PRIVATE KEY", KEY, &mut der).expect("PEM");
    let mut key = BatchKey::new(engine, &PrivateKey::from_pkcs8_der(der).expect("a key"));
    let fixed = [("1", [&[0; HALF][..], &ONE].concat()), ("one number", below(&mut rng).to_vec())];
    for (label, fixed) in fixed {
        let name = format!("the whole private operation on eight times {label} or eight random numbers");
        let fixed = fixed.try_into().expect("as long as the modulus");
        experiment(&name, time, |class| {
            let mut batch = [0; BYTES * LANES];
            for number in batch.as_chunks_mut::<BYTES>().0 {
                *number = either(class, fixed, below(&mut rng));
            }
            let start = Instant::now();
            key.private(&mut batch, &mut rng).expect("sound");
            start.elapsed()
        });
    }
}

/// `random` if `class`, else `fixed`. Both classes use the same memory and the same instructions, so that the
/// preparation does not leak the class.
fn either<const N: usize>(class: bool, fixed: [u8; N], random: [u8; N]) -> [u8; N] {
    let mask = std::hint::black_box(u8::from(class).wrapping_neg());
    core::array::from_fn(|i| random[i] & mask | fixed[i] & !mask)
}

fn random<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill_bytes(&mut out);
    out
}

/// A number below any modulus of its length.
fn below(rng: &mut ChaCha20Rng) -> [u8; BYTES] {
    let mut out = random(rng);
    out[0] &= 0x7f;
    out
}

/// A number in each lane.
fn lanes(mut number: impl FnMut() -> [u8; HALF]) -> Number<20> {
    let mut out = zero();
    for lane in 0..LANES {
        read(&mut out, lane, &number());
    }
    out
}

/// Times `run` with both classes during `time`, and prints their difference.
fn experiment(name: &str, time: Duration, mut run: impl FnMut(bool) -> Duration) {
    let mut order = ChaCha20Rng::seed_from_u64(2);
    let mut times: Vec<(f64, bool)> = Vec::new();
    let start = Instant::now();
    while start.elapsed() < time {
        let class = order.next_u32() & 1 == 1;
        times.push((run(class).as_secs_f64() * 1e9, class));
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("{name}: {} measurements, median {:.1} µs", times.len(), times[times.len() / 2].0 / 1e3);
    let mut worst = 0.0_f64;
    for share in SHARES {
        let quick = &times[..(times.len() as f64 * share) as usize];
        let (t, difference) = welch(quick);
        worst = worst.max(t.abs());
        println!("  quickest {:5.1} %: t = {t:7.2}, means differ by {difference:8.1} ns", share * 100.0);
    }
    println!("  largest |t| = {worst:.2}");
}

/// Welch's t for the two classes, and the difference of their means.
fn welch(times: &[(f64, bool)]) -> (f64, f64) {
    let [(mean_0, error_0), (mean_1, error_1)] = [false, true].map(|class| {
        let of_class = || times.iter().filter(|(_, c)| *c == class).map(|(time, _)| time);
        let count = of_class().count() as f64;
        let mean = of_class().sum::<f64>() / count;
        let variance = of_class().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    ((mean_0 - mean_1) / (error_0 + error_1).sqrt(), mean_0 - mean_1)
}
