//! The program `minipki`, run as its users run it, and others beside it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem::take;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// How long a program may take to say what a test waits for: only a broken one takes that long.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The built program, beside the tests that run it; it is brought up to date once.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().expect("a running test has a file");
        // target/PROFILE/deps/TEST, or without deps for what is no test.
        let profile = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let profile = profile.expect("cargo puts tests there");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // As a part of the workspace, which the tests are too: what is built already serves.
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

/// How a run of the program ended.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Done {
    /// This run, if it ended with `code`.
    ///
    /// # Panics
    /// If it ended otherwise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// The program in `folder`, with nothing of the tests' environment that it would heed.
pub(crate) fn command<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(path());
    in_folder(&mut command, folder, arguments);
    command
}

/// Gives the program to another one that starts it, as the last of its arguments.
pub(crate) fn as_argument_of<S: AsRef<OsStr>>(other: &mut Command, folder: &Path, arguments: &[S]) {
    in_folder(other.arg(path()), folder, arguments);
}

fn in_folder<S: AsRef<OsStr>>(command: &mut Command, folder: &Path, arguments: &[S]) {
    command.args(arguments).current_dir(folder);
    for variable in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_LOG", "MINIPKI_TOKEN"] {
        command.env_remove(variable);
    }
}

/// Runs the program in `folder` to its end, with nothing to read.
///
/// # Panics
/// If it cannot be started.
pub fn run<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Done {
    start(folder, arguments).wait()
}

/// [`run`] with variables in its environment.
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

/// [`run`] by another program: `other` and its arguments, the last of which are the program and `arguments`.
///
/// # Panics
/// If the other cannot be started.
pub fn run_by<S: AsRef<OsStr>>(other: &[&str], folder: &Path, arguments: &[S]) -> Done {
    let [name, words @ ..] = other else { panic!("the name of a program comes first") };
    let mut command = Command::new(name);
    as_argument_of(command.args(words), folder, arguments);
    Running::new(command.stdin(Stdio::null())).wait()
}

/// Runs the program in `folder` by a script of the shell that sees mounts of its own: `script` prepares what the program
/// needs and may start it itself, as `"$@"`; else it is started after the script. `$0` is the program.
///
/// # Panics
/// If the shell cannot be started, or may not mount.
pub fn run_in_sh<S: AsRef<OsStr>>(folder: &Path, script: &str, arguments: &[S]) -> Done {
    start_in_sh(folder, &format!("{script}\nexec \"$@\""), arguments).wait()
}

/// Starts a script of the shell as [`run_in_sh`] does; it starts the program as `"$@"`.
///
/// # Panics
/// As [`run_in_sh`].
pub fn start_in_sh<S: AsRef<OsStr>>(folder: &Path, script: &str, arguments: &[S]) -> Running {
    // util-linux, which every distribution has. As root of a namespace of its own, whoever runs the test.
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-ec", script]).arg(path());
    as_argument_of(&mut unshare, folder, arguments);
    Running::new(unshare.stdin(Stdio::null()))
}

/// A run that goes on beside the test; it ends with the test at the latest.
pub struct Running {
    child: Child,
    lines: Receiver<(Stream, String)>,
    stdout: Heard,
    stderr: Heard,
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Error,
}

/// What came on one stream. The two have an order each, and none between them.
#[derive(Default)]
struct Heard {
    text: String,
    /// How much of it [`Running::line`] has returned or gone past, in bytes.
    passed: usize,
}

impl Heard {
    /// The next line with `text`, if it has come.
    fn next(&mut self, text: &str) -> Option<String> {
        let mut end = self.passed;
        for line in self.text[self.passed..].split_inclusive('\n') {
            end += line.len();
            if line.contains(text) {
                self.passed = end;
                return Some(line.to_owned());
            }
        }
        None
    }
}

/// Starts the program in `folder`, with an input that is at its end.
///
/// # Panics
/// If it cannot be started.
pub fn start<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Running {
    start_with(folder, arguments, &[])
}

