//! The ledger's files are lost, exchanged, damaged or read-only. Every answer is in the ledger, and each refusal has
//! advice.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use minipki_core::cert::Anchor;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::wire::Code;
use minipki_tests::program::{Done, run, start, start_in_sh};
use minipki_tests::server::{Outcome, PROVEN, enrol, pair, soon};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::kill::serve;

const RESTORE: &str = "minipki ca restore --from FILE --dir ";

/// A folder with the new CA `ca`.
pub(super) fn made() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    folder
}

fn anchor(folder: &Path) -> Anchor {
    let text = fs::read(folder.join("ca/anchor.json")).expect("the CA's anchor");
    Anchor::decode(Portable::new(), &text).expect("a good anchor")
}

/// Enrols `subject` at a CA. Returns the answer, if there is one.
fn ask(address: SocketAddr, anchor: &Anchor, subject: &str, key: &KeyPair) -> Option<Outcome> {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        soon(enrol(&mut stream, anchor, subject, key, PROVEN)).await.ok()
    })
}

/// Enrols `subject` at a CA. Returns whether it got a certificate.
fn granted(address: SocketAddr, anchor: &Anchor, subject: &str, key: &KeyPair) -> bool {
    matches!(ask(address, anchor, subject, key), Some(Outcome::Granted(_)))
}

/// Starts the CA, enrols each of `subjects` and stops the CA.
pub(super) fn issue(folder: &Path, subjects: &[&str]) {
    let (server, address) = serve(folder);
    for subject in subjects {
        assert!(granted(address, &anchor(folder), subject, &pair(1)), "{subject}");
    }
    server.stop().expect(0);
}

pub(super) fn sh(folder: &Path, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(folder).status().expect("sh runs");
    assert!(done.success(), "{script}");
}

fn sql(folder: &Path, text: &str) {
    let connection = Connection::open(folder.join("ca/ledger.sqlite")).expect("opened");
    connection.execute_batch(text).expect("done");
}

pub(super) fn refused(done: Done, words: &str) {
    let done = done.expect(1);
    assert!(done.stderr.contains(words), "{words:?} is not in:\n{}", done.stderr);
    assert!(done.stderr.contains("next:"), "{}", done.stderr);
}

pub(super) const SERVE: [&str; 6] = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
pub(super) const TOKEN: [&str; 6] = ["ca", "token", "--dir", "ca", "--subject", "alice"];
pub(super) const LIST: [&str; 4] = ["ca", "list", "--dir", "ca"];

#[test]
fn a_lost_ledger_is_made_again_only_on_request() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    for lost in ["rm ca/ledger.sqlite*", "> ca/ledger.sqlite", "printf x > ca/ledger.sqlite"] {
        sh(folder.path(), lost);
        sh(folder.path(), "test ! -e ca/ledger.sqlite || chmod 600 ca/ledger.sqlite");
        for command in [&SERVE[..], &TOKEN, &LIST, &["ca", "backup", "--dir", "ca", "--to", "b"]] {
            let done = run(folder.path(), command);
            refused(done, &format!("{RESTORE}ca"));
        }
        assert!(!folder.path().join("b").exists(), "a backup of a lost ledger");
    }
    let accepted = [&SERVE[..], &["--accept-empty-ledger"]].concat();
    let mut server = start(folder.path(), &accepted);
    server.address("serving");
    server.stop().expect(0);
    // The option is needed only once.
    issue(folder.path(), &["bob"]);
}

#[test]
fn an_orderly_stop_writes_the_log_back_into_the_ledger() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    let log = fs::metadata(folder.path().join("ca/ledger.sqlite-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the ledger is whole without its log");
    sh(folder.path(), "mkdir -m 700 copy && cp -p ca/anchor.json ca/ca-key.pem ca/ledger.sqlite copy");
    let listed = run(folder.path(), &["ca", "list", "--dir", "copy"]).expect(0);
    assert!(listed.stdout.contains("alice"), "{}", listed.stdout);
}

