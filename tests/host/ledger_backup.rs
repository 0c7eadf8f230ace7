//! Backup and restore: they contain every answer, and an interruption does no harm.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_tests::ca::mode;
use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::{Done, run, start};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::kill::{Load, serial, serve};

const BACKUP: [&str; 6] = ["ca", "backup", "--dir", "ca", "--to", "backup"];
const TOKEN: [&str; 7] = ["ca", "token", "--dir", "ca", "--subject", "alice", "--json"];

fn made() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    folder
}

fn restore(folder: &Path, to: &str, more: &[&str]) -> Done {
    run(folder, &[&["ca", "restore", "--from", "backup", "--dir", to, "--json"], more].concat())
}

fn listed(folder: &Path, dir: &str) -> Vec<u64> {
    let done = run(folder, &["ca", "list", "--dir", dir, "--json"]).expect(0);
    let rows: Value = serde_json::from_str(&done.stdout).expect("JSON");
    rows.as_array()
        .expect("an array")
        .iter()
        .map(|row| row["serial_number"].as_u64().expect("a number"))
        .collect()
}

fn tokens(folder: &Path, dir: &str) -> String {
    let done = run(folder, &["ca", "list", "--dir", dir]).expect(0);
    done.stderr.split("; ").nth(1).expect("counts").trim().to_owned()
}

fn sh(folder: &Path, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(folder).status().expect("sh runs");
    assert!(done.success(), "{script}");
}

#[test]
fn a_backup_under_load_holds_all_that_was_answered_before_it() {
    let folder = made();
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (server, address) = serve(folder.path());
    // The first round ends before the backup. The second round runs during it.
    let load = Load::start(&runtime, address, &anchor, 0, 16);
    runtime.block_on(load.granted(40));
    load.stop();
    let before = runtime.block_on(load.end());
    let load = Load::start(&runtime, address, &anchor, 1, 16);
    runtime.block_on(load.granted(10));
    run(folder.path(), &BACKUP).expect(0);
    runtime.block_on(load.granted(20));
    server.stop().expect(0);
    runtime.block_on(load.end());

    assert_eq!(mode(&folder.path().join("backup")), 0o600);
    restore(folder.path(), "restored", &[]).expect(0);
    let restored: HashSet<u64> = listed(folder.path(), "restored").into_iter().collect();
    for certificate in &before {
        let serial = serial(certificate);
        assert!(restored.contains(&serial.to_u64().expect("53 bits")), "an answer is missing in the backup");
    }
    run(folder.path(), &["ca", "check", "--dir", "restored"]).expect(0);
    let key = |dir: &str| fs::read(folder.path().join(dir).join("ca-key.pem")).expect("a key");
    assert_eq!(key("ca"), key("restored"));
    assert_eq!(mode(&folder.path().join("restored")), 0o700);
    for (name, expected) in [("ca-key.pem", 0o600), ("ledger.sqlite", 0o600), ("anchor.json", 0o644)] {
        assert_eq!(mode(&folder.path().join("restored").join(name)), expected, "{name}");
    }
}

#[test]
fn tokens_of_a_backup_are_revoked_unless_they_are_kept() {
    let folder = made();
    run(folder.path(), &TOKEN).expect(0);
    run(folder.path(), &BACKUP).expect(0);
    restore(folder.path(), "revoked", &[]).expect(0);
    assert_eq!(tokens(folder.path(), "revoked"), "0 tokens can be used");
    let kept = restore(folder.path(), "kept", &["--keep-tokens"]).expect(0);
    assert_eq!(tokens(folder.path(), "kept"), "1 tokens can be used");
    assert!(kept.stderr.contains("have been used since"), "{}", kept.stderr);
}

#[test]
fn ordinary_tools_unpack_and_check_a_backup() {
    let folder = made();
    run(folder.path(), &BACKUP).expect(0);
    let script = "mkdir out && tar xf backup -C out && cd out && sha256sum -c SHA256SUMS && cmp ca-key.pem ../ca/ca-key.pem";
    let done = Command::new("sh").args(["-ec", script]).current_dir(folder.path()).output().expect("sh runs");
    assert!(done.status.success(), "{done:?}");
    // Nothing that exists is overwritten.
    let again = run(folder.path(), &BACKUP).expect(1);
    assert!(again.stderr.contains("never overwrites"), "{}", again.stderr);
}

