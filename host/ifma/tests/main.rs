//! The batch signer: held to the core, to AWS-LC, to Wycheproof and to crypto-bigint.

mod arithmetic;
mod batches;
mod keys;
mod wycheproof;

use minipki_ifma::Engine;

/// Plain Rust, and the instructions where this CPU has them. All but the instructions themselves is the
/// same code over both, so a machine without them still tests it.
fn engines() -> Vec<Engine> {
    let ifma = Engine::ifma();
    if ifma.is_none() {
        eprintln!(
            "THIS CPU HAS NO AVX-512 IFMA: its arithmetic is tested in plain Rust, its instructions are not"
        );
    }
    [Some(Engine::portable()), ifma].into_iter().flatten().collect()
}

/// The faster of the two.
fn fastest() -> Engine {
    *engines().last().expect("plain Rust at least")
}
