//! Limits of the system on threads, descriptors and file sizes. The program reports them and does not panic.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use minipki_tests::program::{Done, run_by};
use tempfile::TempDir;

/// Checks that a command has failed with code 1 and reports `words` with advice.
#[track_caller]
fn reports(done: Done, words: &str) {
    let done = done.expect(1);
    assert!(done.stderr.contains(words) && done.stderr.contains("next: "), "{done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("bug in MiniPKI"), "{done:?}");
}

/// The commands that use the network, with any arguments.
const NETWORK: [&[&str]; 6] = [
    &["demo"],
    &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"],
    &["console", "--dir", "ca", "--listen", "127.0.0.1:0"],
    &["enroll", "--ca", "127.0.0.1:1", "--subject", "a", "--anchor", "ca/anchor.json", "--out", "a"],
    &["listen", "--identity", "a"],
    &["connect", "--identity", "a", "--peer", "127.0.0.1:1"],
];

/// Runs the program as a user with a limit of one thread. The limit does not apply to root.
fn with_one_thread(at: &Path, arguments: &[&str]) -> Done {
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
fn without_threads_a_ca_is_made_and_other_commands_report_it() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    fs::set_permissions(at, fs::Permissions::from_mode(0o777)).expect("the test owns the folder");
    with_one_thread(at, &["ca", "init", "--dir", "ca"]).expect(0);
    for arguments in NETWORK {
        reports(with_one_thread(at, arguments), "threads, and the system refuses them");
    }
}

#[test]
fn without_descriptors_a_ca_is_made_and_other_commands_report_it() {
    let folder = TempDir::new().expect("a folder for the test");
    let at = folder.path();
    let limited = ["sh", "-c", "ulimit -n 10; exec \"$@\"", "sh"];
    run_by(&limited, at, &["ca", "init", "--dir", "ca"]).expect(0);
    for arguments in NETWORK {
        reports(run_by(&limited, at, arguments), "open files, and the system refuses them");
    }
}

#[test]
fn a_file_size_limit_is_reported_as_an_error() {
    let folder = TempDir::new().expect("a folder for the test");
    let limited = ["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"];
    let done = run_by(&limited, folder.path(), &["ca", "init", "--dir", "ca"]).expect(1);
    assert!(done.stderr.contains("error: ca/") && done.stderr.contains("ulimit -f"), "{done:?}");
}
