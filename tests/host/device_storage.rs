//! A device whose storage fails or is full. It loses no issued certificate.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::rc::Rc;

use minipki_core::crypto::x25519;
use minipki_core::time::Now;
use minipki_device::{Folder, StartError, run};
use minipki_device_app::{Exit, IDENTITY};
use minipki_tests::ca::{chmod, mode};
use minipki_tests::device::{Errand, TestBoard, config};
use minipki_tests::device_remotes::{Remote, good, noon};
use minipki_tests::peers::trust;
use tempfile::TempDir;

fn board() -> TestBoard {
    TestBoard::new(Now::Exact(noon()))
}

/// An honest CA that records the requested keys.
fn recording(keys: &Rc<RefCell<Vec<x25519::PublicKey>>>) -> Remote {
    let keys = Rc::clone(keys);
    Remote::ca(&trust(), move |subject, key| {
        keys.borrow_mut().push(*key);
        good(subject, key)
    })
}

#[test]
fn a_failed_write_at_any_point_loses_no_key() {
    let mut whole = board().with_ca(Remote::ca(&trust(), good));
    assert_eq!(whole.run(&config(Errand::Enrol)), Exit::Done);
    let all = usize::MAX - whole.writes;
    assert!(all >= 5, "a key, two reservations, an identity, a time");
    for writes in 0..all {
        let keys = Rc::default();
        let mut first = board().with_ca(recording(&keys));
        first.writes = writes;
        assert_eq!(first.run(&config(Errand::Enrol)), Exit::Storage, "{writes}: {:?}", first.lines);
        assert!(first.key().is_some() || first.passed.is_empty(), "the key is stored before the request");
        let mut again = first.restarted().with_entropy(78).with_ca(recording(&keys));
        assert_eq!(again.run(&config(Errand::Enrol)), Exit::Done, "{writes}: {:?}", again.lines);
        assert!(keys.borrow().iter().all(|key| *key == keys.borrow()[0]), "{writes}: one key");
    }
}

#[test]
fn a_storage_that_is_full_ends_the_run_before_the_ca_is_asked() {
    let mut granted = false;
    for room in (0..3 * IDENTITY).step_by(4) {
        let mut board = board().with_ca(Remote::ca(&trust(), good));
        board.room = room;
        let exit = board.run(&config(Errand::Enrol));
        assert_eq!(exit == Exit::Storage, board.passed.is_empty(), "room {room}: {:?}", board.lines);
        assert!(exit == Exit::Storage && !granted || exit == Exit::Done, "room {room}: {:?}", board.lines);
        granted = exit == Exit::Done;
        if !granted && room % 256 == 0 {
            let mut again = board.restarted().with_ca(Remote::ca(&trust(), good));
            assert_eq!(again.run(&config(Errand::Enrol)), Exit::Done, "there is room now: {:?}", again.lines);
        }
    }
    assert!(granted, "three records fit");
}

/// Runs a device with this folder and an unreachable CA. Returns its exit and its report.
fn run_device(store: &Path) -> (Result<Exit, StartError>, Vec<String>) {
    let fingerprint = trust().fingerprint().to_string();
    let arguments = ["--ca", "127.0.0.1:1", "--fingerprint", &fingerprint, "--subject", "device", "--store"];
    let arguments = arguments.map(Into::into).into_iter().chain([store.as_os_str().to_owned()]);
    let mut lines = Vec::new();
    (run(arguments, |line| lines.push(line.to_string())), lines)
}

