//! The change of the CA's key with the built program: the certificates of both keys, and an interruption at any moment.

use std::fs;
use std::path::Path;

use minipki_ca::Policy;
use minipki_core::cert::{self, Anchor, AnchorUpdate, Certificate};
use minipki_core::crypto::Portable;
use minipki_core::encoding::base64;
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;
use minipki_fixtures::openssl;
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{Accept, issuer_keys_of};
use minipki_server::state::open_authority;
use minipki_tests::ca::{mode, proven};
use minipki_tests::kill_points::{KillPoint, at_each};
use minipki_tests::program::{Done, Running, run, start};
use minipki_tests::server::now;
use serde_json::Value;
use tempfile::TempDir;

use super::client_folder::names;

/// The kills at the renaming calls of `ca rollover` come before these steps. The first ones are before the commit.
pub(crate) const RENAMES: [&str; 6] = ["last start", "next key", "former key", "key", "public key", "anchor"];
/// The number of the first renaming call after the commit.
pub(crate) const AFTER_COMMIT: usize = 4;

pub(crate) const ROLLOVER: [&str; 4] = ["ca", "rollover", "--dir", "ca"];

pub(crate) fn made() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    folder
}

pub(crate) fn rollover(at: &Path, more: &[&str]) -> Done {
    run(at, &[&ROLLOVER[..], more].concat())
}

/// Changes the key, and is killed before the renaming call with this number.
pub(crate) fn interrupted(at: &Path, number: usize, more: &[&str]) {
    let point = KillPoint { call: "rename", number };
    let done = point.run(at, &[&ROLLOVER[..], more].concat());
    assert!(done.is_none(), "not killed: {done:?}");
}

pub(crate) fn fingerprint(at: &Path) -> String {
    run(at, &["ca", "fingerprint", "--dir", "ca"]).expect(0).stdout.trim().to_owned()
}

/// The name of the file of a former key.
pub(crate) fn former_file(fingerprint: &str) -> String {
    format!("ca-key-{}.pem", &fingerprint[..16])
}

fn serve(at: &Path) -> (Running, String) {
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let address = server.address("serving");
    (server, address)
}

/// Enrols a client that pins the fingerprint alone.
fn enrol(at: &Path, ca: &str, name: &str, fingerprint: &str) {
    let enroll = ["enroll", "--ca", ca, "--fingerprint", fingerprint, "--subject", name, "--out", name];
    run(at, &enroll).expect(0);
}

fn status(at: &Path, ca: &str, name: &str) -> Done {
    run(at, &["status", "--identity", name, "--ca", ca])
}

fn json(text: impl AsRef<[u8]>) -> Value {
    serde_json::from_slice(text.as_ref()).expect("one JSON value")
}

/// A CA whose old key has certified alice.
fn with_alice() -> (TempDir, String) {
    let folder = made();
    let old = fingerprint(folder.path());
    let (server, ca) = serve(folder.path());
    enrol(folder.path(), &ca, "alice", &old);
    server.stop().expect(0);
    (folder, old)
}

