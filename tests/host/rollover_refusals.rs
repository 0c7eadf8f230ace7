//! The refusals of a change of the CA's key. Each printed next step repairs the folder of the CA.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use minipki_core::cert::{Anchor, AnchorUpdate};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_fixtures::openssl;
use minipki_ledger::issuer_keys_of;
use minipki_tests::ca::{chmod, openssl_key};
use minipki_tests::kill_points::KillPoint;
use minipki_tests::program::{Done, run, start};
use tempfile::TempDir;

use super::client_folder::names;
use super::passphrase::write;
use super::rollover::{AFTER_COMMIT, copy, fingerprint, former_file, interrupted, made, rollover};

const SERVE: [&str; 6] = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];

fn check(at: &Path) -> Done {
    run(at, &["ca", "check", "--dir", "ca"])
}

/// Puts a key into the file of the next key.
fn plant(at: &Path, key: &[u8]) {
    fs::write(at.join("ca/ca-key-next.pem"), key).expect("written");
    chmod(&at.join("ca/ca-key-next.pem"), 0o600);
}

/// Serves the CA with these options, and enrols a client. Returns what the server has said.
fn enrol(at: &Path, name: &str, more: &[&str]) -> Done {
    let mut server = start(at, &[&SERVE[..], more].concat());
    let ca = server.address("serving");
    let enroll = ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", name, "--out", name];
    run(at, &enroll).expect(0);
    server.stop().expect(0)
}

/// Changes the key to a new one of this size. OpenSSL makes it: `rsa` needs much longer in a test.
fn rollover_to(at: &Path, bits: usize) -> Done {
    let bits = format!("rsa_keygen_bits:{bits}");
    plant(at, &openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &bits], b""));
    rollover(at, &[])
}

#[test]
fn a_change_that_would_cut_clients_off_from_the_chain_is_refused_with_the_date() {
    let folder = made();
    let at = folder.path();
    rollover_to(at, 4096).expect(0);
    let first = fingerprint(at);
    enrol(at, "alice", &[]);
    for _ in 0..2 {
        rollover_to(at, 4096).expect(0);
    }
    let (present, files) = (fingerprint(at), names(&at.join("ca")));
    let refused = rollover(at, &["--bits", "4096"]).expect(1).stderr;
    let alice = fs::read(at.join("alice/certificate.json")).expect("a file");
    let alice: serde_json::Value = serde_json::from_slice(&alice).expect("JSON");
    let end = alice["validity"]["not_after"].as_str().or(alice["not_after"].as_str()).expect("an end");
    assert!(
        refused.contains(&first) && refused.contains(&format!("change the key after {end}")),
        "{refused}"
    );
    assert_eq!((fingerprint(at), names(&at.join("ca"))), (present, files), "nothing was begun");
    check(at).expect(0);
    // Without certificates, there is no such limit.
    let folder = made();
    let at = folder.path();
    for _ in 0..4 {
        rollover_to(at, 4096).expect(0);
    }
}

#[test]
fn a_damaged_anchor_is_made_again_by_the_command_that_is_printed() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let init = ["ca", "init", "--dir", "ca"];
    run(at, &[&init[..], &["--issuer-id", "school", "--bits", "3072"]].concat()).expect(0);
    rollover(at, &["--bits", "2048"]).expect(0);
    let path = at.join("ca/anchor.json");
    let anchor = fs::read(&path).expect("an anchor");
    for damaged in [&b""[..], b"{", br#"{"fingerprint_sha256":"00"}"#] {
        fs::write(&path, damaged).expect("written");
        for said in [run(at, &SERVE).expect(1).stderr, check(at).expect(1).stdout] {
            let next = "move anchor.json away, then this command writes it again: minipki ca init --dir ca";
            assert!(said.contains(next), "{said}");
        }
        fs::rename(&path, at.join("damaged")).expect("moved");
        run(at, &init).expect(0);
        assert_eq!(fs::read(&path).expect("an anchor"), anchor, "with the name and the former key");
        check(at).expect(0);
    }
    // Another name or size is still refused.
    fs::remove_file(&path).expect("removed");
    for other in [["--issuer-id", "minipki-ca"], ["--bits", "3072"]] {
        let refused = run(at, &[&init[..], &other].concat()).expect(1).stderr;
        assert!(refused.contains("--issuer-id school --bits 2048"), "{refused}");
    }
}

