//! Steps with a name, a time and a word of advice, and the table that closes a run.

use std::process::Command;
use std::time::{Duration, Instant};

/// What a task has done so far.
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
    started: Instant,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Steps { done: Vec::new(), started: Instant::now() }
    }

    /// Runs one step. A failure closes the task: the steps after it would only hide the cause.
    pub(crate) fn run(
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

    /// The closing table. Its last line, `N passed, N failed`, is what CI reads.
    pub(crate) fn summary(&self) {
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

/// The workspace's cargo, at its root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(crate::tree::root());
    command
}

/// Runs a command with its output left visible, and turns anything but success into an error that shows it.
pub(crate) fn execute(command: &mut Command) -> Result<(), String> {
    let line = shown(command);
    eprintln!("    $ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
