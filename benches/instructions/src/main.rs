//! The core's hot paths, one after another: `cargo xtask instructions` counts each under callgrind.
//!
//! Every run has the same keys, random numbers and times, so the counts are the same too.

mod fixture;
mod paths;

use std::hint::black_box;

/// Does `work`. Callgrind writes its count and starts again from 0 before this function, and before `minipki_done`.
#[inline(never)]
fn minipki_counted(work: &mut dyn FnMut()) {
    black_box(work)();
}

/// The end of the counted work.
#[inline(never)]
fn minipki_done() {
    black_box(());
}

/// Prints the name of a path, and counts its second run. The first run does the work that a program does only once, for
/// example the detection of the processor's features.
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
