//! Development tasks: `cargo xtask --help` lists them.

mod bench;
mod budgets;
mod constant_time;
mod dependencies;
mod device;
mod embedded;
mod fuzz;
mod gate;
mod instructions;
mod packages;
mod publish;
mod screenshots;
mod steps;
mod structure;
mod tree;
mod valgrind;
mod vectors;

use std::process::ExitCode;

const HELP: &str = "\
MiniPKI's development tasks

Usage: cargo xtask TASK

  test          everything a change must pass, quickest first; what CI runs
  structure     who may use whom, file lengths, the reasons for each dependency
  vectors       where each file under vectors/ is from, and that a test reads it
  embedded      the core for each target of rust-toolchain.toml, and a look for allocators and panics in it
  package       the crates for other projects, packed and built from the package; publishes nothing
  device [--board CHIP | --boards 2]
                the device on an emulated Cortex-M3 (lm3s6965, mps2-an385): a CA, a peer and the board, or two boards
  device --check [NAME]
                the same as tests: both roles, two boards, hostile CAs and peers, cut lines, and each failure's exit code
  device --bless
                takes what the boards say in the main scenario for right, beside its source
  budgets       what the device costs on its chip, beside other crates: measured, held to ceilings, docs/budgets.md
  constant-time
                the operations on secrets under memcheck: no branch and no address may depend on one
  fuzz [SECONDS [SEED]]
                the fuzz targets on this compiler: corpora, then mutations (default 60 seconds each)
  bench [--full]
                the benchmarks beside their peers, some minutes or at length; writes the section of
                docs/benchmarks.md for this kind of CPU (with AVX-512 IFMA, or without), its charts and,
                with AVX-512 IFMA, the README's figures
  bench [--full] FILTER
                only the groups whose name contains FILTER, and writes nothing
  instructions [--bless]
                instructions of the hot paths by callgrind, compared with benches/instructions/table.txt,
                or written to it
  screenshots   a picture of each page of the console, light and dark, into docs/img
  help          this page

Each task names the steps it takes and, where one fails, what to do next.
The exit code is 0 when all passed, 1 when a step failed, 2 for a task that does not exist.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test"] => gate::run(),
        ["structure"] => structure::run(),
        ["embedded"] => embedded::run(),
        ["package"] => publish::run(),
        ["budgets"] => budgets::run(),
        ["constant-time"] => constant_time::run(),
        ["device", rest @ ..] if rest.len() <= 2 => device::run(rest),
        ["vectors"] => vectors::run(),
        ["fuzz", rest @ ..] if rest.len() <= 2 => fuzz::run(rest),
        ["bench", rest @ ..] if rest.len() <= 2 => bench::run(rest),
        ["instructions"] => instructions::run(false),
        ["instructions", "--bless"] => instructions::run(true),
        ["screenshots"] => screenshots::run(),
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("xtask: no task `{}`\n\n{HELP}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nxtask: {message}");
            ExitCode::FAILURE
        }
    }
}