#[test]
fn an_interrupted_change_of_the_passphrase_is_named_as_the_reason_and_its_repeat_completes_it() {
    let folder = made();
    let at = folder.path();
    for name in ["one", "two"] {
        write(at, name, name);
    }
    let change = ["ca", "passphrase", "--dir", "ca"];
    run(at, &[&change[..], &["--new-passphrase-file", "one"]].concat()).expect(0);
    let one = ["--passphrase-file", "one"];
    // One key file: the text has no such reason.
    let wrong = run(at, &[&SERVE[..], &["--passphrase-file", "two"]].concat()).expect(1).stderr;
    assert!(wrong.contains("is wrong") && !wrong.contains("interrupted"), "{wrong}");
    rollover(at, &one).expect(0);
    let again = [&change[..], &one, &["--new-passphrase-file", "two"]].concat();
    // The renaming calls are those of the former key and of the present one.
    assert!(KillPoint { call: "rename", number: 2 }.run(at, &again).is_none(), "not killed");
    let serve = run(at, &[&SERVE[..], &one].concat()).expect(1).stderr;
    let checked = run(at, &[&["ca", "check", "--dir", "ca"][..], &one].concat()).expect(1).stdout;
    for said in [serve, checked] {
        assert!(said.contains("is wrong"), "{said}");
        assert!(said.contains("an interrupted change of the passphrase may be the reason"), "{said}");
        assert!(said.contains("make the same change again: minipki ca passphrase --dir ca"), "{said}");
    }
    run(at, &again).expect(0);
    run(at, &["ca", "check", "--dir", "ca", "--passphrase-file", "two"]).expect(0);

    // The same from keys without a passphrase.
    run(at, &[&change[..], &["--passphrase-file", "two", "--remove"]].concat()).expect(0);
    let again = [&change[..], &["--new-passphrase-file", "one"]].concat();
    assert!(KillPoint { call: "rename", number: 2 }.run(at, &again).is_none(), "not killed");
    for more in [&[][..], &one] {
        let said = run(at, &[&SERVE[..], more].concat()).expect(1).stderr;
        assert!(said.contains("make the same change again: minipki ca passphrase --dir ca"), "{said}");
    }
    run(at, &again).expect(0);
    run(at, &[&["ca", "check", "--dir", "ca"][..], &one].concat()).expect(0);
}

#[test]
fn a_ledger_in_the_place_of_a_lost_one_gets_the_changes_of_the_key_again() {
    let folder = made();
    let at = folder.path();
    let old = fs::read(at.join("ca/anchor.json")).expect("an anchor");
    for _ in 0..2 {
        rollover(at, &[]).expect(0);
    }
    let present = fs::read(at.join("ca/anchor.json")).expect("an anchor");
    let lose = || {
        for name in names(&at.join("ca")).iter().filter(|name| name.starts_with("ledger")) {
            fs::remove_file(at.join("ca").join(name)).expect("removed");
        }
    };
    lose();
    let said = enrol(at, "alice", &["--accept-empty-ledger"]).stderr;
    assert!(said.contains("were signed again"), "{said}");
    let keys = issuer_keys_of(&at.join("ca")).expect("a ledger").expect("keys");
    let mut anchor = <Anchor>::decode(Portable::new(), &old).expect("an anchor");
    for key in &keys[1..] {
        let update = AnchorUpdate::parse(key.update.as_deref().expect("an update")).expect("an update");
        anchor.follow(Portable::new(), &update).expect("followed");
    }
    assert_eq!(anchor, Anchor::decode(Portable::new(), &present).expect("an anchor"));
    check(at).expect(0);
    let said = enrol(at, "bob", &[]).stderr;
    assert!(!said.contains("were signed again"), "{said}");
    rollover(at, &[]).expect(0);
    check(at).expect(0);
}

