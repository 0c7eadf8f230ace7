//! The core's hot paths, one after another: `cargo xtask instructions` counts each under callgrind.
//!
//! Keys, randomness and times are the same in every run, so that the counts are.

mod paths;
mod people;

use std::hint::black_box;

/// Does `work`. Callgrind writes what it has counted, and starts again from zero, before this function
/// and before the next.
#[inline(never)]
fn minipki_counted(work: &mut dyn FnMut()) {
    black_box(work)();
}

/// Where the counting ends.
#[inline(never)]
fn minipki_done() {
    black_box(());
}

/// Names what is counted next, and counts it the second time: what is done only once in a program's
/// life, such as asking for the processor's features, is not in it.
fn count(name: &str, mut work: impl FnMut()) {
    work();
    println!("{name}");
    minipki_counted(&mut work);
    minipki_done();
}

fn main() {
    paths::rsa();
    paths::x25519();
    paths::certificate();
    paths::record();
    paths::handshake();
    paths::enrolment();
}
