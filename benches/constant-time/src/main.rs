//! The operations on secrets, under memcheck: `cargo xtask constant-time`.
//!
//! Memcheck reports each conditional jump and each address that depends on undefined bytes. Here the secrets are the
//! undefined bytes. So a report means that the machine code of a release has a branch or an index that depends on a secret.

mod memcheck;
mod operations;
mod rsa;

use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    if !memcheck::is_running() {
        eprintln!("this program needs memcheck; run `cargo xtask constant-time`");
        return ExitCode::from(2);
    }
    let sound = match std::env::args().nth(1).as_deref() {
        Some("deliberate") => deliberate_errors_are_reported(),
        _ => rsa::run() + operations::run() == 0,
    };
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `operation` and returns the number of reports about it.
fn reports(name: &str, operation: impl FnOnce()) -> usize {
    let before = memcheck::reports();
    operation();
    let reports = memcheck::reports() - before;
    println!("{reports:>10}  {name}");
    reports
}

/// Whether memcheck reports two deliberate errors: a branch on a secret, and a secret index.
fn deliberate_errors_are_reported() -> bool {
    let mut secret = [5_u8];
    memcheck::secret(&mut secret);
    let [secret] = secret;
    let branch = reports("a branch on a secret", || branch(black_box(secret)));
    let index = reports("a secret index", || index(black_box(secret)));
    branch > 0 && index > 0
}

/// Branches on a secret. No compiler can replace the call by a mask.
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

/// Uses a secret as an index.
#[inline(never)]
fn index(secret: u8) {
    black_box(black_box(&[7_u8; 256])[usize::from(secret)]);
}