fn around() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_folder_that_others_can_reach_is_refused_and_not_changed() {
    let around = around();
    let (open, private, file) =
        (around.path().join("open"), around.path().join("private"), around.path().join("file"));
    for (folder, bits) in [(&open, 0o755), (&private, 0o700)] {
        fs::create_dir(folder).expect("a new folder");
        chmod(folder, bits);
    }
    for bits in [0o755, 0o710, 0o701, 0o1777] {
        chmod(&open, bits);
        let (exit, lines) = run_device(&open);
        let error = exit.expect_err("refused");
        assert_eq!((error.exit(), lines.len()), (Exit::Storage, 0));
        let text = error.to_string();
        assert!(text.contains(&format!("mode {bits:04o}")) && !text.contains("usage"), "{text}");
        assert_eq!(
            (mode(&open), fs::read_dir(&open).expect("a folder").count()),
            (bits, 0),
            "nothing was changed"
        );
        // The advice works.
        let advised = text.rsplit_once("--store \"").expect("advice").1.trim_end_matches('"');
        assert_eq!(run_device(advised.as_ref()).0, Ok(Exit::CaUnreachable));
        fs::remove_dir_all(advised).expect("the folder exists");
    }
    assert_eq!(run_device(&private).0, Ok(Exit::CaUnreachable), "a private folder is used");
    fs::write(&file, "").expect("a file");
    assert!(run_device(&file).0.is_err_and(|error| error.to_string().contains("file")), "it is no folder");
}

#[test]
fn a_record_that_others_can_reach_or_that_cannot_be_read_is_not_replaced() {
    let around = around();
    let store = around.path().join("store");
    assert_eq!(run_device(&store).0, Ok(Exit::CaUnreachable));
    let (identity, kept) = (store.join("identity"), around.path().join("kept"));
    let stored = fs::read(&identity).expect("a key");
    let refused = |case: &str| {
        let (exit, lines) = run_device(&store);
        assert_eq!(exit, Ok(Exit::Storage), "{case}: {lines:?}");
        assert!(lines[0].starts_with("storage: ") && lines[0].contains("identity"), "{case}: {lines:?}");
    };
    chmod(&identity, 0o640);
    refused("a mode");
    assert_eq!((mode(&identity), fs::read(&identity).expect("the file exists")), (0o640, stored.clone()));
    fs::rename(&identity, &kept).expect("a move");
    chmod(&kept, 0o600);
    symlink(&kept, &identity).expect("a link");
    refused("a link");
    fs::remove_file(&identity).expect("the link");
    fs::write(&identity, [&stored[..], b"x"].concat()).expect("a file");
    chmod(&identity, 0o600);
    refused("a longer file");
    fs::remove_file(&identity).expect("the file");
    fs::create_dir(&identity).expect("a folder");
    chmod(&identity, 0o700);
    refused("a folder");
    fs::remove_dir(&identity).expect("the folder");
    fs::rename(&kept, &identity).expect("a move");
    assert_eq!(run_device(&store).0, Ok(Exit::CaUnreachable));
    assert_eq!(fs::read(&identity).expect("the file exists"), stored, "the same key");
}

#[test]
fn room_is_reserved_on_disk_before_the_ca_is_asked() {
    let around = around();
    let store = around.path().join("store");
    let blocked = store.join("identity.new");
    assert_eq!(run_device(&store).0, Ok(Exit::CaUnreachable));
    assert_eq!(fs::metadata(&blocked).expect("the file is reserved").len(), IDENTITY as u64);
    assert_eq!((mode(&blocked), mode(&store.join("identity"))), (0o600, 0o600));
    // A folder of this name prevents the write, as a full disk would.
    fs::remove_file(&blocked).expect("the file exists");
    fs::create_dir(&blocked).expect("a folder");
    let (exit, lines) = run_device(&store);
    assert_eq!(exit, Ok(Exit::Storage));
    assert!(!lines.iter().any(|line| line.starts_with("enrolling")), "{lines:?}");
}

#[test]
fn one_folder_serves_one_device() {
    let around = around();
    let store = around.path().join("store");
    let first = Folder::open(&store).expect("a new folder");
    let text = run_device(&store).0.expect_err("in use").to_string();
    assert!(text.starts_with("another device uses the folder"), "{text}");
    drop(first);
    assert_eq!(run_device(&store).0, Ok(Exit::CaUnreachable));
}
