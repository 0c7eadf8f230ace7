//! Tests of the batch signer against the core, AWS-LC, Wycheproof and crypto-bigint.

mod arithmetic;
mod batches;
mod keys;

use crypto_bigint::BoxedUint;
use minipki_ifma::Engine;

/// The engine in plain Rust, and the one on AVX-512 IFMA if this CPU has it. Both run the same code except for the
/// instructions themselves.
fn engines() -> Vec<Engine> {
    let ifma = Engine::ifma();
    if ifma.is_none() {
        eprintln!("THIS CPU HAS NO AVX-512 IFMA: the arithmetic is tested in plain Rust only");
    }
    [Some(Engine::portable()), ifma].into_iter().flatten().collect()
}

/// The faster of the two.
fn fastest() -> Engine {
    *engines().last().expect("plain Rust at least")
}

/// The number of these big-endian bytes.
fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).expect("whole bytes")
}
