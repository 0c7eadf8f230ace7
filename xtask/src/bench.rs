//! `cargo xtask bench`: the benchmark suites, shortly, and at the end every ratio that they have printed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::steps::{cargo, shown};

/// Runs every suite, or the benchmarks whose name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> Result<(), String> {
    let mut command =
        cargo(&["bench", "--locked", "--package", "minipki-benches", "--", "--quick", "--noplot"]);
    command.args(filter).stdout(Stdio::piped());
    let line = shown(&command);
    eprintln!("    $ {line}");
    let mut child = command.spawn().map_err(|e| format!("`{line}` did not start: {e}"))?;
    let mut ratios = Vec::new();
    for output in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
        let output = output.map_err(|e| format!("`{line}`: {e}"))?;
        println!("{output}");
        if is_ratio(&output) {
            ratios.push(output);
        }
    }
    let status = child.wait().map_err(|e| format!("`{line}`: {e}"))?;
    if !status.success() || ratios.is_empty() {
        return Err(format!("`{line}` ended with {status} and {} ratios", ratios.len()));
    }
    println!("\nthe same work, turn by turn in one run; x: times as long as the first\n");
    println!("{}", ratios.join("\n"));
    Ok(())
}

/// A line of `minipki_benches::compare`: `x25519/agreement: snow    61.20 µs   1.17 x`.
fn is_ratio(line: &str) -> bool {
    line.ends_with(" x") && line.contains(" µs ") && line.contains(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_told_from_criterions_own_lines() {
        assert!(is_ratio("x25519/agreement: minipki                      52.30 µs   1.00 x"));
        assert!(!is_ratio("x25519/agreement/snow   time:   [61.113 µs 61.202 µs 61.224 µs]"));
        assert!(!is_ratio("     Running benches/x25519.rs (target/release/deps/x25519-1)"));
    }
}
