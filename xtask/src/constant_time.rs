//! `cargo xtask constant-time`: no branch and no address depends on a secret, in the machine code of a release.
//!
//! `benches/constant-time` marks its secrets as undefined and runs the operations on them. Memcheck reports each
//! conditional jump and each address that depends on undefined bytes. The accepted reports are in a table of their own,
//! with the reasons. Memcheck does not see that an instruction takes longer for some operands than for others.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::steps::shown;
use crate::{tree, valgrind};

const PROGRAM: &str = "minipki-constant-time";
const ACCEPTED: &str = "benches/constant-time/declassified.supp";
const FOLDER: &str = "target/constant-time";

/// The words in the line of an operation that cannot be looked at here.
const LEFT_OUT: &str = "left out";

/// Runs the operations, and before them faults on purpose, which must be reported.
pub(crate) fn run() -> Result<(), String> {
    if !valgrind::IS_SUPPORTED {
        eprintln!("    left out: the program asks Valgrind in instructions of x86-64, under Linux");
        return Ok(());
    }
    let program = valgrind::build(PROGRAM)?;
    let folder = tree::root().join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    memcheck(&program, "planted").map_err(|e| format!("a fault made on purpose was not reported: {e}"))?;
    let sound = memcheck(&program, "operations")?;
    eprintln!("    no branch and no address depends on a secret in {sound} operations");
    Ok(())
}

/// Runs the program's `mode` under memcheck, and returns how many operations had no report.
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
        format!("{reported}\n{}       where they are: {log}", String::from_utf8_lossy(&output.stderr))
    })
}

/// How many operations had no report, if none had one. The program prints a line for each: the reports, and its name.
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
    fn a_report_fails_the_step_and_so_does_silence() {
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
