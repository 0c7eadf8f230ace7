//! Faults on purpose: an operation that branches on a secret and one that uses it as an index.
//!
//! They show that a report comes where there is something to report.

use std::hint::black_box;

use crate::{memcheck, reports};

/// Whether each planted fault was reported.
pub(crate) fn run() -> bool {
    let mut secret = [5_u8];
    memcheck::secret(&mut secret);
    let [secret] = secret;
    let branch = reports("a branch on a secret", || branch(black_box(secret)));
    let index = reports("a secret index", || index(black_box(secret)));
    branch > 0 && index > 0
}

/// Calls a function or does nothing, as the secret says: no compiler turns that into a mask.
#[inline(never)]
fn branch(secret: u8) {
    #[inline(never)]
    fn other() {
        black_box(());
    }
    if secret > 3 {
        other();
    }
}

#[inline(never)]
fn index(secret: u8) {
    black_box(black_box(&[7_u8; 256])[usize::from(secret)]);
}
