//! `cargo xtask constant-time`: no branch and no address depends on a secret, in the machine code of a release.
//!
//! `benches/constant-time` marks its secrets as undefined and runs the operations on them. Memcheck reports each
//! conditional jump and each address that depends on undefined bytes. What it may accept is in a table of its own,
//! with the reasons. Memcheck does not see that an instruction takes longer for some operands than for others.

use std::fs;
use std::process::Command;

use crate::steps::{cargo, execute, shown};
use crate::{packages, tree};

const PROGRAM: &str = "minipki-constant-time";
const ACCEPTED: &str = "benches/constant-time/declassified.supp";
const FOLDER: &str = "target/constant-time";

/// Runs the operations, and before them faults on purpose, which must be reported.
pub(crate) fn run() -> Result<(), String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        eprintln!("    left out: the program asks Valgrind in instructions of x86-64, under Linux");
        return Ok(());
    }
    packages::need("valgrind", "valgrind")?;
    // The optimisation of a release, with line numbers.
    execute(&mut cargo(&["build", "--locked", "--profile", "bench", "--package", PROGRAM]))?;
    let folder = tree::root().join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    memcheck("planted").map_err(|e| format!("memcheck did not report a fault made on purpose: {e}"))?;
    let found = memcheck("operations")?;
    eprintln!("    no branch and no address depends on a secret in {found} operations");
    Ok(())
}

/// Runs the program's `mode` under memcheck, and returns how many operations it has named.
fn memcheck(mode: &str) -> Result<usize, String> {
    let log = format!("{FOLDER}/{mode}.log");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=memcheck", "--error-limit=no", "--num-callers=12"])
        .args([format!("--suppressions={ACCEPTED}"), format!("--log-file={log}")])
        .args([&format!("target/release/{PROGRAM}"), mode])
        .current_dir(tree::root());
    let line = shown(&valgrind);
    eprintln!("    $ {line}");
    let output = valgrind.output().map_err(|e| format!("`{line}` did not start: {e}"))?;
    let names = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        names.lines().filter(|line| line.contains("left out")).for_each(|line| eprintln!("  {line}"));
        return Ok(names.lines().filter(|line| line.trim_start().starts_with("0 ")).count());
    }
    let reported = names.lines().filter(|line| !line.trim_start().starts_with("0 "));
    Err(format!(
        "reports by operation:\n{}\n{}       where they are: {log}",
        reported.collect::<Vec<_>>().join("\n"),
        String::from_utf8_lossy(&output.stderr),
    ))
}