#[test]
fn exchanged_files_end_a_running_ca_before_the_next_answer() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    sh(folder.path(), "cp -p ca/ledger.sqlite old.sqlite && mv ca template");
    for exchange in [
        "rm ca/ledger.sqlite",
        "rm ca/ledger.sqlite*",
        "mv ca/ledger.sqlite ca/moved",
        "cp old.sqlite ca/ledger.sqlite",
        "cp -p old.sqlite x && mv x ca/ledger.sqlite",
        "rm ca/ledger.sqlite && cp -p old.sqlite ca/ledger.sqlite",
        "> ca/ledger.sqlite",
        "printf x >> ca/ledger.sqlite",
        "rm ca/ledger.sqlite-wal",
        "mv ca/ledger.sqlite-wal ca/moved",
        "> ca/ledger.sqlite-wal",
        "cp ca/ledger.sqlite-wal x && mv x ca/ledger.sqlite-wal",
        "rm ca/ledger.sqlite-shm",
        "> ca/ledger.sqlite-shm",
        "mv ca elsewhere",
        "mv ca elsewhere && cp -a template ca",
        "rm -r ca",
    ] {
        sh(folder.path(), "rm -rf ca elsewhere && cp -a template ca");
        let anchor = anchor(folder.path());
        let (server, address) = serve(folder.path());
        assert!(granted(address, &anchor, "bob", &pair(2)), "before: {exchange}");
        sh(folder.path(), exchange);
        assert!(!granted(address, &anchor, "carol", &pair(3)), "answered after: {exchange}");
        let done = server.wait();
        assert_eq!(done.code, Some(1), "after: {exchange}\n{}", done.stderr);
        assert!(done.stderr.contains("while the CA issued into it"), "after: {exchange}\n{}", done.stderr);
        if exchange == "rm ca/ledger.sqlite-wal" {
            // All answers were in that file only. The CA has written them back at its end.
            let listed = run(folder.path(), &LIST).expect(0);
            assert!(listed.stdout.contains("bob"), "{}", listed.stdout);
        }
    }
}

#[test]
fn removing_files_does_not_permit_a_second_server() {
    let folder = made();
    let (server, _) = serve(folder.path());
    sh(folder.path(), "rm -f ca/last-start.json ca/*.lock");
    refused(run(folder.path(), &SERVE), "another process issues from ca");
    server.stop().expect(0);
}

#[test]
fn a_ledger_with_a_hard_link_is_not_served() {
    let folder = made();
    sh(
        folder.path(),
        "mkdir -m 700 other && cp -p ca/*.pem ca/anchor.json other && ln ca/ledger.sqlite other",
    );
    refused(run(folder.path(), &["ca", "serve", "--dir", "other", "--listen", "127.0.0.1:0"]), "hard link");
    refused(run(folder.path(), &SERVE), "hard link");
    sh(
        folder.path(),
        "cp -p ca/ledger.sqlite ca/ledger.sqlite.new && mv ca/ledger.sqlite.new ca/ledger.sqlite",
    );
    let (server, _) = serve(folder.path());
    server.stop().expect(0);
}

#[test]
fn a_damaged_ledger_is_found_at_the_start_and_named_by_check() {
    let folder = made();
    let subjects: Vec<_> = (0..60).map(|n| format!("subject-{n}")).collect();
    issue(folder.path(), &subjects.iter().map(String::as_str).collect::<Vec<_>>());
    run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
    let path = folder.path().join("ca/ledger.sqlite");
    let sound = fs::read(&path).expect("a ledger");
    // Three damaged pages, and a truncated file.
    let mut noise = sound.clone();
    noise[40960..53248].fill(0xa5);
    for damaged in [&noise, &sound[..sound.len() / 2]] {
        fs::write(&path, damaged).expect("written");
        refused(run(folder.path(), &SERVE), &format!("{RESTORE}ca"));
        let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]);
        refused(checked, &format!("{RESTORE}ca"));
    }
}

