//! A repeated `minipki enroll`: after any interruption the same command continues, and nothing is lost.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::{run, run_by, run_with, start};
use serde_json::Value;

use super::cli::{enrolled, served};
use super::client_folder::names;

const FILES: [&str; 4] = ["anchor.json", "ca.json", "certificate.json", "key.pem"];

fn command<'a>(ca: &'a str, subject: &'a str) -> [&'a str; 9] {
    ["enroll", "--ca", ca, "--subject", subject, "--anchor", "ca/anchor.json", "--out", subject]
}

/// The number of certificates in the ledger for `subject`.
fn recorded(at: &Path, subject: &str) -> usize {
    let list = run(at, &["ca", "list", "--dir", "ca", "--subject", subject, "--json"]).expect(0);
    let list: Value = serde_json::from_str(&list.stdout).expect("one JSON value");
    list.as_array().expect("an array").len()
}

#[test]
fn a_second_enrolment_succeeds_without_a_request() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    let json = [&command(&ca, "alice")[..], &["--json"]].concat();
    let first = run(at, &json).expect(0);
    server.stop().expect(0);
    let second = run(at, &json).expect(0);
    assert_eq!(first.stdout, second.stdout);
    assert!(second.stderr.contains("enrolled already"), "{}", second.stderr);
    let other =
        run(at, &["enroll", "--ca", &ca, "--subject", "bob", "--anchor", "ca/anchor.json", "--out", "alice"]);
    assert!(other.expect(1).stderr.contains("holds an identity of alice"));
}

#[test]
fn two_enrolments_exclude_each_other_and_a_killed_one_is_continued() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nowhere = silent.local_addr().expect("bound").to_string();
    let first = start(at, &command(&nowhere, "alice"));
    let connection = silent.accept().expect("the program connects");
    let key = fs::read(at.join("alice/key.pem")).expect("the key exists before the request");

    let second = run(at, &command(&ca, "alice")).expect(1);
    assert!(second.stderr.contains("another `minipki enroll` is at work"), "{}", second.stderr);
    // Dropping a running program sends SIGKILL.
    drop((first, connection));
    let third = run(at, &command(&ca, "alice")).expect(0);
    assert!(third.stderr.contains("continues with the key"), "{}", third.stderr);
    assert_eq!(fs::read(at.join("alice/key.pem")).expect("the file exists"), key);
    assert_eq!(names(&at.join("alice")), FILES);
    assert_eq!(names(at), ["alice", "ca"], "no hidden folders");
}

#[test]
fn a_full_disk_is_found_before_the_ca_is_asked() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    server.stop().expect(0);
    // The limit is larger than the key and smaller than a certificate. A longer write fails as on a full disk.
    let limited = ["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"];
    let failed = run_by(&limited, at, &command(&ca, "alice")).expect(1);
    assert!(
        failed.stderr.contains("alice/") && failed.stderr.contains("next: raise the limit"),
        "{failed:?}"
    );
    // Without the limit, the missing CA is the error.
    run(at, &command(&ca, "alice")).expect(5);
}

#[test]
fn an_enrolment_killed_at_any_write_is_continued_and_the_folder_is_complete() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let mut number = 0;
    let kills = at_each(WRITES, |point| {
        number += 1;
        let subject = format!("subject-{number}");
        let done = point.run(at, &command(&ca, &subject));
        let key = fs::read(at.join(&subject).join("key.pem"));
        let before = recorded(at, &subject);
        assert!(before == 0 || key.is_ok(), "{point:?}: a certificate for a lost key");
        run(at, &command(&ca, &subject)).expect(0);
        let now = fs::read(at.join(&subject).join("key.pem")).expect("the file exists");
        assert!(key.is_err() || key.is_ok_and(|key| key == now), "{point:?}: another key");
        assert_eq!(names(&at.join(&subject)), FILES, "{point:?}");
        assert_eq!(recorded(at, &subject), 1, "{point:?}");
        run(at, &["verify", "--anchor", "ca/anchor.json", &format!("{subject}/certificate.json")]).expect(0);
        done
    });
    assert!(kills > 15, "only {kills} kills");
}

#[test]
fn a_path_that_is_not_utf_8_is_accepted() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let odd = OsStr::from_bytes(b"a b\xff");
    let words = |words: &[&str], last: &OsStr| -> Vec<OsString> {
        words.iter().map(OsString::from).chain([last.to_owned()]).collect()
    };
    let enroll =
        ["enroll", "--json", "--ca", &ca, "--subject", "alice", "--anchor", "ca/anchor.json", "--out"];
    let done = run(at, &words(&enroll, odd)).expect(0);
    let json: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
    assert_eq!(json["identity"], "a b\u{fffd}");
    assert!(done.stderr.contains(r"minipki listen --identity $'a\040b\377'"), "{}", done.stderr);
    let done = run(at, &words(&["ca", "init", "--json", "--dir"], OsStr::from_bytes(b"ca\xff"))).expect(0);
    let json: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
    assert_eq!(json["anchor_file"], "ca\u{fffd}/anchor.json");
}

#[test]
fn a_refused_name_and_a_wrong_fingerprint_can_be_corrected_in_the_same_folder() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let into = |subject, pin: [&str; 2]| {
        let words = ["enroll", "--ca", &ca, "--out", "new", "--subject", subject];
        run_with(at, &[&words[..], &pin].concat(), &[])
    };
    let wrong = "00".repeat(32);
    assert!(into("bob", ["--fingerprint", &wrong]).expect(3).stderr.contains("proof_failed"));
    assert!(into("alice", ["--anchor", "ca/anchor.json"]).expect(3).stderr.contains("subject_taken"));
    into("bob", ["--anchor", "ca/anchor.json"]).expect(0);
    assert_eq!(names(&at.join("new")), FILES);
}

#[test]
fn an_identity_without_certificate_or_anchor_is_completed_by_the_same_command() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    run(at, &["status", "--identity", "alice"]).expect(0);
    let files = [&FILES[..], &["status.json"]].concat();
    let contents = || FILES.map(|name| fs::read(at.join("alice").join(name)).expect("the file exists"));
    let before = contents();
    for lost in [&["certificate.json"][..], &["anchor.json", "certificate.json"]] {
        for name in lost {
            fs::remove_file(at.join("alice").join(name)).expect("the file exists");
        }
        let lost = run(at, &["listen", "--identity", "alice", "--listen", "127.0.0.1:0"]).expect(1);
        assert!(lost.stderr.contains("minipki enroll"), "{}", lost.stderr);
        run(at, &command(&ca, "alice")).expect(0);
        assert_eq!(contents(), before);
        assert_eq!(names(&at.join("alice")), files);
    }
    assert_eq!(recorded(at, "alice"), 1, "the CA repeats its answer");

    // With the certificate, no request to the CA is needed.
    server.stop().expect(0);
    fs::remove_file(at.join("alice/anchor.json")).expect("the file exists");
    let bob = ["enroll", "--ca", &ca, "--subject", "bob", "--anchor", "ca/anchor.json", "--out", "alice"];
    let other = run(at, &bob).expect(1);
    assert!(other.stderr.contains("holds an identity of alice"), "{}", other.stderr);
    run(at, &command(&ca, "alice")).expect(0);
    assert_eq!(contents(), before);
    assert_eq!(names(&at.join("alice")), files);
}
