//! `ca restore` into the folder of the same CA. It restores lost and damaged files and changes no others.

use std::fs;
use std::path::Path;

use minipki_tests::ca::chmod;
use minipki_tests::program::{Done, run, start};
use serde_json::Value;
use tempfile::TempDir;

use super::client_folder::names;

const KEY: &str = "ca-key.pem";
const PUBLIC: &str = "ca-public.pem";
const ANCHOR: &str = "anchor.json";
const SMALL: [&str; 3] = [KEY, PUBLIC, ANCHOR];

/// A CA, and the file `backup` from before its only token. The CA's folder also has a file of another program.
fn made() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    run(at, &["ca", "backup", "--dir", "ca", "--to", "backup"]).expect(0);
    run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0);
    fs::write(at.join("ca/notes"), "mine").expect("written");
    folder
}

fn restore(at: &Path, more: &[&str]) -> Done {
    run(at, &[&["ca", "restore", "--from", "backup", "--dir", "ca", "--json"], more].concat())
}

fn tokens(at: &Path) -> String {
    let done = run(at, &["ca", "list", "--dir", "ca"]).expect(0);
    done.stderr.split("; ").nth(1).expect("counts").trim().to_owned()
}

fn contents(at: &Path) -> [Vec<u8>; 3] {
    SMALL.map(|name| fs::read(at.join("ca").join(name)).expect("a file"))
}

/// The name and the content of each replaced file.
fn set_aside(at: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(at.join("ca"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.split_once(".replaced-")?.0.to_owned();
            Some((name, fs::read(&path).expect("a file")))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn missing_files_are_restored_and_the_sound_ledger_stays() {
    let lost: [&[&str]; 6] = [&[KEY], &[PUBLIC], &[ANCHOR], &[KEY, ANCHOR], &[PUBLIC, ANCHOR], &SMALL];
    for content in [None, Some(""), Some("noise")] {
        let folder = made();
        let at = folder.path();
        let before = contents(at);
        for names in lost {
            for name in names {
                let file = at.join("ca").join(name);
                match content {
                    None => fs::remove_file(&file).expect("removed"),
                    Some(noise) => fs::write(&file, noise).expect("written"),
                }
            }
            let done = restore(at, &[]).expect(0);
            let report: Value = serde_json::from_str(&done.stdout).expect("JSON");
            assert_eq!(report["kept_ledger"], true, "{names:?}: {report}");
            assert_eq!(report["put_back"].as_array().map(Vec::len), Some(names.len()), "{names:?}: {report}");
            assert_eq!(contents(at), before, "{names:?}");
            assert_eq!(tokens(at), "1 tokens can be used", "{names:?}: the newer ledger");
            run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        }
        let kept = set_aside(at);
        let expected = if content.is_some() { lost.concat().len() } else { 0 };
        assert_eq!(kept.len(), expected, "{kept:?}");
        assert!(kept.iter().all(|(_, kept)| Some(&kept[..]) == content.map(str::as_bytes)), "{kept:?}");
    }
}

#[test]
fn a_ledger_of_a_wrong_mode_is_not_replaced() {
    let folder = made();
    let at = folder.path();
    let ledger = at.join("ca/ledger.sqlite");
    let before = fs::read(&ledger).expect("a ledger");
    chmod(&ledger, 0o644);
    for lost in [None, Some(ANCHOR), Some(KEY)] {
        if let Some(name) = lost {
            fs::remove_file(at.join("ca").join(name)).expect("removed");
        }
        let refused = restore(at, &[]).expect(1);
        assert!(refused.stderr.contains("chmod 600 ca/ledger.sqlite"), "{}", refused.stderr);
        assert_eq!(fs::read(&ledger).expect("a ledger"), before, "{lost:?}");
    }
    chmod(&ledger, 0o600);
    restore(at, &[]).expect(0);
    assert_eq!(tokens(at), "1 tokens can be used");
    // A complete CA is replaced only with the option.
    let sound = restore(at, &[]).expect(1);
    assert!(sound.stderr.contains("--replace"), "{}", sound.stderr);
    restore(at, &["--replace"]).expect(0);
    assert_eq!(tokens(at), "0 tokens can be used");
}

#[test]
fn a_folder_of_another_ca_is_recognized_by_its_remaining_files() {
    let folder = made();
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "other"]).expect(0);
    for lost in [PUBLIC, KEY, ANCHOR] {
        fs::remove_file(at.join("other").join(lost)).expect("removed");
        let refused = run(at, &["ca", "restore", "--from", "backup", "--dir", "other"]).expect(1);
        assert!(refused.stderr.contains("restore it into another folder"), "{}", refused.stderr);
        assert!(!at.join("other").join(lost).exists(), "nothing is put there");
    }
}

#[test]
fn a_backup_is_advised_only_where_content_is_damaged_or_lost() {
    let folder = made();
    let at = folder.path();
    let ledger = at.join("ca/ledger.sqlite");
    let checked = || run(at, &["ca", "check", "--dir", "ca"]).expect(1);
    let advises = |done: &Done| {
        [&done.stdout, &done.stderr]
            .iter()
            .any(|text| text.contains("minipki ca restore --from FILE --dir ca"))
    };
    chmod(&ledger, 0o644);
    let mode = checked();
    assert!(mode.stdout.contains("chmod 600") && !advises(&mode), "{mode:?}");
    chmod(&ledger, 0o600);
    for name in SMALL.iter().filter(|name| **name != PUBLIC) {
        let file = at.join("ca").join(name);
        let content = fs::read(&file).expect("a file");
        fs::write(&file, "noise").expect("written");
        let damaged = checked();
        assert!(advises(&damaged) && !damaged.stdout.contains("openssl"), "{damaged:?}");
        fs::write(&file, content).expect("written");
    }
    fs::write(&ledger, "noise").expect("written");
    assert!(advises(&checked()));
}

#[test]
fn a_backup_is_not_restored_into_the_folder_of_a_client() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    run(at, &["ca", "backup", "--dir", "ca", "--to", "ca.tar"]).expect(0);
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    let enroll =
        ["enroll", "--ca", &address, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "alice"];
    run(at, &enroll).expect(0);
    let before = names(&at.join("alice"));
    let refused = run(at, &["ca", "restore", "--from", "ca.tar", "--dir", "alice"]).expect(1).stderr;
    assert!(refused.contains("holds no CA") && refused.contains("--dir alice-restored"), "{refused}");
    assert_eq!(names(&at.join("alice")), before);
    server.stop().expect(0);
}
