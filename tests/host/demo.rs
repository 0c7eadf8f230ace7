//! `minipki demo`: what the README promises of it.

use std::fs;

use minipki_tests::program::{run, run_with, start_with};
use tempfile::TempDir;

#[test]
fn the_demo_shows_what_it_proves_and_cleans_up() {
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
        "What was proved",
        "not signed by the trusted key",
        "for another key",
        "ms",
    ] {
        assert!(done.stdout.contains(claim), "{claim:?} is not in:\n{}", done.stdout);
    }
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn the_demo_can_be_watched() {
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
    // It ends at once, or had ended before the signal came.
    let done = demo.stop();
    assert!(matches!(done.code, Some(130 | 0)), "{done:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