#[test]
fn a_backup_that_is_not_whole_changes_nothing() {
    let folder = made();
    run(folder.path(), &BACKUP).expect(0);
    let whole = fs::read(folder.path().join("backup")).expect("a file");
    let mut changed = Vec::new();
    // These positions are in names and contents. The padding of a tar archive has no meaning.
    for at in [0, 520, 1030, 1600, 3000, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        changed.push(bytes);
    }
    changed.extend([0, 100, 512, 5000, whole.len() / 2].map(|length| whole[..length].to_vec()));
    for bytes in changed {
        fs::write(folder.path().join("backup"), bytes).expect("written");
        let refused = restore(folder.path(), "restored", &[]).expect(1).stderr;
        // The start of an archive, which has its mark at byte 257, is needed to see that it is one.
        let reasons = ["is not a whole backup", "and the backup of a CA is expected"];
        assert!(reasons.iter().any(|reason| refused.contains(reason)), "{refused}");
        assert!(!folder.path().join("restored").exists(), "the new folder is removed again");
    }
}

/// With extensions of the tar format, a file of some kilobytes can claim any size.
#[test]
fn a_backup_that_claims_more_than_it_has_is_refused_before_it_is_written() {
    let folder = made();
    run(folder.path(), &BACKUP).expect(0);
    let whole = fs::read(folder.path().join("backup")).expect("a file");
    let ledger = (0..whole.len()).step_by(512).find(|at| whole[*at..].starts_with(b"ledger.sqlite\0"));
    let ledger = ledger.expect("the header of the ledger's entry");
    // A size of 8 GiB, a sparse file, and a long name in a body of its own.
    let changes: [(usize, &[u8]); 3] = [(124, b"77777777777"), (156, b"S"), (156, b"L")];
    for (at, bytes) in changes {
        let mut changed = whole.clone();
        changed[ledger + at..][..bytes.len()].copy_from_slice(bytes);
        // The checksum counts its own field as blanks.
        changed[ledger + 148..][..8].fill(b' ');
        let sum: u32 = changed[ledger..][..512].iter().map(|byte| u32::from(*byte)).sum();
        changed[ledger + 148..][..8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        fs::write(folder.path().join("backup"), changed).expect("written");
        let refused = restore(folder.path(), "restored", &[]).expect(1);
        assert!(refused.stderr.contains("is not a plain file of this archive"), "{}", refused.stderr);
    }
}

#[test]
fn a_restore_into_its_own_folder_needs_a_lost_ledger_or_the_option() {
    let folder = made();
    run(folder.path(), &BACKUP).expect(0);
    let sound = restore(folder.path(), "ca", &[]).expect(1);
    assert!(sound.stderr.contains("--replace"), "{}", sound.stderr);
    let (server, _) = serve(folder.path());
    let served = restore(folder.path(), "ca", &["--replace"]).expect(1);
    assert!(served.stderr.contains("another process issues from"), "{}", served.stderr);
    server.stop().expect(0);

    let replaced = restore(folder.path(), "ca", &["--replace"]).expect(0);
    let replaced: Value = serde_json::from_str(&replaced.stdout).expect("JSON");
    let old = folder.path().join(replaced["replaced_file"].as_str().expect("a name"));
    assert!(old.is_file(), "the ledger that was there is kept: {}", old.display());

    for lost in [None, Some("noise, not a ledger at all, but long enough to be taken for one".repeat(99))] {
        let ledger = folder.path().join("ca/ledger.sqlite");
        fs::remove_file(&ledger).expect("removed");
        if let Some(noise) = lost {
            fs::write(&ledger, noise).expect("written");
            fs::set_permissions(&ledger, fs::Permissions::from_mode(0o600)).expect("set");
        }
        restore(folder.path(), "ca", &[]).expect(0);
        serve(folder.path()).0.stop().expect(0);
    }

    // The folder of another CA, and a folder with other files.
    run(folder.path(), &["ca", "init", "--dir", "other"]).expect(0);
    let other = restore(folder.path(), "other", &["--replace"]).expect(1);
    assert!(other.stderr.contains("restore it into another folder"), "{}", other.stderr);
    fs::create_dir(folder.path().join("documents")).expect("made");
    fs::write(folder.path().join("documents/letter"), "dear").expect("written");
    let documents = restore(folder.path(), "documents", &[]).expect(1);
    assert!(documents.stderr.contains("holds no CA"), "{}", documents.stderr);
    assert_eq!(fs::read_dir(folder.path().join("documents")).expect("a folder").count(), 1);
}

#[test]
fn a_restore_killed_at_any_write_is_completed_by_the_next() {
    let folder = made();
    run(folder.path(), &TOKEN).expect(0);
    run(folder.path(), &BACKUP).expect(0);
    let arguments = ["ca", "restore", "--from", "backup", "--dir", "new", "--replace"];
    let fresh = |dir: &str| {
        // The folder may not exist.
        let _ = fs::remove_dir_all(folder.path().join(dir));
    };
    let kills = at_each(WRITES, |point| {
        fresh("new");
        let done = point.run(folder.path(), &arguments);
        // An incomplete folder is not used.
        if done.is_none() && !folder.path().join("new/anchor.json").exists() {
            run(folder.path(), &["ca", "list", "--dir", "new"]).expect(1);
        }
        run(folder.path(), &arguments).expect(0);
        run(folder.path(), &["ca", "check", "--dir", "new"]).expect(0);
        assert_eq!(tokens(folder.path(), "new"), "0 tokens can be used", "{point:?}");
        done
    });
    assert!(kills > 20, "only {kills} kills");

    // Over the ledger of the same CA. A kill leaves the old ledger, no ledger or the restored one.
    let arguments = ["ca", "restore", "--from", "backup", "--dir", "ca", "--replace"];
    let kills = at_each(&["rename", "fsync", "unlink"], |point| {
        let done = point.run(folder.path(), &arguments);
        let left = run(folder.path(), &["ca", "check", "--dir", "ca"]);
        assert!(left.code == Some(0) || left.stdout.contains("does not exist"), "{point:?}: {left:#?}");
        run(folder.path(), &arguments).expect(0);
        run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 5, "only {kills} kills");
}

#[test]
fn a_backup_killed_at_any_write_leaves_no_partial_backup() {
    let folder = made();
    let kills = at_each(&["pwrite64", "fsync", "renameat2", "unlink"], |point| {
        let done = point.run(folder.path(), &BACKUP);
        // The name has a complete backup or does not exist.
        if folder.path().join("backup").exists() {
            restore(folder.path(), "restored", &[]).expect(0);
            fs::remove_dir_all(folder.path().join("restored")).expect("removed");
            fs::remove_file(folder.path().join("backup")).expect("removed");
        }
        done
    });
    assert!(kills > 5, "only {kills} kills");
    run(folder.path(), &BACKUP).expect(0);
    assert!(parts(folder.path()).is_empty(), "{:?}", parts(folder.path()));
}

/// The files of unfinished backups.
fn parts(folder: &Path) -> Vec<OsString> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().contains("part"))
        .collect()
}

