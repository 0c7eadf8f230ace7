//! A ledger that cannot be written: the folder is read-only, the disk is full, or another process locks the ledger.

use std::fs;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::wire::Code;
use minipki_tests::program::{run, run_in_sh, start};
use minipki_tests::server::{PROVEN, enrol, pair, soon};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::ledger_files::{LIST, SERVE, TOKEN, issue, made, refused};

#[test]
fn a_read_only_folder_is_listed_and_not_served() {
    let folder = made();
    issue(folder.path(), &["alice"]);
    // Each command has a mount of its own.
    let mount = "mount --bind ca ca && mount -o remount,ro,bind ca";
    let read_only = |arguments: &[&str]| run_in_sh(folder.path(), mount, arguments);
    let listed = read_only(&LIST).expect(0);
    assert!(listed.stdout.contains("alice"), "{}", listed.stdout);
    read_only(&["ca", "fingerprint", "--dir", "ca"]).expect(0);
    read_only(&["ca", "check", "--dir", "ca"]).expect(0);
    refused(read_only(&SERVE), "is read-only");
    refused(read_only(&TOKEN), "is read-only");
    read_only(&["ca", "backup", "--dir", "ca", "--to", "backup"]).expect(0);
    run(folder.path(), &["ca", "restore", "--from", "backup", "--dir", "other"]).expect(0);
}

#[test]
fn an_init_on_a_full_disk_can_be_repeated() {
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
    assert_eq!(done.stdout.matches("1 in the ledger, 0 of them are invalid").count(), 4, "{done:#?}");
    // The error is the full disk. A restore is not advised.
    assert_eq!(done.stdout.matches("BAD").count(), 4, "{done:#?}");
    assert!(!done.stderr.contains("--from FILE"), "{done:#?}");
    for backup in ["stopped", "serving", "killed", "copied"] {
        let to = format!("{backup}-ca");
        run(folder.path(), &["ca", "restore", "--from", backup, "--dir", &to]).expect(0);
        let listed = run(folder.path(), &["ca", "list", "--dir", &to]).expect(0);
        assert!(listed.stdout.contains("alice"), "{backup}: {}", listed.stdout);
    }
}

#[tokio::test]
async fn while_another_process_locks_the_ledger_clients_get_busy_and_the_ca_still_runs() {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let mut server = start(folder.path(), &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    let ask = async |name, byte| {
        let mut stream = soon(TcpStream::connect(&address)).await.expect("a connection");
        soon(enrol(&mut stream, &anchor, name, &pair(byte), PROVEN)).await.expect("an answer")
    };
    let alice = ask("alice", 1).await.granted();

    let other = rusqlite::Connection::open(folder.path().join("ca/ledger.sqlite")).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let token = start(folder.path(), &["ca", "token", "--dir", "ca", "--subject", "carol"]);
    for _ in 0..2 {
        assert_eq!(ask("bob", 2).await.refused(), Code::Busy);
    }
    // A repeated answer needs no write.
    assert_eq!(ask("alice", 1).await.granted(), alice);
    let refused = token.wait().expect(1).stderr;
    assert!(refused.contains("another process holds the ledger"), "{refused}");
    assert!(refused.contains("next: wait until it has finished, then try again"), "{refused}");
    other.execute_batch("ROLLBACK").expect("the lock was held");

    ask("bob", 2).await.granted();
    let log = server.stop().expect(0).stderr;
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("nothing can be issued for now"), 1, "{log}");
    assert_eq!(lines("certificates can be issued again refused=2"), 1, "{log}");
}