#[test]
fn a_row_changed_from_outside_is_named_and_the_others_are_listed() {
    let folder = made();
    issue(folder.path(), &["alice", "bob", "carol", "dave"]);
    sql(
        folder.path(),
        "UPDATE certificates SET subject_id = 'b b' WHERE subject_id = 'bob';
         UPDATE certificates SET subject_id = 'mallory' WHERE subject_id = 'carol';
         UPDATE certificates SET certificate = replace(certificate, 'dave', 'eave') WHERE subject_id = 'dave';",
    );
    let listed = run(folder.path(), &LIST).expect(1);
    assert!(listed.stdout.contains("alice") && listed.stdout.contains("mallory"), "{}", listed.stdout);
    assert!(listed.stderr.contains("row 2 with serial number"), "{}", listed.stderr);
    assert!(listed.stderr.contains("minipki ca check --dir ca"), "{}", listed.stderr);

    let checked = run(folder.path(), &["ca", "check", "--dir", "ca", "--json"]).expect(1);
    let report: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    let rows = report["bad_rows"].as_array().expect("an array");
    let bad: Vec<_> =
        rows.iter().map(|row| (row["row"].as_u64(), row["wrong"].as_str().expect("text"))).collect();
    let expected = [(Some(2), "subject"), (Some(3), "subject"), (Some(4), "subject")];
    assert_eq!(bad, expected, "{report}");
    assert_eq!(report["good"], false);

    // An invalid signature, with matching columns.
    sql(
        folder.path(),
        "UPDATE certificates SET certificate = replace(certificate, 'alice', 'zlice'), subject_id = 'zlice' WHERE id = 1",
    );
    let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1);
    assert!(checked.stdout.contains("wrong signature"), "{}", checked.stdout);
}

#[test]
fn a_damaged_row_refuses_only_requests_that_need_it() {
    let folder = made();
    issue(folder.path(), &["alice", "bob"]);
    sql(folder.path(), "UPDATE certificates SET not_before = not_after + 1 WHERE subject_id = 'alice'");
    let (server, address) = serve(folder.path());
    let anchor = anchor(folder.path());
    for _ in 0..2 {
        let refused = ask(address, &anchor, "alice", &pair(1)).expect("an answer");
        assert_eq!(refused.refused(), Code::Internal);
        for subject in ["bob", "carol"] {
            assert!(granted(address, &anchor, subject, &pair(1)), "{subject}");
        }
    }
    let done = server.stop().expect(0);
    let lines: Vec<_> =
        done.stderr.lines().filter(|line| line.contains("row 1 with serial number")).collect();
    let [line] = lines[..] else { panic!("{}", done.stderr) };
    assert!(line.contains("ERROR") && line.contains("minipki ca check --dir ca"), "{line}");
}

#[test]
fn an_older_copy_of_the_same_run_is_noticed_after_a_kill() {
    let folder = made();
    let (server, address) = serve(folder.path());
    let anchor = anchor(folder.path());
    assert!(granted(address, &anchor, "alice", &pair(1)));
    sh(folder.path(), "mkdir old new && cp -a ca/ledger.sqlite ca/ledger.sqlite-wal old");
    assert!(granted(address, &anchor, "bob", &pair(1)));
    // Dropping a running program sends SIGKILL.
    drop(server);
    sh(folder.path(), "mv ca/ledger.sqlite* new && cp -a old/* ca");
    refused(run(folder.path(), &SERVE), "an older copy of it");
    refused(run(folder.path(), &TOKEN), "an older copy of it");
    let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1);
    assert!(checked.stdout.contains("put back the newer one"), "{}", checked.stdout);

    sh(folder.path(), "rm ca/ledger.sqlite* && cp -a new/* ca");
    let (server, address) = serve(folder.path());
    assert!(!granted(address, &anchor, "bob", &pair(2)), "the name is bob's");
    server.stop().expect(0);
}

