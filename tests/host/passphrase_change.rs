//! A new passphrase for the key of a CA or an identity: at a terminal, under kills, and while the CA serves.

use std::fs::{self, File};
use std::path::Path;

use minipki_client::change_passphrase;
use minipki_core::crypto::rsa::KeySize;
use minipki_keys::CaFolder;
use minipki_passphrase::Passphrase;
use minipki_provider::HostProvider;
use minipki_tests::ca::{mode, openssl_key};
use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::{folder_with_alice, run, start, start_with_tty};
use tempfile::TempDir;

use super::client_folder::names;
use super::keys_at_rest::{by_openssl, passphrase};
use super::passphrase::{folder_with_encrypted_ca, write};

/// Whether the key of the CA in `folder` opens.
fn ca_opens(folder: &Path, passphrase: Option<Passphrase>) -> bool {
    CaFolder::open(folder).expect("a CA").with_passphrase(passphrase).check_key().is_ok()
}

/// Whether the key of the identity in `folder` opens.
fn identity_opens(folder: &Path, passphrase: Option<&Passphrase>) -> bool {
    minipki_client::read_key(HostProvider::Portable, &folder.join("key.pem"), passphrase).is_ok()
}

fn is_encrypted(path: &Path) -> bool {
    minipki_passphrase::is_encrypted(&fs::read(path).expect("a file"))
}

#[test]
fn a_passphrase_is_set_changed_and_removed_and_a_wrong_one_changes_nothing() {
    let folder = folder_with_alice();
    let at = folder.path();
    for (name, text) in [("one", "one"), ("two", "two")] {
        write(at, name, text);
    }
    for (command, key) in [
        (["ca", "passphrase", "--dir", "ca"].as_slice(), "ca/ca-key.pem"),
        (["passphrase", "--identity", "alice"].as_slice(), "alice/key.pem"),
    ] {
        let change = |options: &[&str]| run(at, &[command, options].concat());
        let key = at.join(key);
        let plain = fs::read(&key).expect("a file");
        let refused = change(&[]).expect(2).stderr;
        assert!(refused.contains("--new-passphrase-file FILE"), "{refused}");
        change(&["--new-passphrase-file", "one"]).expect(0);
        assert!(is_encrypted(&key));
        assert_eq!(mode(&key), 0o600);
        let first = fs::read(&key).expect("a file");
        for wrong in [&["--passphrase-file", "two"][..], &[]] {
            for new in [&["--new-passphrase-file", "two"][..], &["--remove"]] {
                let refused = change(&[wrong, new].concat()).expect(1).stderr;
                let expected = if wrong.is_empty() { "there is no passphrase" } else { "is wrong" };
                assert!(refused.contains(expected), "{refused}");
                assert_eq!(fs::read(&key).expect("a file"), first);
            }
        }
        change(&["--passphrase-file", "one", "--new-passphrase-file", "two"]).expect(0);
        change(&["--passphrase-file", "one", "--remove"]).expect(1);
        change(&["--passphrase-file", "two", "--remove"]).expect(0);
        assert_eq!(fs::read(&key).expect("a file"), plain);
        // Again, with nothing to remove.
        change(&["--remove"]).expect(0);
        change(&["--remove", "--new-passphrase-file", "one"]).expect(2);
        assert_eq!(fs::read(&key).expect("a file"), plain);
    }
    assert_eq!(
        names(&at.join("alice")),
        ["anchor.json", "ca.json", "certificate.json", "key.pem", "renewal.lock"]
    );
}

