//! `cargo xtask test`: every check that a change must pass, quickest first.

use std::time::{Duration, Instant};

use crate::command::{cargo, execute, need, need_browser, need_openssl_library};
use crate::embedded::firmware;
use crate::{bench, budgets, constant_time, device, embedded, instructions, publish, structure, vectors};

/// The workspace of the fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

pub(crate) fn run() -> Result<(), String> {
    let mut steps = Steps::new();
    steps.run("programs", "install the packages that the error names", || {
        need("openssl", "openssl")?;
        need("strace", "strace")?;
        need_openssl_library()?;
        need_browser()
    })?;
    steps.run("format", "run `cargo fmt --all`, in fuzz and the firmware too", || {
        execute(&mut cargo(&["fmt", "--all", "--check"]))?;
        execute(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", FUZZ]))?;
        execute(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", firmware::MANIFEST]))
    })?;
    steps.run(
        "structure",
        "each line above names the file and the rule; the rules are in xtask/src/structure",
        structure::run,
    )?;
    steps.run(
        "vectors",
        "give each file under vectors/ a row in vectors/README.md, and a test",
        vectors::run,
    )?;
    steps.run("clippy", "fix the code that clippy names; an exception needs a reason beside it", || {
        execute(&mut cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        device::lint()?;
        lint_fuzz_targets()
    })?;
    steps.run("documentation", "fix the dead link or the missing page that rustdoc names", || {
        execute(cargo(&["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run(
        "embedded",
        "run it alone: `cargo xtask embedded`; \"can't find crate for `alloc`\" means that a dependency needs a heap",
        embedded::run,
    )?;
    steps.run(
        "package",
        "run it alone: `cargo xtask package`; a missing file may lie outside the crate, or its Cargo.toml excludes it",
        publish::run,
    )?;
    steps.run("tests", "run the failed test alone: `cargo test --workspace NAME`", || {
        execute(&mut cargo(&["test", "--locked", "--workspace"]))
    })?;
    steps.run(
        "benches",
        "run the failed benchmark alone: `cargo test --workspace --bench NAME`",
        bench::smoke,
    )?;
    steps.run(
        "constant-time",
        "run it alone: `cargo xtask constant-time`; replace the branch or the index by a `subtle::Choice`, or use `minipki_core::bytes::declassify` for a result that may be public",
        constant_time::run,
    )?;
    steps.run(
        "instructions",
        "find the cause of a slower path; if the change is worth it, or a path became faster: `cargo xtask instructions --bless`",
        || instructions::run(false),
    )?;
    steps.run(
        "device",
        "run one test alone: `cargo xtask device --check NAME`; to watch the device: `cargo xtask device`",
        || device::check(&[], false),
    )?;
    steps.run(
        "budgets",
        "run it alone: `cargo xtask budgets`, which also writes docs/budgets.md; keep the code below its ceilings",
        budgets::check,
    )?;
    steps.summary();
    Ok(())
}

/// Lints the fuzz targets without libFuzzer, which only cargo-fuzz builds.
fn lint_fuzz_targets() -> Result<(), String> {
    let clippy = ["clippy", "--locked", "--manifest-path", FUZZ, "--no-default-features"];
    execute(cargo(&clippy).args(["--target-dir", "target", "--", "-D", "warnings"]))
}

/// The steps so far: the name, the time, and whether the step passed.
struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
    started: Instant,
}

impl Steps {
    fn new() -> Self {
        Steps { done: Vec::new(), started: Instant::now() }
    }

    /// Runs one step. A failure ends the task: failures of later steps would only hide the cause.
    fn run(
        &mut self,
        name: &'static str,
        advice: &str,
        work: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        self.done.push((name, took, outcome.is_ok()));
        match outcome {
            Ok(()) => {
                eprintln!("    {name}: ok, {}", seconds(took));
                Ok(())
            }
            Err(message) => {
                self.summary();
                Err(format!("{name} failed: {message}\n       next: {advice}"))
            }
        }
    }

    /// Prints the table of all steps. CI reads its last line, `N passed, N failed`.
    fn summary(&self) {
        println!("\n{:<40} {:>10}", "step", "time");
        for (name, took, passed) in &self.done {
            println!("{name:<40} {:>10}  {}", seconds(*took), if *passed { "ok" } else { "FAILED" });
        }
        println!("{:<40} {:>10}\n", "all", seconds(self.started.elapsed()));
        let passed = self.done.iter().filter(|(_, _, passed)| *passed).count();
        println!("steps: {passed} passed, {} failed", self.done.len() - passed);
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
