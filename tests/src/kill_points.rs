//! Kills a program with strace at each system call of some kinds.
//!
//! The kill comes at the entry of the call, so the call has no effect. All earlier calls have had their effect on the
//! disk. Kills at all writing calls therefore show every state that a crash of the program can leave.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::program::{self, Done, Running};

/// The system calls that change files and folders or wait for the disk. Some kernels lack some of them.
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

/// A system call at which a program is killed.
#[derive(Clone, Copy, Debug)]
pub struct KillPoint {
    /// The system call.
    pub call: &'static str,
    /// The number of this call among the calls of its kind in one thread, from 1.
    pub number: usize,
}

impl KillPoint {
    /// Runs `minipki` in `folder` and kills it here. Returns the result if the program ended before this point.
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
        // If strace cannot trace, it prints an error and ends with 1, like a failed program.
        assert!(!done.stderr.contains("strace:"), "strace does not work here: {}", done.stderr);
        done.code.is_some().then_some(done)
    }
}

/// Calls `kill` for call 1, 2, 3, … of each kind in `calls`, until `kill` returns the result of a program that was not
/// killed. Returns the number of kills.
///
/// `kill` prepares the program's files, calls [`KillPoint::run`] and checks the files that remain.
///
/// # Panics
/// If the program was never killed.
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
