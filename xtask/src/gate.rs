//! `cargo xtask test`: every check that a change must pass, quickest first.

use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use minipki_qemu as qemu;

use crate::command::{BROWSER, HAS_VALGRIND, cargo, execute, need_all, need_openssl_library};
use crate::embedded::firmware;
use crate::{
    bench, budgets, constant_time, device, instructions, judges, limbo, pkits, publish, structure, tree,
    vectors,
};

/// The tests that measure how long a client waits during an attack. Nothing runs beside them.
const FLOODS: &str = "server_flood";

/// The workspace of the fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

pub(crate) fn run() -> Result<(), String> {
    let mut steps = Steps::new();
    steps.run("programs", "install the packages that the error names", || {
        let tools = [("openssl", "openssl"), ("strace", "strace"), ("ip", "iproute2"), ("tshark", "tshark")];
        let valgrind = HAS_VALGRIND.then_some(("valgrind", "valgrind"));
        // Steps that run beside each other cannot install at the same time.
        let all = tools.into_iter().chain(BROWSER).chain([(qemu::PROGRAM, qemu::PACKAGE)]).chain(valgrind);
        need_all(&all.collect::<Vec<_>>())?;
        need_openssl_library()?;
        judges::install()
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
    // An image is linked on one core.
    steps.run_beside(
        "embedded",
        &["embedded"],
        "run it alone: `cargo xtask embedded`; \"can't find crate for `alloc`\" means that a dependency needs a heap",
        build,
    )?;
    steps.run("tests", "run the failed test alone: `cargo test --workspace NAME`", || {
        // Many tests wait for another process or for a time, so more tests than cores can run.
        let threads = 2 * thread::available_parallelism().map_or(1, NonZero::get);
        let mut tests = cargo(&["test", "--locked", "--workspace", "--no-fail-fast", "--", "--skip", FLOODS]);
        execute(tests.env("RUST_TEST_THREADS", threads.to_string()))?;
        execute(&mut cargo(&["test", "--locked", "--workspace", "--test", "host", "--", FLOODS]))
    })?;
    steps.run("pkits", "run it alone: `cargo xtask pkits`", pkits::run)?;
    steps.run(
        "limbo",
        "explain the verdict in core/tests/suites/x509_limbo_exceptions.txt only if the suite is wrong or its rule is another profile's",
        limbo::run_if_named,
    )?;
    steps.run(
        "benches",
        "run the failed benchmark alone: `cargo test --workspace --bench NAME`",
        bench::smoke,
    )?;
    // A board mostly waits.
    steps.run_beside(
        "device",
        &["device", "--check"],
        "run one test alone: `cargo xtask device --check NAME`; to watch the device: `cargo xtask device`",
        measure,
    )?;
    steps.summary();
    Ok(())
}

/// The steps that compile, but run no test.
fn build(steps: &mut Steps) -> Result<(), String> {
    steps.run("documentation", "fix the dead link or the missing page that rustdoc names", || {
        execute(cargo(&["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run(
        "package",
        "run it alone: `cargo xtask package`; a missing file may lie outside the crate, or its Cargo.toml excludes it",
        publish::run,
    )?;
    steps.run("build", "fix the error of the compiler", || {
        execute(&mut cargo(&["test", "--locked", "--workspace", "--no-run"]))
    })
}

/// The steps that count instructions, so another step beside them changes no figure.
fn measure(steps: &mut Steps) -> Result<(), String> {
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
        "budgets",
        "run it alone: `cargo xtask budgets`, which also writes docs/budgets.md; keep the code below its ceilings",
        budgets::check,
    )
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

    /// Runs a step as a process of its own, the task `arguments`, beside the steps of `others`. Shows its output at its
    /// end. Its time in the table is the wait after the others.
    fn run_beside(
        &mut self,
        name: &'static str,
        arguments: &[&str],
        advice: &str,
        others: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        eprintln!("\n==> {name}, beside the next steps");
        let mut beside = Beside::start(name, arguments)?;
        others(self)?;
        self.run(name, advice, || beside.wait())
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

/// A task in a process of its own; killed when dropped.
struct Beside {
    child: Child,
    log: PathBuf,
}

impl Beside {
    fn start(name: &str, arguments: &[&str]) -> Result<Self, String> {
        let folder = tree::root().join("target");
        let log = folder.join(format!("{name}.log"));
        let failed = |e: io::Error| format!("the step {name} did not start: {e}");
        let output = fs::create_dir_all(folder).and_then(|()| File::create(&log)).map_err(failed)?;
        // This program, although the tests may have replaced its file.
        let mut task = Command::new("/proc/self/exe");
        task.args(arguments).stdout(output.try_clone().map_err(failed)?).stderr(output);
        Ok(Self { child: task.spawn().map_err(failed)?, log })
    }

    /// Waits for the end, and shows the output.
    fn wait(&mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|e| e.to_string())?;
        eprint!("{}", tree::read(&self.log)?);
        if status.success() {
            Ok(())
        } else {
            Err(format!("the task ended with {status}; its output is above"))
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Both calls fail only if the task has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_beside_others_fails_if_its_process_fails() {
        // Here the process is the program of the tests.
        let mut steps = Steps::new();
        let mut beside = |arguments: &[&str], others| steps.run_beside("beside", arguments, "", |_| others);
        assert_eq!(beside(&["--list"], Ok(())), Ok(()));
        assert!(beside(&["--no-such-option"], Ok(())).is_err());
        assert_eq!(beside(&["--list"], Err("another step".to_owned())), Err("another step".to_owned()));
        let done: Vec<_> = steps.done.iter().map(|(_, _, passed)| *passed).collect();
        assert_eq!(done, [true, false]);
    }
}
