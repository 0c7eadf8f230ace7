//! What the system denies: threads, descriptors, the size of files. The program says so, and does not panic.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use minipki_tests::program::{Done, run_by};
use tempfile::TempDir;

/// Ends a command with code 1 and words.
#[track_caller]
fn told(done: Done, words: &str) {
    let done = done.expect(1);
    assert!(done.stderr.contains(words) && done.stderr.contains("next: "), "{done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("fault of MiniPKI"), "{done:?}");
}

/// The commands that wait for others, with arguments that do not matter here.
const WAITING: [&[&str]; 6] = [
    &["demo"],
    &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"],
    &["console", "--dir", "ca", "--listen", "127.0.0.1:0"],
    &["enroll", "--ca", "127.0.0.1:1", "--subject", "a", "--anchor", "ca/anchor.json", "--out", "a"],
    &["listen", "--identity", "a"],
    &["connect", "--identity", "a", "--peer", "127.0.0.1:1"],
];

/// Runs the program as a user who has only one thread. The limit does not hold for root.
fn alone(at: &Path, arguments: &[&str]) -> Done {
    let limit = ["prlimit", "--nproc=1"];
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let user = Command::new("id").arg("-u").output().expect("id runs").stdout;
    if user == b"0\n" {
        run_by(&[&nobody[..], &limit].concat(), at, arguments)
    } else {
        run_by(&limit, at, arguments)
    }
}

#[test]
fn without_threads_a_ca_is_made_and_what_needs_them_says_so() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    fs::set_permissions(at, fs::Permissions::from_mode(0o777)).expect("the test owns the folder");
    alone(at, &["ca", "init", "--dir", "ca"]).expect(0);
    for arguments in WAITING {
        told(alone(at, arguments), "threads that it needs");
    }
}

#[test]
fn without_descriptors_what_needs_them_says_so() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    let limited = ["sh", "-c", "ulimit -n 10; exec \"$@\"", "sh"];
    run_by(&limited, at, &["ca", "init", "--dir", "ca"]).expect(0);
    for arguments in WAITING {
        told(run_by(&limited, at, arguments), "open files that it needs");
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_error_like_any_other() {
    let folder = TempDir::new().expect("a folder for the test");
    let limited = ["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"];
    let done = run_by(&limited, folder.path(), &["ca", "init", "--dir", "ca"]).expect(1);
    assert!(done.stderr.contains("error: ca/") && done.stderr.contains("ulimit -f"), "{done:?}");
}
