//! `cargo xtask limbo`: runs x509-limbo, a suite of X.509 paths, on the validator of the core.

use std::env;
use std::path::{Path, PathBuf};

use crate::command::{cargo, execute};

/// The variable with the paths of the suite's files, separated by colons.
const FILES: &str = "MINIPKI_LIMBO";

/// Runs the suite in `file`, or else in the files that the environment names.
pub(crate) fn run(file: Option<&str>) -> Result<(), String> {
    match file {
        Some(file) => test(Path::new(file)),
        None if named().is_empty() => Err(format!("no file: `cargo xtask limbo FILE`, or set {FILES}")),
        None => run_if_named(),
    }
}

/// Runs the suite if the environment names files, and says so if it does not.
pub(crate) fn run_if_named() -> Result<(), String> {
    let files = named();
    if files.is_empty() {
        eprintln!("    {FILES} is not set: x509-limbo is not run");
    }
    files.iter().try_for_each(|file| test(file))
}

fn named() -> Vec<PathBuf> {
    env::var_os(FILES).map(|files| env::split_paths(&files).collect()).unwrap_or_default()
}

fn test(file: &Path) -> Result<(), String> {
    // The test runs in another folder.
    let file = file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))?;
    let arguments = ["test", "--locked", "--workspace", "--test", "suites", "x509_limbo", "--"];
    execute(cargo(&arguments).arg("--nocapture").env(FILES, file))
}