/// [`start`] with variables in its environment.
///
/// # Panics
/// As [`start`].
pub fn start_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], variables: &[(&str, &str)]) -> Running {
    let mut command = command(folder, arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    Running::new(&mut command)
}

/// Starts the program in `folder`, from a shell that runs `before` first, as `ulimit -n 64`.
///
/// # Panics
/// As [`start`].
pub fn start_after<S: AsRef<OsStr>>(before: &str, folder: &Path, arguments: &[S]) -> Running {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before} && exec \"$0\" \"$@\"")]);
    as_argument_of(&mut shell, folder, arguments);
    Running::new(shell.stdin(Stdio::null()))
}

/// Starts the program in `folder`, with `input` to read.
///
/// # Panics
/// As [`start`].
pub fn start_typing<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], input: impl AsRef<[u8]>) -> Running {
    let mut running = Running::new(command(folder, arguments).stdin(Stdio::piped()));
    let mut stdin = running.child.stdin.take().expect("it is a pipe");
    stdin.write_all(input.as_ref()).expect("the program reads");
    running
}

/// Starts the program in `folder` with its standard error going to `stderr`, where the test cannot wait for a line.
///
/// # Panics
/// As [`start`].
pub fn start_into<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], stderr: impl Into<Stdio>) -> Running {
    let mut command = command(folder, arguments);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
    let mut child = child.expect("the program starts");
    let (sender, lines) = channel();
    forward(Stream::Out, child.stdout.take().expect("it is a pipe"), sender);
    Running { child, lines, stdout: Heard::default(), stderr: Heard::default() }
}

/// Runs the program in `folder` with nobody to read what it prints; returns its exit code.
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

impl Running {
    /// Starts what `command` says.
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        forward(Stream::Out, child.stdout.take().expect("it is a pipe"), sender.clone());
        forward(Stream::Error, child.stderr.take().expect("it is a pipe"), sender);
        Self { child, lines, stdout: Heard::default(), stderr: Heard::default() }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that has `text` in it: the next on its stream after the last that was waited for there.
    ///
    /// # Panics
    /// If the program ends, or falls silent, without.
    #[track_caller]
    pub fn line(&mut self, text: &str) -> String {
        loop {
            if let Some(line) = self.stdout.next(text).or_else(|| self.stderr.next(text)) {
                return line;
            }
            match self.lines.recv_timeout(TIMEOUT) {
                Ok((stream, line)) => self.keep(stream, &line),
                Err(_) => panic!("no line with {text:?} in:\n{}{}", self.stdout.text, self.stderr.text),
            }
        }
    }

    /// The `127.0.0.1:PORT` in the next line with `text`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn address(&mut self, text: &str) -> String {
        let line = self.line(text);
        let start = line.find("127.0.0.1:").expect("the line names an address");
        line[start..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect()
    }

    /// Sends the program a signal, by its name without `SIG`.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Asks the program to end, with SIGTERM, and waits until it has.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn stop(self) -> Done {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until the program ends by itself.
    ///
    /// # Panics
    /// If it does not, though it says nothing any more.
    pub fn wait(mut self) -> Done {
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok((stream, line)) => self.keep(stream, &line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it hangs:\n{}{}", self.stdout.text, self.stderr.text)
                }
            }
        }
        let code = self.child.wait().expect("it was started").code();
        Done { code, stdout: take(&mut self.stdout.text), stderr: take(&mut self.stderr.text) }
    }

    fn keep(&mut self, stream: Stream, line: &str) {
        let seen = match stream {
            Stream::Out => &mut self.stdout,
            Stream::Error => &mut self.stderr,
        };
        seen.text.push_str(line);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends each line, with its end, to whoever waits for it.
fn forward(stream: Stream, from: impl Read + Send + 'static, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = String::new();
        // What is not UTF-8 ends this, and the test misses what came after.
        while from.read_line(&mut line).is_ok_and(|n| n > 0) && to.send((stream, take(&mut line))).is_ok() {}
    });
}
