//! The operations on secrets, under memcheck: `cargo xtask constant-time`.
//!
//! Memcheck reports each conditional jump and each address that depends on undefined bytes. Here the undefined bytes
//! are the secrets. So a report is a branch on a secret, or an index, in the machine code that a release has.

mod memcheck;
mod operations;
mod planted;
mod rsa;

use std::process::ExitCode;

fn main() -> ExitCode {
    if !memcheck::is_running() {
        eprintln!("this program says nothing without memcheck: run `cargo xtask constant-time`");
        return ExitCode::from(2);
    }
    let sound = match std::env::args().nth(1).as_deref() {
        Some("planted") => planted::run(),
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
