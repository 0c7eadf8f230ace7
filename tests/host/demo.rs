//! The command `minipki demo`.

use std::fs;

use minipki_tests::program::{run, run_with, start_with};
use tempfile::TempDir;

#[test]
fn the_demo_shows_its_results_and_cleans_up() {
    let folder = TempDir::new().expect("a folder for the test");
    let temporary = folder.path().to_str().expect("a path in UTF-8");
    let done = run_with(folder.path(), &["demo"], &[("TMPDIR", temporary)]).expect(0);
    for claim in [
        "alice",
        "bob",
        "RSA-2048",
        "X25519",
        "serial",
        "handshake hash",
        "Summary",
        "the certificate was changed",
        "for another key",
        "ms",
    ] {
        assert!(done.stdout.contains(claim), "{claim:?} is not in:\n{}", done.stdout);
    }
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the file exists").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_demo_can_be_traced() {
    let folder = TempDir::new().expect("a folder for the test");
    let done = run(folder.path(), &["demo", "--trace"]).expect(0);
    for message in [
        "enroll_request",
        "enroll_challenge",
        "enroll_proof",
        "granted",
        "handshake_1",
        "handshake_3",
        "encrypted message",
    ] {
        assert!(done.stdout.contains(message), "{message} is not in:\n{}", done.stdout);
    }
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
}

#[test]
fn the_demo_cleans_up_when_it_is_interrupted() {
    let folder = TempDir::new().expect("a folder for the test");
    let temporary = folder.path().to_str().expect("a path in UTF-8");
    let mut demo = start_with(folder.path(), &["demo"], &[("TMPDIR", temporary)]);
    demo.line("makes its RSA key");
    // The demo ends at once, or it ended before the signal.
    let done = demo.stop();
    assert!(matches!(done.code, Some(130 | 0)), "{done:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the file exists").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