#[test]
fn a_next_key_that_the_ca_has_already_is_named_and_can_be_moved_away() {
    let folder = made();
    let at = folder.path();
    let first = fingerprint(at);
    rollover(at, &[]).expect(0);
    let (present, next) = (fingerprint(at), at.join("ca/ca-key-next.pem"));
    for (file, key) in [("ca-key.pem".to_owned(), &present), (former_file(&first), &first)] {
        plant(at, &fs::read(at.join("ca").join(file)).expect("a key"));
        for said in [rollover(at, &[]).expect(1).stderr, check(at).expect(1).stdout] {
            assert!(said.contains("ca/ca-key-next.pem") && said.contains(key.as_str()), "{said}");
            assert!(said.contains("move this file to another folder"), "{said}");
            assert!(said.contains("minipki ca rollover --dir ca") && !said.contains("DIR"), "{said}");
        }
        fs::remove_file(&next).expect("moved");
    }
    plant(at, openssl_key(KeySize::Bits2048));
    chmod(&next, 0o644);
    let checked = check(at).expect(1).stdout;
    assert!(checked.contains("ca-key-next.pem has mode 0644") && checked.contains("chmod 600"), "{checked}");
    chmod(&next, 0o600);
    check(at).expect(0);
    // A key that another passphrase encrypts.
    fs::remove_file(&next).expect("removed");
    write(at, "one", "one");
    copy(&at.join("ca"), &at.join("other"));
    run(at, &["ca", "passphrase", "--dir", "other", "--new-passphrase-file", "one"]).expect(0);
    plant(at, &fs::read(at.join("other/ca-key.pem")).expect("a key"));
    write(at, "two", "two");
    let said = rollover(at, &["--passphrase-file", "two"]).expect(1).stderr;
    assert!(said.contains("ca-key-next.pem") && said.contains("move it to another folder"), "{said}");
    fs::remove_file(&next).expect("moved");
    rollover(at, &[]).expect(0);

    // Another key after the commit: the present key is installed already.
    interrupted(at, AFTER_COMMIT + 1, &[]);
    plant(at, openssl_key(KeySize::Bits2048));
    let said = rollover(at, &["--finish"]).expect(1).stderr;
    assert!(said.contains("ca-key-next.pem") && said.contains("move this file to another folder"), "{said}");
    fs::remove_file(&next).expect("moved");
    rollover(at, &["--finish"]).expect(0);
    check(at).expect(0);
}

#[test]
fn a_key_file_that_is_a_link_is_refused_by_name() {
    let folder = made();
    let at = folder.path();
    write(at, "one", "one");
    let path = at.join("ca/ca-key.pem");
    fs::rename(&path, at.join("key.pem")).expect("moved");
    symlink("../key.pem", &path).expect("a link");
    for command in [
        &["ca", "rollover", "--dir", "ca"][..],
        &["ca", "passphrase", "--dir", "ca", "--new-passphrase-file", "one"],
    ] {
        let refused = run(at, command).expect(1).stderr;
        assert!(refused.contains("ca/ca-key.pem is a symbolic link"), "{refused}");
        assert!(!refused.contains("another process"), "{refused}");
    }
    assert!(!at.join("ca/ca-key-next.pem").exists());
    // The printed command.
    let done = std::process::Command::new("sh")
        .args(["-c", "cp -pL ca/ca-key.pem ca/ca-key.pem.copy && mv ca/ca-key.pem.copy ca/ca-key.pem"])
        .current_dir(at)
        .status();
    assert!(done.expect("sh runs").success());
    rollover(at, &[]).expect(0);
}
