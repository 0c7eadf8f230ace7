//! The change of the CA's key and the other commands for its folder: passphrases, backups, restores and checks.

use std::fs;
use std::path::Path;

use minipki_core::crypto::rsa::KeySize;
use minipki_tests::ca::{chmod, mode, openssl_key};
use minipki_tests::program::{Done, run, start};

use super::client_folder::names;
use super::passphrase::write;
use super::rollover::{
    AFTER_COMMIT, RENAMES, ROLLOVER, copy, fingerprint, former_file, interrupted, made, rollover,
};

fn backup(at: &Path, to: &str) -> Done {
    run(at, &["ca", "backup", "--dir", "ca", "--to", to])
}

fn restore(at: &Path, from: &str, dir: &str, more: &[&str]) -> Done {
    run(at, &[&["ca", "restore", "--from", from, "--dir", dir], more].concat())
}

fn check(at: &Path) -> Done {
    run(at, &["ca", "check", "--dir", "ca"])
}

fn start_and_stop(at: &Path, more: &[&str]) {
    let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
    let mut server = start(at, &[&serve[..], more].concat());
    server.address("serving");
    server.stop().expect(0);
}

fn is_encrypted(at: &Path, name: &str) -> bool {
    minipki_passphrase::is_encrypted(&fs::read(at.join("ca").join(name)).expect("a key"))
}

/// The key files of a CA.
fn keys(at: &Path) -> Vec<String> {
    let is_key = |name: &String| name.starts_with("ca-key") && name.ends_with(".pem");
    names(&at.join("ca")).into_iter().filter(is_key).collect()
}

#[test]
fn one_passphrase_opens_all_keys_and_completes_nothing_that_needs_none() {
    let folder = made();
    let at = folder.path();
    for (name, text) in [("one", "one"), ("two", "two")] {
        write(at, name, text);
    }
    let (one, two) = (["--passphrase-file", "one"], ["--passphrase-file", "two"]);
    let change = ["ca", "passphrase", "--dir", "ca"];
    run(at, &[&change[..], &["--new-passphrase-file", "one"]].concat()).expect(0);
    for wrong in [&[][..], &two] {
        rollover(at, wrong).expect(1);
        assert_eq!(keys(at), ["ca-key.pem"], "nothing was begun");
    }
    rollover(at, &one).expect(0);
    assert!(keys(at).iter().all(|name| is_encrypted(at, name)) && keys(at).len() == 2);
    start_and_stop(at, &one);

    // A change that is interrupted after the former key, and one after each of its steps with the next key.
    copy(&at.join("ca"), &at.join("kept"));
    let again = [&change[..], &one, &["--new-passphrase-file", "two"]].concat();
    let former = keys(at).remove(0);
    run(at, &again).expect(0);
    fs::copy(at.join("kept/ca-key.pem"), at.join("ca/ca-key.pem")).expect("copied");
    let refused = run(at, &[&["ca", "serve", "--dir", "ca"][..], &one].concat()).expect(1).stderr;
    assert!(refused.contains(&former) && refused.contains("is wrong"), "{refused}");
    run(at, &again).expect(0);
    start_and_stop(at, &two);

    for number in AFTER_COMMIT - 1..=RENAMES.len() {
        let before = fingerprint(at);
        interrupted(at, number, &two);
        if number >= AFTER_COMMIT {
            // Without the passphrase.
            rollover(at, &["--finish"]).expect(0);
            assert_ne!(fingerprint(at), before);
            start_and_stop(at, &two);
        } else {
            // The next key gets the new passphrase too.
            assert!(keys(at).contains(&"ca-key-next.pem".to_owned()));
            run(at, &[&change[..], &two, &["--remove"]].concat()).expect(0);
            assert!(keys(at).iter().all(|name| !is_encrypted(at, name)));
            run(at, &[&change[..], &["--new-passphrase-file", "two"]].concat()).expect(0);
            assert!(keys(at).iter().all(|name| is_encrypted(at, name)));
            rollover(at, &two).expect(0);
        }
        if keys(at).len() == 5 {
            break;
        }
    }
    run(at, &[&["ca", "check", "--dir", "ca"][..], &two].concat()).expect(0);
}

#[test]
fn a_change_of_the_passphrase_first_completes_a_change_of_the_key() {
    for number in AFTER_COMMIT..=RENAMES.len() {
        let folder = made();
        let at = folder.path();
        write(at, "one", "one");
        let old = fingerprint(at);
        interrupted(at, number, &[]);
        run(at, &["ca", "passphrase", "--dir", "ca", "--new-passphrase-file", "one"]).expect(0);
        assert_ne!(fingerprint(at), old);
        assert!(keys(at).iter().all(|name| is_encrypted(at, name)), "{:?}", keys(at));
        start_and_stop(at, &["--passphrase-file", "one"]);
    }
}

