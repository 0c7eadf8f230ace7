//! `cargo xtask fuzz`: the fuzz targets without a fuzzer, for as long as asked.

use crate::steps::{cargo, execute};

/// The workspace of the fuzz targets.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// Replays the corpora, then mutates them: `[SECONDS [SEED]]`.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let mut numbers = [60, 1];
    for (number, argument) in numbers.iter_mut().zip(arguments) {
        *number = argument.parse::<u64>().map_err(|_| format!("`{argument}` is not a whole number"))?;
    }
    let [seconds, seed] = numbers.map(|number| number.to_string());
    let mut command = cargo(&["test", "--locked", "--workspace", "--test", "fuzz", "--", "--nocapture"]);
    execute(command.env("MINIPKI_FUZZ_SECONDS", seconds).env("MINIPKI_FUZZ_SEED", seed))
}

/// Lints the properties; what libFuzzer itself needs is built by cargo-fuzz alone.
pub(crate) fn lint() -> Result<(), String> {
    execute(&mut cargo(&[
        "clippy",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--no-default-features",
        "--target-dir",
        "target",
        "--",
        "-D",
        "warnings",
    ]))
}