#[test]
fn certificates_of_both_keys_are_valid_and_each_key_states_the_status_of_its_own() {
    let (folder, old) = with_alice();
    let at = folder.path();
    let changed = rollover(at, &["--json"]).expect(0);
    let new = fingerprint(at);
    let report = json(&changed.stdout);
    assert_eq!(
        (&report["former_fingerprint_sha256"], &report["fingerprint_sha256"]),
        (&old.clone().into(), &new.clone().into())
    );
    for text in
        ["ca backup --dir ca --to", "ca serve --dir ca", "anchors --identity DIR --update", "new anchor.json"]
    {
        assert!(changed.stderr.contains(text), "{text}: {}", changed.stderr);
    }
    let files = [
        "anchor.json",
        &former_file(&old),
        "ca-key.pem",
        "ca-public.pem",
        "last-start.json",
        "ledger.sqlite",
    ];
    assert_eq!(names(&at.join("ca")), files);
    assert_eq!(mode(&at.join("ca").join(former_file(&old))), 0o600);

    let (server, ca) = serve(at);
    enrol(at, &ca, "bob", &new);
    // The new anchor accepts both. Each client still pins one key alone.
    for name in ["alice", "bob"] {
        let certificate = format!("{name}/certificate.json");
        run(at, &["verify", "--anchor", "ca/anchor.json", &certificate]).expect(0);
        assert!(status(at, &ca, name).expect(0).stdout.starts_with("good"), "{name}");
    }
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"]).expect(0);
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "bob", "--reason", "superseded"]).expect(0);
    for name in ["alice", "bob"] {
        assert!(status(at, &ca, name).expect(4).stdout.starts_with("revoked"), "{name}");
    }
    server.stop().expect(0);

    let list = |more: &[&str]| run(at, &[&["ca", "revocations", "--dir", "ca"], more].concat());
    for (key, name, more) in
        [(&new, "bob", &[][..]), (&new, "bob", &["--key", &new]), (&old, "alice", &["--key", &old])]
    {
        let list = json(list(more).expect(0).stdout);
        assert_eq!(list["issuer_key_sha256"], **key);
        let serial =
            &json(fs::read(at.join(name).join("certificate.json")).expect("a file"))["serial_number"];
        let serials: Vec<_> =
            list["revoked"].as_array().expect("a list").iter().map(|entry| &entry["serial_number"]).collect();
        assert_eq!(serials, [serial], "{name}");
    }
    let unknown = list(&["--key", &"0".repeat(64)]).expect(1).stderr;
    assert!(
        unknown.contains("has no key 0000") && unknown.contains("ca fingerprint --dir ca --json"),
        "{unknown}"
    );
    let all = json(run(at, &["ca", "fingerprint", "--dir", "ca", "--json"]).expect(0).stdout);
    assert_eq!(all["former_keys"][0]["fingerprint_sha256"], *old);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn openssl_verifies_the_update_and_an_old_anchor_follows_it() {
    let folder = made();
    let at = folder.path();
    fs::copy(at.join("ca/ca-public.pem"), at.join("old.pem")).expect("copied");
    let old = fs::read(at.join("ca/anchor.json")).expect("a file");
    rollover(at, &["--bits", "3072"]).expect(0);
    let keys = issuer_keys_of(&at.join("ca")).expect("a ledger").expect("keys");
    let update = keys[1].update.clone().expect("an update");

    let text = String::from_utf8(update.clone()).expect("text");
    let (signature, rest) = text.split_once("\",").expect("the first member");
    let signature = signature.strip_prefix("{\"ca_signature_b64\":\"").expect("the signature");
    let mut room = [0; 512];
    fs::write(at.join("signature"), base64::decode(signature, &mut room).expect("base64")).expect("written");
    let path = |name: &str| at.join(name).display().to_string();
    let verified = openssl(
        &[
            "dgst",
            "-sha256",
            "-sigopt",
            "rsa_padding_mode:pss",
            "-verify",
            &path("old.pem"),
            "-signature",
            &path("signature"),
        ],
        format!("{{{rest}").as_bytes(),
    );
    assert_eq!(verified, b"Verified OK\n");

    let mut anchor = <Anchor>::decode(Portable::new(), &old).expect("an anchor");
    anchor.follow(Portable::new(), &AnchorUpdate::parse(&update).expect("an update")).expect("followed");
    let new = fs::read(at.join("ca/anchor.json")).expect("a file");
    assert_eq!(anchor, Anchor::decode(Portable::new(), &new).expect("an anchor"));
    assert_eq!(anchor.fingerprint().to_string(), fingerprint(at));
    assert_eq!(anchor.key().expect("a key").size().bits(), 3072);
}

#[test]
fn an_interruption_before_any_step_is_completed_by_the_next_start_or_change() {
    for (number, step) in (1..).zip(RENAMES) {
        let (folder, old) = with_alice();
        let at = folder.path();
        let key = fs::read(at.join("ca/ca-key.pem")).expect("a key");
        interrupted(at, number, &[]);
        let finish = rollover(at, &["--finish", "--json"]).expect(0);
        let is_changed = number >= AFTER_COMMIT;
        assert_eq!(json(&finish.stdout)["changed"], is_changed, "{step}");
        assert_eq!(fingerprint(at) != old, is_changed, "{step}");
        if !is_changed {
            assert_eq!(fs::read(at.join("ca/ca-key.pem")).expect("a key"), key, "{step}");
        }

        let (folder, old) = with_alice();
        let at = folder.path();
        interrupted(at, number, &[]);
        let next = fs::read(at.join("ca/ca-key-next.pem")).ok();
        let (server, ca) = serve(at);
        let present = fingerprint(at);
        assert_eq!(present != old, is_changed, "{step}");
        enrol(at, &ca, "bob", &present);
        for name in ["alice", "bob"] {
            assert!(status(at, &ca, name).expect(0).stdout.starts_with("good"), "{step}: {name}");
        }
        server.stop().expect(0);
        run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        // One more change continues with the key of the interrupted one.
        rollover(at, &[]).expect(0);
        if let Some(next) = next {
            let made = if is_changed { former_file(&present) } else { "ca-key.pem".to_owned() };
            assert_eq!(fs::read(at.join("ca").join(made)).expect("a key"), next, "{step}");
        }
        run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        let keys = issuer_keys_of(&at.join("ca")).expect("a ledger").expect("keys");
        assert_eq!(keys.len(), if is_changed { 3 } else { 2 }, "{step}");
    }
}

