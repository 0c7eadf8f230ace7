//! The built program `minipki`, started as its users start it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

pub use crate::running::{Done, Running, Terminal};

/// The path of the built program. The first call builds it.
pub(crate) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().expect("a running test has a file");
        // A test is target/PROFILE/deps/TEST. Other programs have no deps.
        let profile = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let profile = profile.expect("cargo puts tests there");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // With --workspace, as the tests are built, cargo reuses the crates that it has built for them.
        cargo.args(["build", "--quiet", "--workspace", "--bin", "minipki"]);
        cargo.arg("--target-dir").arg(profile.parent().expect("cargo puts profiles there"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let built =
            cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs, as it ran this test");
        assert!(built.success(), "the program does not build");
        profile.join("minipki")
    })
}

/// A command for the program in `folder`, without the environment variables that it reads.
pub(crate) fn command<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(path());
    in_folder(&mut command, folder, arguments);
    command
}

/// Appends the program and its arguments to the arguments of another program that starts it.
pub(crate) fn as_argument_of<S: AsRef<OsStr>>(other: &mut Command, folder: &Path, arguments: &[S]) {
    in_folder(other.arg(path()), folder, arguments);
}

fn in_folder<S: AsRef<OsStr>>(command: &mut Command, folder: &Path, arguments: &[S]) {
    without_variables(command.args(arguments).current_dir(folder));
}

/// Removes the environment variables that the program reads.
pub(crate) fn without_variables(command: &mut Command) {
    for variable in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_LOG", "MINIPKI_TOKEN", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(variable);
    }
}

/// Runs the program in `folder` to its end, with an empty input.
///
/// # Panics
/// If the program cannot be started.
pub fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Done {
    start(folder, arguments).wait()
}

/// [`run`] with environment variables.
///
/// # Panics
/// As [`run`].
pub fn run_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], variables: &[(&str, &str)]) -> Done {
    start_with(folder, arguments, variables).wait()
}

/// A folder with a CA in `ca` and an identity of it in `alice`.
///
/// # Panics
/// If the program does not make them.
pub fn folder_with_alice() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let mut server = start(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let (address, anchor) = (server.address("serving"), "ca/anchor.json");
    let enroll = ["enroll", "--ca", &address, "--anchor", anchor, "--subject", "alice", "--out", "alice"];
    run(folder.path(), &enroll).expect(0);
    server.stop().expect(0);
    folder
}

/// [`run`] through another program. `other` is its name and its first arguments.
///
/// # Panics
/// If the other program cannot be started.
pub fn run_by<S: AsRef<OsStr>>(other: &[&str], folder: &Path, arguments: &[S]) -> Done {
    start_by(other, folder, arguments).wait()
}

/// [`start`] through another program, as [`run_by`] does.
///
/// # Panics
/// As [`run_by`].
pub fn start_by<S: AsRef<OsStr>>(other: &[&str], folder: &Path, arguments: &[S]) -> Running {
    let [name, words @ ..] = other else { panic!("the name of a program comes first") };
    let mut command = Command::new(name);
    as_argument_of(command.args(words), folder, arguments);
    Running::new(command.stdin(Stdio::null()))
}

/// Runs a shell script in a mount namespace of its own, and after it the program. `$0` is the program's path. The
/// script may start the program itself, as `"$@"`.
///
/// # Panics
/// If the shell cannot be started, or may not mount.
pub fn run_in_sh<S: AsRef<OsStr>>(folder: &Path, script: &str, arguments: &[S]) -> Done {
    start_in_sh(folder, &format!("{script}\nexec \"$@\""), arguments).wait()
}

/// Starts a shell script as [`run_in_sh`] does. The script must start the program, as `"$@"`.
///
/// # Panics
/// As [`run_in_sh`].
pub fn start_in_sh<S: AsRef<OsStr>>(folder: &Path, script: &str, arguments: &[S]) -> Running {
    // Every distribution has util-linux. Any user is root of the new namespace.
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-ec", script]).arg(path());
    as_argument_of(&mut unshare, folder, arguments);
    Running::new(unshare.stdin(Stdio::null()))
}

/// Runs a shell script in a network of its own, in which only the loopback interface is up, so that each port is free.
/// `$0` is the program's path.
///
/// # Panics
/// If the shell cannot be started, or may not make a network.
pub fn run_in_network(folder: &Path, script: &str) -> Done {
    // Every distribution has util-linux and iproute2. Any user is root of the new namespace.
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net", "sh", "-ec"]).arg(format!("ip link set lo up\n{script}"));
    let none: [&str; 0] = [];
    as_argument_of(&mut unshare, folder, &none);
    Running::new(unshare.stdin(Stdio::null())).wait()
}

/// Starts the program in `folder`, with an empty input.
///
/// # Panics
/// If the program cannot be started.
pub fn start<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Running {
    start_with(folder, arguments, &[])
}

/// [`start`] with environment variables.
///
/// # Panics
/// As [`start`].
pub fn start_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], variables: &[(&str, &str)]) -> Running {
    let mut command = command(folder, arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    Running::new(&mut command)
}

/// Starts the program in `folder` from a shell that runs `before` first, for example `ulimit -n 64`.
///
/// # Panics
/// As [`start`].
pub fn start_after<S: AsRef<OsStr>>(before: &str, folder: &Path, arguments: &[S]) -> Running {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before} && exec \"$0\" \"$@\"")]);
    as_argument_of(&mut shell, folder, arguments);
    Running::new(shell.stdin(Stdio::null()))
}

/// Starts the program in `folder` with this input.
///
/// # Panics
/// As [`start`].
pub fn start_typing<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], input: impl AsRef<[u8]>) -> Running {
    Running::with_input(&mut command(folder, arguments), input.as_ref())
}

/// Starts the program in `folder` with a terminal as its input.
///
/// # Panics
/// As [`start`], and if the system has no terminals.
pub fn start_at_terminal<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> (Running, Terminal) {
    Running::at_terminal(&mut command(folder, arguments))
}

/// Starts the program in `folder` with a terminal as its input and as its controlling terminal, `/dev/tty`.
///
/// # Panics
/// As [`start_at_terminal`].
pub fn start_with_tty<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> (Running, Terminal) {
    // util-linux, as in `start_in_sh`.
    let mut setsid = Command::new("setsid");
    as_argument_of(setsid.args(["--ctty", "--wait"]), folder, arguments);
    Running::at_terminal(&mut setsid)
}

/// Starts the program in `folder` with its standard error going to `stderr`. The test cannot wait for lines there.
///
/// # Panics
/// As [`start`].
pub fn start_into<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], stderr: impl Into<Stdio>) -> Running {
    Running::with_stderr(command(folder, arguments).stdin(Stdio::null()), stderr.into())
}

/// Runs the program in `folder` with a closed standard output. Returns the exit code.
///
/// # Panics
/// As [`run`].
pub fn run_unread<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command(folder, arguments)
        .stdin(Stdio::null())
        .stdout(writer)
        .status()
        .expect("the program starts")
        .code()
}
