//! A disk that is full, or a folder that can be read only: the ledger can be read, and nothing is lost.

use std::fs;

use minipki_tests::program::{run, run_in_sh};
use tempfile::TempDir;

use super::ledger_files::{LIST, SERVE, TOKEN, issue, made, refused};

#[test]
fn a_folder_that_can_be_read_only_is_listed_and_not_served() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    // A mount of its own for each: nothing outside notices.
    let mount = "mount --bind ca ca && mount -o remount,ro,bind ca";
    let read_only = |arguments: &[&str]| run_in_sh(folder.path(), mount, arguments);
    let listed = read_only(&LIST).expect(0);
    assert!(listed.stdout.contains("alice"), "{}", listed.stdout);
    read_only(&["ca", "fingerprint", "--dir", "ca"]).expect(0);
    read_only(&["ca", "check", "--dir", "ca"]).expect(0);
    refused(read_only(&SERVE), "can be read only");
    refused(read_only(&TOKEN), "can be read only");
    read_only(&["ca", "backup", "--dir", "ca", "--to", "backup"]).expect(0);
    run(folder.path(), &["ca", "restore", "--from", "backup", "--dir", "other"]).expect(0);
}

#[test]
fn a_disk_that_is_full_during_init_is_no_obstacle_afterwards() {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("disk")).expect("made");
    for pages in [1, 4, 12, 20, 24, 28] {
        let script = format!(
            "mount -t tmpfs -o size={}k tmpfs disk; \"$@\" && echo made || echo full; \
             mount -o remount,size=100m disk; \"$@\" || test -e disk/ca/anchor.json; \
             shift 2; \"$0\" ca token --dir disk/ca --subject alice; \"$0\" ca check --dir disk/ca >&2; exit",
            pages * 4
        );
        let done = run_in_sh(folder.path(), &script, &["ca", "init", "--dir", "disk/ca"]);
        assert_eq!(done.code, Some(0), "{pages} pages: {done:#?}");
        let first = done.stdout.lines().find(|line| matches!(*line, "made" | "full"));
        assert_eq!(first, Some("full"), "{pages} pages: {done:#?}");
    }
}

#[test]
fn on_a_full_disk_a_ledger_is_read_and_backed_up() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    fs::create_dir(folder.path().join("disk")).expect("made");
    let script = "mount -t tmpfs -o size=2m tmpfs disk; cp -a ca disk; \
        fill() { cat /dev/zero > disk/fill || true; }; \
        look() { \"$0\" ca list --dir disk/ca; \"$0\" ca backup --dir disk/ca --to $1; \
                 ! \"$0\" ca check --dir disk/ca; }; \
        fill; look stopped; rm disk/fill; \
        \"$0\" ca serve --dir disk/ca --listen 127.0.0.1:0 2> log & \
        until grep -q serving log; do sleep 0.05; kill -0 $!; done; \
        fill; look serving; kill -9 $!; look killed; rm -f disk/ca/ledger.sqlite-shm; look copied; exit";
    let done = run_in_sh(folder.path(), script, &[""]).expect(0);
    assert_eq!(done.stdout.matches("alice").count(), 4, "{done:#?}");
    assert_eq!(done.stdout.matches("1 in the ledger, 0 of them do not hold").count(), 4, "{done:#?}");
    // What is wrong is the room, and no backup is advised for that.
    assert_eq!(done.stdout.matches("BAD").count(), 4, "{done:#?}");
    assert!(!done.stderr.contains("--from FILE"), "{done:#?}");
    for backup in ["stopped", "serving", "killed", "copied"] {
        let to = format!("{backup}-ca");
        run(folder.path(), &["ca", "restore", "--from", backup, "--dir", &to]).expect(0);
        let listed = run(folder.path(), &["ca", "list", "--dir", &to]).expect(0);
        assert!(listed.stdout.contains("alice"), "{backup}: {}", listed.stdout);
    }
}