#[test]
fn a_second_command_after_the_commit_completes_the_change_and_makes_no_other_key() {
    for number in AFTER_COMMIT..=RENAMES.len() {
        let folder = made();
        let at = folder.path();
        let old = fingerprint(at);
        interrupted(at, number, &[]);
        let done = rollover(at, &["--json"]).expect(0);
        let report = json(&done.stdout);
        assert_eq!((&report["continued"], &report["former_fingerprint_sha256"]), (&true.into(), &old.into()));
        assert!(done.stderr.contains("An interrupted change of the key is complete"), "{}", done.stderr);
        assert_eq!(issuer_keys_of(&at.join("ca")).expect("a ledger").expect("keys").len(), 2);
        assert!(!at.join("ca/ca-key-next.pem").exists());
    }
}

#[test]
fn a_change_that_is_killed_at_any_moment_leaves_a_ca_that_issues() {
    let (folder, old) = with_alice();
    let at = folder.path();
    fs::rename(at.join("ca"), at.join("before")).expect("renamed");
    let (mut kept, mut changed) = (0, 0);
    // SQLite's own writes take effect with the next synchronisation of its log.
    at_each(&["write", "fsync", "fdatasync", "rename", "unlink"], |point| {
        copy(&at.join("before"), &at.join("ca"));
        let done = point.run(at, &ROLLOVER);
        let ca = CaFolder::open(&at.join("ca")).expect("a CA");
        let policy = Policy::default();
        let mut authority =
            open_authority(&ca, policy, SignerKind::Aws, Accept::default()).expect("an authority");
        let issued = authority.issue_many(&[proven("bob", 7, None)], now()).remove(0).expect("issued");
        let anchor = CaFolder::open(&at.join("ca")).expect("a CA").anchor().clone();
        let bob = Certificate::parse(&issued.certificate).expect("a certificate");
        let time = Now::Exact(now());
        cert::verify(Portable::new(), &anchor, &bob, time, RevocationCheck::NotChecked)
            .expect("a certificate of the anchor's key");
        if anchor.fingerprint().to_string() == old {
            kept += 1;
        } else {
            changed += 1;
        }
        drop(authority);
        fs::remove_dir_all(at.join("ca")).expect("removed");
        done
    });
    assert!(kept > 5 && changed > 3, "{kept} before the commit, {changed} after it");
}

/// Copies a folder with its permissions.
pub(crate) fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    assert!(done.success());
}

#[test]
fn a_ca_that_serves_does_not_change_its_key() {
    let (folder, old) = with_alice();
    let at = folder.path();
    let (server, _) = serve(at);
    let refused = rollover(at, &[]).expect(1).stderr;
    assert!(
        refused.contains("another process issues from ca") && refused.contains("stop that process"),
        "{refused}"
    );
    server.stop().expect(0);
    assert_eq!(fingerprint(at), old);
    assert!(!at.join("ca/ca-key-next.pem").exists());
    rollover(at, &[]).expect(0);
}

#[test]
fn a_change_that_would_drop_a_key_in_use_is_refused_and_one_that_drops_an_unused_key_is_not() {
    let (folder, old) = with_alice();
    let at = folder.path();
    for _ in 0..4 {
        rollover(at, &[]).expect(0);
    }
    let present = fingerprint(at);
    let refused = rollover(at, &[]).expect(1).stderr;
    let alice = json(fs::read(at.join("alice/certificate.json")).expect("a file"));
    let end = alice["validity"]["not_after"].as_str().or(alice["not_after"].as_str()).expect("an end");
    assert!(refused.contains(&old) && refused.contains(&format!("change the key after {end}")), "{refused}");
    assert_eq!(fingerprint(at), present);
    assert_eq!(names(&at.join("ca")).len(), 9, "nothing was begun");
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);

    let folder = made();
    let at = folder.path();
    for _ in 0..5 {
        rollover(at, &[]).expect(0);
    }
    assert_eq!(names(&at.join("ca")).iter().filter(|name| name.starts_with("ca-key-")).count(), 5);
    let anchor = json(fs::read(at.join("ca/anchor.json")).expect("a file"));
    assert_eq!(anchor["former_keys"].as_array().expect("a list").len(), 4);
    run(at, &["ca", "check", "--dir", "ca"]).expect(0);
}

#[test]
fn a_key_of_another_size_does_not_continue_an_interrupted_change() {
    let folder = made();
    let at = folder.path();
    interrupted(at, AFTER_COMMIT - 1, &["--bits", "2048"]);
    let refused = rollover(at, &["--bits", "3072"]).expect(1).stderr;
    assert!(refused.contains("minipki ca rollover --dir ca --bits 2048"), "{refused}");
    // A damaged key is kept under another name. Nobody has used it.
    fs::write(at.join("ca/ca-key-next.pem"), "noise").expect("written");
    rollover(at, &["--bits", "3072"]).expect(0);
    let aside = names(&at.join("ca")).into_iter().find(|name| name.contains("next.pem.replaced-"));
    assert_eq!(fs::read(at.join("ca").join(aside.expect("the damaged key"))).expect("a file"), b"noise");
}
