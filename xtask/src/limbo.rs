//! `cargo xtask limbo`: runs x509-limbo, a suite of X.509 paths, on the validator of the core.

use std::path::{Path, PathBuf};

use crate::command::{cargo, execute};

/// The variable with the path of the suite, which the test reads.
const FILE: &str = "MINIPKI_LIMBO";

/// Runs the suite in `file`, or else in the file that the environment names.
pub(crate) fn run(file: Option<&str>) -> Result<(), String> {
    let named = || std::env::var_os(FILE).map(PathBuf::from);
    let Some(file) = file.map(PathBuf::from).or_else(named) else {
        return Err(format!("no file: `cargo xtask limbo FILE`, or set {FILE}"));
    };
    // The test runs in another folder.
    let file = file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))?;
    test(&file)
}

/// Runs the suite if the environment names a file, and says so if it does not.
pub(crate) fn run_if_named() -> Result<(), String> {
    if std::env::var_os(FILE).is_none() {
        eprintln!("    {FILE} is not set: x509-limbo is not run");
        return Ok(());
    }
    run(None)
}

fn test(file: &Path) -> Result<(), String> {
    let arguments = ["test", "--locked", "--package", "minipki-core", "--test", "core"];
    let mut command = cargo(&arguments);
    execute(command.args(["x509_limbo", "--", "--nocapture"]).env(FILE, file))
}
