//! Programs of others that judge what the CA issues. `cargo xtask judges` installs them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::running::{Done, Running};

/// Runs the program `name` of others in `folder` to its end, with an empty input.
///
/// # Panics
/// If it is missing.
pub fn run(folder: &Path, name: &str, arguments: &[&str]) -> Done {
    let mut command = command(folder, name);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{name}: {error}; `cargo xtask judges` installs the program"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Starts the program `name` of others in `folder`.
///
/// # Panics
/// If it is missing.
pub fn start(folder: &Path, name: &str, arguments: &[&str]) -> Running {
    // An error of the start does not name the package.
    run(folder, name, &["-v"]);
    Running::new(command(folder, name).args(arguments).stdin(Stdio::null()))
}

/// Servers are in a folder that only the administrator's PATH has, and pkilint is in the target folder.
fn command(folder: &Path, name: &str) -> Command {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/judges");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), target.join("bin")]);
    let mut command = Command::new(name);
    command.env("PATH", env::join_paths(folders).expect("folders without a colon"));
    command.env("PYTHONPATH", target).current_dir(folder);
    command
}
