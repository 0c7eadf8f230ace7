//! `cargo xtask constant-time`: no branch and no address depends on a secret, in the machine code of a release.
//!
//! `benches/constant-time` marks its secrets as undefined and runs the operations on them. Memcheck reports each
//! conditional jump and each address that depends on undefined bytes. A table lists the accepted reports and their
//! reasons. Memcheck does not find an instruction whose time depends on its operands.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{self, shown};
use crate::tree;

const PROGRAM: &str = "minipki-constant-time";
const ACCEPTED: &str = "benches/constant-time/declassified.supp";
const FOLDER: &str = "target/constant-time";

/// The mark of an operation that this machine cannot run.
const LEFT_OUT: &str = "left out";

/// Runs deliberate errors, which memcheck must report, and then the operations.
pub(crate) fn run() -> Result<(), String> {
    if !command::HAS_VALGRIND {
        eprintln!("    left out: the requests to Valgrind are instructions of x86-64 under Linux");
        return Ok(());
    }
    let program = command::build_for_valgrind(PROGRAM)?;
    let folder = tree::root().join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    memcheck(&program, "deliberate")
        .map_err(|e| format!("memcheck did not report a deliberate error: {e}"))?;
    let sound = memcheck(&program, "operations")?;
    eprintln!("    no branch and no address depends on a secret in {sound} operations");
    Ok(())
}

/// Runs the program in `mode` under memcheck. Returns the number of the operations without a report.
fn memcheck(program: &Path, mode: &str) -> Result<usize, String> {
    let log = format!("{FOLDER}/{mode}.log");
    let mut memcheck = Command::new("valgrind");
    memcheck
        .args(["--quiet", "--tool=memcheck", "--error-limit=no", "--num-callers=12"])
        .args([format!("--suppressions={ACCEPTED}"), format!("--log-file={log}")])
        .arg(program)
        .arg(mode)
        .current_dir(tree::root());
    let line = shown(&memcheck);
    eprintln!("    $ {line}");
    let output = memcheck.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    let lines = String::from_utf8_lossy(&output.stdout);
    lines.lines().filter(|line| line.contains(LEFT_OUT)).for_each(|line| eprintln!("  {line}"));
    judge(output.status.success(), &lines).map_err(|reported| {
        format!("{reported}\n{}       the reports are in {log}", String::from_utf8_lossy(&output.stderr))
    })
}

/// The number of the operations. A report or an empty output is an error. The program prints a line for each operation:
/// the number of reports, and the name.
fn judge(success: bool, lines: &str) -> Result<usize, String> {
    let lines = lines.lines().filter(|line| !line.contains(LEFT_OUT));
    let (sound, reported): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.trim_start().starts_with("0 "));
    if success && (!sound.is_empty() || !reported.is_empty()) {
        return Ok(sound.len());
    }
    Err(format!("reports by operation:\n{}", reported.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_or_an_empty_output_fails_the_step() {
        let sound = "         0  SHA-256\n  left out  RSA: no AVX-512\n         0  HKDF\n";
        assert_eq!(judge(true, sound), Ok(2));
        let reported = format!("{sound}        12  RSA-2048: import\n");
        assert_eq!(
            judge(false, &reported),
            Err("reports by operation:\n        12  RSA-2048: import".to_owned())
        );
        assert!(judge(true, "").is_err() && judge(false, sound).is_err());
    }
}