#[test]
fn a_lost_or_wrong_former_key_is_named_and_a_backup_restores_it() {
    let folder = made();
    let at = folder.path();
    let former = former_file(&fingerprint(at));
    rollover(at, &[]).expect(0);
    backup(at, "backup").expect(0);
    let path = at.join("ca").join(&former);
    let key = fs::read(&path).expect("a key");
    let other = openssl_key(KeySize::Bits2048);
    for content in [None, Some(&b""[..]), Some(b"noise"), Some(other)] {
        fs::remove_file(&path).expect("removed");
        if let Some(content) = content {
            fs::write(&path, content).expect("written");
            chmod(&path, 0o600);
        }
        let refused = run(at, &["ca", "serve", "--dir", "ca"]).expect(1).stderr;
        assert!(refused.contains(&former), "{refused}");
        let checked = check(at).expect(1);
        assert!(
            checked.stdout.contains("BAD   former-key") && checked.stdout.contains(&former),
            "{checked:?}"
        );
        assert!(checked.stderr.contains("ca restore --from FILE --dir ca"), "{checked:?}");
        backup(at, "another").expect(1);
        let restored = restore(at, "backup", "ca", &[]).expect(0).stderr;
        assert!(restored.contains(&format!("{former} restored")), "{restored}");
        assert_eq!(fs::read(&path).expect("a key"), key);
        assert_eq!(mode(&path), 0o600);
        check(at).expect(0);
        assert!(restore(at, "backup", "ca", &[]).expect(1).stderr.contains("--replace"));
    }
    let aside = names(&at.join("ca")).into_iter().filter(|name| name.contains("replaced")).count();
    assert_eq!(aside, 3, "damaged files are kept");
    chmod(&path, 0o644);
    assert!(check(at).expect(1).stdout.contains("chmod 600"));
    chmod(&path, 0o600);

    // A whole folder, and only its anchor.
    restore(at, "backup", "restored", &[]).expect(0);
    assert_eq!(fs::read(at.join("restored").join(&former)).expect("a key"), key);
    let anchor = fs::read(at.join("ca/anchor.json")).expect("an anchor");
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    assert_eq!(fs::read(at.join("ca/anchor.json")).expect("an anchor"), anchor, "with the former key");
}

/// After the change, a backup from before it restores the former key too, and nothing else.
#[test]
fn a_change_is_refused_without_a_former_key_and_an_older_backup_restores_a_former_key() {
    let folder = made();
    let at = folder.path();
    let first = former_file(&fingerprint(at));
    backup(at, "one").expect(0);
    rollover(at, &[]).expect(0);
    backup(at, "two").expect(0);
    let path = at.join("ca").join(&first);
    let key = fs::read(&path).expect("a key");
    let other = openssl_key(KeySize::Bits2048);
    for content in [None, Some(&b"noise"[..]), Some(other)] {
        fs::remove_file(&path).expect("removed");
        if let Some(content) = content {
            fs::write(&path, content).expect("written");
            chmod(&path, 0o600);
        }
        let refused = rollover(at, &[]).expect(1).stderr;
        assert!(refused.contains(&first) && refused.contains("ca restore --from FILE --dir ca"), "{refused}");
        assert!(!at.join("ca/ca-key-next.pem").exists(), "nothing was begun");
        restore(at, "two", "ca", &[]).expect(0);
    }
    let second = former_file(&fingerprint(at));
    rollover(at, &[]).expect(0);
    let files = ["anchor.json", "ca-key.pem", "ca-public.pem", &second];
    let read = || files.map(|name| fs::read(at.join("ca").join(name)).expect("a file"));
    let before = read();
    for (from, damaged) in [("one", &b""[..]), ("two", other), ("two", b"noise"), ("one", other)] {
        fs::write(&path, damaged).expect("written");
        assert!(restore(at, from, "ca", &["--replace"]).expect(1).stderr.contains("changed its key"));
        let restored = restore(at, from, "ca", &[]).expect(0).stderr;
        assert!(restored.contains(&format!("{first} restored")), "{restored}");
        assert_eq!(fs::read(&path).expect("a key"), key);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read(), before);
        check(at).expect(0);
        assert!(restore(at, from, "ca", &[]).expect(1).stderr.contains("changed its key"));
    }
    // The backup does not have this key.
    fs::remove_file(at.join("ca").join(&second)).expect("removed");
    restore(at, "one", "ca", &[]).expect(1);
    restore(at, "two", "ca", &[]).expect(0);
    start_and_stop(at, &[]);
}