#[test]
fn a_change_that_is_killed_at_any_moment_leaves_a_key_with_the_old_or_the_new_passphrase() {
    let folder = folder_with_alice();
    let at = folder.path();
    write(at, "old", "right");
    write(at, "new", "new");
    let (old, new) = (passphrase("right"), passphrase("new"));
    let files = ["--passphrase-file", "old", "--new-passphrase-file", "new"];
    // Fast to open.
    let key = at.join("ca/ca-key.pem");
    let encrypted = by_openssl(&fs::read(&key).expect("a file"), &["-iter", "1"]);
    let command = [&["ca", "passphrase", "--dir", "ca"], &files[..]].concat();
    let mut seen = [false; 2];
    let kills = at_each(WRITES, |point| {
        fs::write(&key, &encrypted).expect("written");
        let done = point.run(at, &command);
        let found = [&old, &new].map(|one| ca_opens(&at.join("ca"), Some(one.clone())));
        assert!(found == [true, false] || found == [false, true], "{point:?}: {found:?}");
        seen = [seen[0] | found[0], seen[1] | found[1]];
        // The same command succeeds, or tells that it has been done.
        let code = run(at, &command).code;
        assert_eq!(code, Some(if found[0] { 0 } else { 1 }), "{point:?}");
        done
    });
    assert!(kills >= 4 && seen == [true, true], "{kills} kills, {seen:?}");

    let key = at.join("alice/key.pem");
    let encrypted = by_openssl(&fs::read(&key).expect("a file"), &["-iter", "1"]);
    let command = ["passphrase", "--identity", "alice", "--passphrase-file", "old", "--remove"];
    let mut seen = [false; 2];
    at_each(WRITES, |point| {
        fs::write(&key, &encrypted).expect("written");
        let done = point.run(at, &command);
        let found = [identity_opens(&at.join("alice"), Some(&old)), !is_encrypted(&key)];
        assert!(found[0], "{point:?}: {found:?}");
        seen = [seen[0] | !found[1], seen[1] | found[1]];
        run(at, &command).expect(0);
        assert!(identity_opens(&at.join("alice"), None), "{point:?}");
        done
    });
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_change_while_the_ca_serves_disturbs_nothing_and_counts_at_the_next_start() {
    let folder = folder_with_encrypted_ca();
    let at = folder.path();
    write(at, "new", "new");
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0", "--passphrase-file"];
    let mut server = start(at, &[&serve[..], &["right"]].concat());
    let ca = server.address("serving");
    let change = ["ca", "passphrase", "--dir", "ca", "--passphrase-file", "right"];
    run(at, &[&change[..], &["--new-passphrase-file", "new"]].concat()).expect(0);
    let enroll =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "alice"];
    run(at, &enroll).expect(0);
    server.stop().expect(0);
    run(at, &[&serve[..], &["right"]].concat()).expect(1);
    let mut server = start(at, &[&serve[..], &["new"]].concat());
    server.address("serving");
    server.stop().expect(0);
}

#[test]
fn two_changes_at_once_exclude_each_other() {
    let folder = folder_with_alice();
    let at = folder.path();
    let ca = CaFolder::open(&at.join("ca")).expect("a CA");
    for (file, ca) in [("ca/ca-key.pem", Some(&ca)), ("alice/key.pem", None)] {
        let before = fs::read(at.join(file)).expect("a file");
        let other = File::open(at.join(file)).expect("opened");
        other.try_lock().expect("locked");
        let new = passphrase("new");
        let refused = match ca {
            Some(ca) => ca.change_passphrase(Some(&new)).expect_err("busy").to_string(),
            None => change_passphrase(&at.join("alice"), None, Some(&new)).expect_err("busy").to_string(),
        };
        assert!(refused.contains("another process changes the passphrase"), "{refused}");
        assert_eq!(fs::read(at.join(file)).expect("a file"), before);
    }
}

#[test]
fn a_passphrase_is_typed_at_a_terminal_without_echo() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let key = at.join("ca/ca-key.pem");
    let plain = fs::read(&key).expect("a file");
    let command = ["ca", "passphrase", "--dir", "ca"];

    let (program, mut terminal) = start_with_tty(at, &command);
    let mut shown = terminal.shows("New passphrase: ");
    terminal.types("typed-7f3a");
    shown += &terminal.shows("The same again: ");
    terminal.types("typed-7f3a");
    let done = program.wait().expect(0);
    assert!(!shown.contains("typed") && !format!("{done:?}").contains("typed"), "{shown} {done:?}");
    assert!(ca_opens(&at.join("ca"), Some(passphrase("typed-7f3a"))));

    // Ctrl-C, and two texts that differ, change nothing.
    let encrypted = fs::read(&key).expect("a file");
    let (program, mut terminal) = start_with_tty(at, &command);
    terminal.shows("Passphrase of ca/ca-key.pem: ");
    terminal.presses(3);
    program.wait().expect(130);
    let (program, mut terminal) = start_with_tty(at, &command);
    terminal.shows("Passphrase of ca/ca-key.pem: ");
    terminal.types("typed-7f3a");
    terminal.shows("New passphrase: ");
    terminal.types("one");
    terminal.shows("The same again: ");
    terminal.types("two");
    assert!(program.wait().expect(1).stderr.contains("the two passphrases differ"));
    assert_eq!(fs::read(&key).expect("a file"), encrypted);

    let (program, mut terminal) = start_with_tty(at, &[&command[..], &["--remove"]].concat());
    terminal.shows("Passphrase of ca/ca-key.pem: ");
    terminal.types("typed-7f3a");
    program.wait().expect(0);
    assert_eq!(fs::read(&key).expect("a file"), plain);
}

#[test]
fn a_key_that_is_not_the_anchors_gets_no_passphrase() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    write(at, "new", "new");
    let other = String::from_utf8(openssl_key(KeySize::Bits2048).to_vec()).expect("text");
    write(at, "ca/ca-key.pem", &other);
    let change = ["ca", "passphrase", "--dir", "ca", "--new-passphrase-file", "new"];
    let refused = run(at, &change).expect(1).stderr;
    assert!(refused.contains("the anchor beside it has the key"), "{refused}");
    assert_eq!(fs::read_to_string(at.join("ca/ca-key.pem")).expect("a file"), other);
}
