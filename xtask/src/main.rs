//! Development tasks: `cargo xtask --help` lists them.

mod bench;
mod budgets;
mod command;
mod constant_time;
mod dependencies;
mod device;
mod embedded;
mod gate;
mod instructions;
mod judges;
mod limbo;
mod pkits;
mod publish;
mod structure;
mod tree;
mod vectors;

use std::process::ExitCode;

use command::{cargo, execute};

const HELP: &str = "\
MiniPKI's development tasks

Usage: cargo xtask TASK

  test          runs every check that a change must pass, quickest first, as CI does
  structure     checks the dependencies between modules, the lengths of files, and the reason for each dependency
  vectors       checks that each file under vectors/ has an origin, and a test that reads it
  limbo [FILE]  runs x509-limbo, a suite of X.509 paths, from FILE or from the file that MINIPKI_LIMBO names
  embedded      builds the core for each target of rust-toolchain.toml, and looks for allocators and panics in it
  package       packs the crates for other projects and checks them without this one; publishes nothing
  device [--board CHIP | --boards 2]
                runs the device on an emulated Cortex-M3 (lm3s6965, mps2-an385), with a CA and a peer or a second board
  device --check [NAME]
                tests the device: both roles, two boards, hostile CAs and peers, cut lines, and each failure's exit code
  device --bless
                records the output of the boards in the main scenario as the expected output
  budgets       measures the cost of the device on its chip beside other crates, writes docs/budgets.md,
                and compares the cost with its ceilings
  constant-time
                runs the operations on secrets under memcheck: no branch and no address may depend on a secret
  fuzz [SECONDS [SEED]]
                runs the fuzz targets on this compiler: corpora, then mutations (default 60 seconds each)
  bench [--full]
                runs the benchmarks (longer with --full); writes the section of docs/benchmarks.md for this kind
                of CPU (with AVX-512 IFMA, or without), its charts and, with AVX-512 IFMA, the README's figures
  bench [--full] FILTER
                runs only the groups whose name contains FILTER, and writes nothing
  instructions [--bless]
                counts the instructions of the hot paths by callgrind, and compares the counts with
                benches/instructions/table.txt or writes them to it
  judges        has GnuTLS, NSS, pkilint, nginx and curl judge the X.509 certificates of the CA; installs them once
  others        prints what OpenSSL, GnuTLS and rustls-webpki accept of the corpus in vectors/x509 and of x509-limbo
  pkits         runs the cases of NIST PKITS on the validator of X.509; downloads them from PyPI once
  screenshots   writes a picture of each page of the console, light and dark, to docs/img
  help          prints this page

Each task prints its steps. After a failure, it prints what to do next.
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
        ["limbo"] => limbo::run(None),
        ["limbo", file] => limbo::run(Some(file)),
        ["fuzz", rest @ ..] if rest.len() <= 2 => fuzz(rest),
        ["bench", rest @ ..] if rest.len() <= 2 => bench::run(rest),
        ["instructions"] => instructions::run(false),
        ["instructions", "--bless"] => instructions::run(true),
        ["judges"] => judges::run(),
        ["others"] => judges::others(),
        ["pkits"] => pkits::run(),
        ["screenshots"] => screenshots(),
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

/// Replays the corpora of the fuzz targets, then mutates them: `[SECONDS [SEED]]`.
fn fuzz(arguments: &[&str]) -> Result<(), String> {
    let mut numbers = [60, 1];
    for (number, argument) in numbers.iter_mut().zip(arguments) {
        *number = argument.parse::<u64>().map_err(|_| format!("`{argument}` is not a whole number"))?;
    }
    let [seconds, seed] = numbers.map(|number| number.to_string());
    let mut command = cargo(&["test", "--locked", "--workspace", "--test", "fuzz", "--", "--nocapture"]);
    execute(command.env("MINIPKI_FUZZ_SECONDS", seconds).env("MINIPKI_FUZZ_SEED", seed))
}

/// Writes the pictures of the console's pages for the README.
fn screenshots() -> Result<(), String> {
    command::need_all(&command::BROWSER)?;
    let run = ["run", "--locked", "--package", "minipki-tests", "--bin", "screenshots", "--"];
    execute(cargo(&run).arg(tree::root().join("docs/img")))
}