#[test]
fn a_restore_killed_at_any_rename_keeps_the_old_ledger_with_its_log() {
    let folder = made();
    run(folder.path(), &BACKUP).expect(0);
    let (server, _) = serve(folder.path());
    // A killed server leaves its log.
    drop(server);
    sh(folder.path(), "mv ca template");
    let template = folder.path().join("template");
    let [ledger, log] =
        ["ledger.sqlite", "ledger.sqlite-wal"].map(|name| fs::read(template.join(name)).expect("a file"));
    assert!(!log.is_empty());
    let arguments = ["ca", "restore", "--from", "backup", "--dir", "ca", "--replace"];
    let kills = at_each(&["rename"], |point| {
        sh(folder.path(), "rm -rf ca && cp -a template ca");
        let done = point.run(folder.path(), &arguments);
        run(folder.path(), &arguments).expect(0);
        run(folder.path(), &["ca", "check", "--dir", "ca"]).expect(0);
        let kept = fs::read_dir(folder.path().join("ca")).expect("a folder").any(|entry| {
            let entry = entry.expect("an entry");
            let holds = |name: &str, content: &[u8]| {
                fs::read(entry.path().join(name)).is_ok_and(|found| found == content)
            };
            entry.file_name().to_string_lossy().contains(".replaced-")
                && holds("ledger.sqlite", &ledger)
                && holds("ledger.sqlite-wal", &log)
        });
        assert!(kept, "{point:?}: the old ledger and its log are not together");
        assert!(!folder.path().join("ca/ledger.sqlite.replacing").exists(), "{point:?}");
        done
    });
    assert!(kills >= 3, "only {kills} kills");
}

#[test]
fn two_simultaneous_backups_to_one_name_give_one_complete_backup_and_one_error() {
    let folder = made();
    for round in 0..8 {
        let both = [start(folder.path(), &BACKUP), start(folder.path(), &BACKUP)];
        let both = both.map(|backup| backup.wait());
        let failed: Vec<_> = both.iter().filter(|done| done.code != Some(0)).collect();
        let [failed] = failed[..] else { panic!("round {round}: {both:#?}") };
        assert!(failed.stderr.contains("never overwrites"), "round {round}: {}", failed.stderr);
        restore(folder.path(), "restored", &[]).expect(0);
        fs::remove_dir_all(folder.path().join("restored")).expect("removed");
        fs::remove_file(folder.path().join("backup")).expect("removed");
        assert!(parts(folder.path()).is_empty(), "round {round}: {:?}", parts(folder.path()));
    }
}