#[test]
fn a_backup_from_before_a_change_is_refused_where_the_change_is() {
    let folder = made();
    let at = folder.path();
    let old = fingerprint(at);
    backup(at, "before").expect(0);
    copy(&at.join("ca"), &at.join("kept"));
    rollover(at, &[]).expect(0);
    let checked = check(at).expect(0).stdout;
    assert!(
        checked.contains("no backup with the present key yet; make one: minipki ca backup --dir "),
        "{checked}"
    );
    backup(at, "after").expect(0);
    assert!(check(at).expect(0).stdout.contains("the last backup was 0 hours ago"));
    let present = fingerprint(at);
    // Reading a ledger can leave its other files.
    let files = || -> Vec<_> {
        names(&at.join("ca")).into_iter().filter(|name| !name.starts_with("ledger.sqlite-")).collect()
    };
    let refused = |more: &[&str]| {
        let before = files();
        let refused = restore(at, "before", "ca", more).expect(1).stderr;
        assert!(
            refused.contains(&format!("has changed its key to {present} since this backup was made")),
            "{refused}"
        );
        assert!(refused.contains(&old) && refused.contains("made after this change"), "{refused}");
        assert_eq!(files(), before);
    };
    refused(&[]);
    refused(&["--replace"]);
    // The ledger alone, and the anchor alone, show the change.
    fs::rename(at.join("ca/ledger.sqlite"), at.join("ledger")).expect("renamed");
    refused(&["--replace"]);
    fs::rename(at.join("ledger"), at.join("ca/ledger.sqlite")).expect("renamed");
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    fs::remove_file(at.join("ca/ca-key.pem")).expect("removed");
    refused(&["--replace"]);
    restore(at, "before", "elsewhere", &[]).expect(0);

    // Also where the change is not complete.
    for number in AFTER_COMMIT..=RENAMES.len() {
        fs::remove_dir_all(at.join("ca")).expect("removed");
        copy(&at.join("kept"), &at.join("ca"));
        interrupted(at, number, &[]);
        let refused = restore(at, "before", "ca", &["--replace"]).expect(1).stderr;
        assert!(refused.contains("has changed its key to"), "{refused}");
        rollover(at, &["--finish"]).expect(0);
        check(at).expect(0);
    }
}

#[test]
fn during_a_change_there_is_no_backup_and_the_check_names_the_command() {
    for number in 1..=RENAMES.len() {
        let folder = made();
        let at = folder.path();
        interrupted(at, number, &[]);
        let finish = "minipki ca rollover --dir ca --finish";
        if number < AFTER_COMMIT {
            backup(at, "backup").expect(0);
            let checked = check(at).expect(0).stdout;
            assert_eq!(
                checked.contains("to continue it: minipki ca rollover --dir ca"),
                number > 2,
                "{checked}"
            );
            restore(at, "backup", "restored", &[]).expect(0);
            continue;
        }
        let refused = backup(at, "backup").expect(1).stderr;
        assert!(refused.contains("try again") && refused.contains(finish), "{refused}");
        assert!(!at.join("backup").exists());
        let checked = check(at).expect(1);
        assert!(checked.stdout.contains("BAD   keys") && checked.stdout.contains(finish), "{checked:?}");
        assert!(!checked.stdout.contains("put back") && !checked.stderr.contains("restore"), "{checked:?}");
        for command in [&["ca", "revocations", "--dir", "ca"][..], &["ca", "list", "--dir", "ca"]] {
            let refused = run(at, command).expect(1).stderr;
            assert!(refused.contains(finish), "{refused}");
        }
        run(at, &[&ROLLOVER[..], &["--finish"]].concat()).expect(0);
        check(at).expect(0);
        backup(at, "backup").expect(0);
    }
}

#[test]
fn a_lost_anchor_is_made_again_also_during_a_change() {
    for number in 1..=RENAMES.len() {
        let folder = made();
        let at = folder.path();
        let old = fingerprint(at);
        interrupted(at, number, &[]);
        fs::remove_file(at.join("ca/anchor.json")).expect("removed");
        run(at, &["ca", "init", "--dir", "ca"]).expect(0);
        assert_eq!(fingerprint(at) != old, number >= AFTER_COMMIT, "{number}");
        check(at).expect(0);
        start_and_stop(at, &[]);
        let former = keys(at).contains(&former_file(&old));
        assert!(former || number < AFTER_COMMIT, "{number}: {:?}", keys(at));
    }
}

/// A lost next key is not replaced by the key before it: the ledger has the lost one.
#[test]
fn a_key_that_is_lost_after_the_commit_is_missed_and_not_replaced() {
    let folder = made();
    let at = folder.path();
    interrupted(at, AFTER_COMMIT, &[]);
    let next = at.join("ca/ca-key-next.pem");
    fs::rename(&next, at.join("next")).expect("renamed");
    let anchor = fs::read(at.join("ca/anchor.json")).expect("an anchor");
    let refused = rollover(at, &["--finish"]).expect(1).stderr;
    assert!(refused.contains("ca-key-next.pem does not exist"), "{refused}");
    assert_eq!(fs::read(at.join("ca/anchor.json")).expect("an anchor"), anchor);
    // Another key is refused.
    fs::write(&next, openssl_key(KeySize::Bits2048)).expect("written");
    chmod(&next, 0o600);
    rollover(at, &["--finish"]).expect(1);
    fs::rename(at.join("next"), &next).expect("renamed");
    rollover(at, &["--finish"]).expect(0);
    check(at).expect(0);
}
