//! The commands of the tasks, and the programs that they need.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::tree;

/// The workspace's cargo, at its root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(tree::root());
    command
}

/// Runs a command with visible output. An exit code other than 0 is an error that shows the command.
pub(crate) fn execute(command: &mut Command) -> Result<(), String> {
    let line = shown(command);
    eprintln!("    $ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

/// The command line of a command.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Installs Debian packages by apt-get as root. For another user, the error names the command to run.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("apt-get install {}", packages.join(" "));
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root || !exists("apt-get") {
        return Err(format!("missing packages: `sudo {by_hand}`"));
    }
    let apt = |arguments: &[&str]| {
        execute(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let install: Vec<&str> =
        ["install", "-y", "-q", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // An old package list can name versions that are too old. Without a network, the old list is used.
    let _ = apt(&["update", "-q"]);
    apt(&install).map_err(|e| format!("{e}; by hand: `{by_hand}`"))
}

/// Installs `package` unless its `program` exists.
pub(crate) fn need(program: &str, package: &str) -> Result<(), String> {
    need_all(&[(program, package)])
}

/// Installs the packages of the programs that do not exist: pairs of a program and its package.
pub(crate) fn need_all(programs: &[(&str, &str)]) -> Result<(), String> {
    let missing: Vec<_> =
        programs.iter().filter(|(program, _)| !exists(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs the files to link with OpenSSL unless they exist.
pub(crate) fn need_openssl_library() -> Result<(), String> {
    let found = Command::new("pkg-config").args(["--exists", "openssl"]).status();
    if found.is_ok_and(|status| status.success()) { Ok(()) } else { install(&["libssl-dev", "pkg-config"]) }
}

/// Chromium and its driver, for the screenshots and the browser tests, with their packages.
pub(crate) const BROWSER: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];

/// Whether a program is in PATH, or in the folder of servers, which only the administrator's PATH has.
fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}

/// Whether the programs for Valgrind are made for this machine.
pub(crate) const HAS_VALGRIND: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

/// Installs Valgrind if necessary, builds `program` for it, and returns the program's path.
///
/// The profile `bench` has the optimisation of a release, and line numbers. One build of all the programs gives their
/// dependencies the same features, so nothing is built twice.
pub(crate) fn build_for_valgrind(program: &str) -> Result<PathBuf, String> {
    need("valgrind", "valgrind")?;
    let packages = ["--package", "minipki-constant-time", "--package", "minipki-instructions"];
    execute(cargo(&["build", "--locked", "--profile", "bench"]).args(packages))?;
    Ok(tree::root().join("target/release").join(program))
}
