//! A program that is killed at each of its system calls of some kinds, by strace.
//!
//! The kill comes as the call is entered, so that the call has no effect. The effect of the call before it is on the disk:
//! a kill at each write point shows every state that a crash of the program can leave.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::program::{self, Done, Running};

/// The system calls by which a program changes files and folders, and waits for the disk. Not all kernels have all.
pub const WRITES: &[&str] = &[
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "fchmod",
    "fchown",
    "chmod",
    "fchmodat",
];

/// One place to kill a program at.
#[derive(Clone, Copy, Debug)]
pub struct KillPoint {
    /// The system call.
    pub call: &'static str,
    /// How many calls of this kind one thread has made by then, this one included.
    pub number: usize,
}

impl KillPoint {
    /// Runs `minipki` in `folder`, with nothing to read, and kills it here. Returns how it ended if it ended by
    /// itself before this point.
    ///
    /// # Panics
    /// If strace is missing or cannot trace.
    pub fn run<S: AsRef<OsStr>>(self, folder: &Path, arguments: &[S]) -> Option<Done> {
        need_strace();
        let Self { call, number } = self;
        let mut strace = Command::new("strace");
        // The question mark lets strace accept a call that this kernel does not have.
        strace.args(["--follow-forks", "--quiet=all", "--output=/dev/null"]);
        strace.arg(format!("--trace=?{call}"));
        strace.arg(format!("--inject=?{call}:signal=KILL:when={number}"));
        program::as_argument_of(&mut strace, folder, arguments);
        let done = Running::new(strace.stdin(Stdio::null())).wait();
        // A strace that cannot trace says so, and ends with 1, as a program that fails does.
        assert!(!done.stderr.contains("strace:"), "strace does not work here: {}", done.stderr);
        done.code.is_some().then_some(done)
    }
}

/// Calls `kill` for each point of a program's run: for each of `calls` the first, the second, and so on, until `kill`
/// returns how the program ended by itself. Returns the number of kills.
///
/// `kill` prepares what the program needs, calls [`KillPoint::run`], and checks what the program has left.
///
/// # Panics
/// If the program was never killed: then the test shows nothing.
pub fn at_each(calls: &[&'static str], mut kill: impl FnMut(KillPoint) -> Option<Done>) -> usize {
    let mut kills = 0;
    for call in calls {
        kills += (1..).take_while(|&number| kill(KillPoint { call, number }).is_none()).count();
    }
    assert!(kills > 0, "the program made none of the system calls {calls:?}");
    kills
}

fn need_strace() {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        Command::new("strace")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    });
    assert!(found, "this test needs the program strace: apt-get install strace");
}