#[test]
fn a_ca_that_serves_is_checked_beside_it() {
    let folder = made();
    let (server, address) = serve(folder.path());
    assert!(granted(address, &anchor(folder.path()), "alice", &pair(1)));
    let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
    let process = format!("process {} issues from it", server.id());
    assert!(
        checked.stdout.contains(&process) && checked.stdout.contains("1 in the ledger"),
        "{}",
        checked.stdout
    );
    server.stop().expect(0);
}

#[test]
fn files_that_root_makes_in_a_users_folder_belong_to_the_user() {
    const USER: u32 = 65_534;
    let folder = made();
    let ca = folder.path().join("ca");
    if std::os::unix::fs::chown(&ca, Some(USER), Some(USER)).is_err() {
        // Only root can change the owner. Without root, the user's own folder is tested.
        println!("not root: only a folder of the user is tested");
    }
    let owner = fs::metadata(&ca).expect("a folder").uid();
    sh(folder.path(), &format!("chown {owner} ca/*; rm -f ca/ledger.sqlite*"));
    // Root makes the ledger and its other files.
    let (server, _) = {
        let mut server = start(folder.path(), &[&SERVE[..], &["--accept-empty-ledger"]].concat());
        let address = server.address("serving");
        (server, address)
    };
    run(folder.path(), &TOKEN).expect(0);
    for entry in fs::read_dir(&ca).expect("a folder") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("a file").uid(), owner, "{entry:?}");
    }
    server.stop().expect(0);
    run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
    // A file of root is named, with the command that changes its owner.
    if owner == USER {
        sh(folder.path(), "chown 0 ca/ledger.sqlite");
        let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1);
        assert!(checked.stdout.contains("sudo chown -R 65534:65534 ca"), "{}", checked.stdout);
    }
}

#[test]
fn a_clock_behind_the_ledger_stops_the_start_and_tokens() {
    let folder = made();
    sql(folder.path(), "UPDATE instance SET latest = 4000000000");
    refused(run(folder.path(), &SERVE), "set the clock");
    refused(run(folder.path(), &TOKEN), "set the clock");
    let mut server = start(folder.path(), &[&SERVE[..], &["--accept-clock"]].concat());
    server.address("serving");
    run(folder.path(), &TOKEN).expect(0);
    server.stop().expect(0);
    run(folder.path(), &TOKEN).expect(0);
}

#[test]
fn a_log_that_cannot_be_written_back_is_reported_once_and_counted() {
    let folder = made();
    let ledger = folder.path().join("ca/ledger.sqlite");
    // Writes to the ledger fail, and writes to its log succeed. The tracer runs in the background, so that the program
    // gets the signal to stop.
    let strace = format!(
        "exec strace --daemonize --follow-forks --quiet=all --output=/dev/null --trace-path={} --trace=pwrite64 \
         --inject=pwrite64:error=EIO \"$@\"",
        ledger.display()
    );
    // The first run writes the ledger, so that the next start does not write it.
    issue(folder.path(), &["alice"]);
    let mut server = start_in_sh(folder.path(), &strace, &SERVE);
    let address = server.address("serving").parse().expect("an address");
    let writer = Connection::open(&ledger).expect("opened");
    writer.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
    writer
        .execute_batch("CREATE TABLE filler (content BLOB); INSERT INTO filler VALUES (zeroblob(20000000));")
        .expect("20 MB of log");
    let anchor = anchor(folder.path());
    for subject in ["bob", "carol"] {
        assert!(granted(address, &anchor, subject, &pair(1)), "{subject}");
    }
    let checked = run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(1);
    assert!(checked.stdout.contains("1 attempts have failed since the start"), "{}", checked.stdout);
    drop(writer);
    let done = server.stop();
    let warnings = done.stderr.matches("write-ahead log could not be written back").count();
    assert_eq!(warnings, 1, "{}", done.stderr);
}
