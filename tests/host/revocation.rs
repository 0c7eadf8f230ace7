//! Revocation with the built program: a stolen key, holds, replayed statuses, lists, and the states of certificates.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use minipki_core::encoding::base64;
use minipki_tests::program::{Done, Running, run, run_with, start};
use serde_json::Value;

use crate::cli::{enrolled, served};

/// The serial number of an identity's certificate.
pub(crate) fn serial(at: &Path, name: &str) -> String {
    json(&fs::read(at.join(name).join("certificate.json")).expect("a certificate"))["serial_number"]
        .to_string()
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("one JSON value")
}

/// Revokes as the operator, while the CA is served.
pub(crate) fn ca_revoke(at: &Path, more: &[&str]) -> Done {
    run(at, &[&["ca", "revoke", "--dir", "ca"], more].concat())
}

/// Starts bob, who listens with these options. Returns bob and his address.
fn bob(at: &Path, more: &[&str]) -> (Running, String) {
    let mut bob = start(at, &[&["listen", "--identity", "bob", "--listen", "127.0.0.1:0"], more].concat());
    let address = bob.address("listening");
    (bob, address)
}

/// Sends a message as `name`.
fn says_hello(at: &Path, name: &str, to: &str) -> Done {
    run(at, &["connect", "--identity", name, "--peer", to, "--send", "hello"])
}

#[test]
fn a_stolen_key_is_refused_after_its_revocation() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let (mut bob, address) = bob(at, &["--require-status"]);
    says_hello(at, "alice", &address).expect(0);
    assert!(bob.line("open: alice").contains("not revoked at"));

    let done = ca_revoke(at, &["--subject", "alice", "--reason", "key-compromise"]).expect(0);
    assert!(done.stderr.contains("is revoked since"), "{}", done.stderr);
    let status = run(at, &["status", "--identity", "alice"]).expect(4);
    assert!(status.stdout.starts_with("revoked\n"), "{}", status.stdout);
    assert!(status.stdout.contains("key_compromise") && status.stderr.contains("next:"));
    // The thief cannot get a statement that the certificate is good, and bob demands one.
    let refused = says_hello(at, "alice", &address).expect(3);
    assert!(refused.stderr.contains("certificate_refused"), "{}", refused.stderr);
    assert!(bob.line("no revocation status came").contains("error:"));
    // The compromised key gets no new certificate, also under another name.
    for name in ["alice", "carol"] {
        let out = at.join(name);
        fs::create_dir_all(&out).expect("a folder");
        if name != "alice" {
            fs::copy(at.join("alice/key.pem"), out.join("key.pem")).expect("a copy");
        }
        for file in ["certificate.json", "anchor.json", "ca.json", "status.json"] {
            let _ = fs::remove_file(out.join(file));
        }
        chmod(&out, 0o700);
        let enroll = ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", name, "--out", name];
        let refused = run(at, &enroll).expect(3);
        assert!(refused.stderr.contains("refused (revoked)"), "{}", refused.stderr);
    }
    bob.stop().expect(0);
}

fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the owner may change it");
}

#[test]
fn an_earlier_status_helps_a_thief_for_one_status_age() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    run(at, &["status", "--identity", "alice"]).expect(0);
    let good = fs::read(at.join("alice/status.json")).expect("the stored status");
    let (mut bob, address) = bob(at, &["--max-status-age", "4s"]);
    ca_revoke(at, &["--subject", "alice", "--reason", "key_compromise"]).expect(0);
    // The thief keeps the earlier status, and asks for no other.
    let replay = || {
        fs::write(at.join("alice/status.json"), &good).expect("the thief owns the folder");
        let connect = ["connect", "--identity", "alice", "--peer", &address, "--status-refresh", "1d"];
        run(at, &[&connect[..], &["--send", "hello"]].concat())
    };
    assert_eq!(replay().code, Some(0), "the age of the status is within bob's policy");
    sleep(Duration::from_secs(6));
    let refused = replay().expect(3);
    assert!(refused.stderr.contains("certificate_refused"), "{}", refused.stderr);
    bob.line("is too old for the policy");
    bob.stop().expect(0);
}

#[test]
fn the_holder_revokes_and_repeats() {
    let (folder, mut server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let revoke = |more: &[&str]| run(at, &[&["revoke", "--identity", "alice", "--json"], more].concat());
    let first = revoke(&["--reason", "cessation_of_operation"]).expect(0);
    let object = json(first.stdout.as_bytes());
    assert_eq!(
        (&object["reason"], &object["subject_id"]),
        (&"cessation_of_operation".into(), &"alice".into())
    );
    assert!(server.line("revoked").contains("actor=the holder of the key"));
    // The first answer comes again, whatever the reason.
    assert_eq!(revoke(&["--reason", "superseded"]).expect(0).stdout, first.stdout);
    assert!(server.line("revoked before").contains("number=1"));
    // The holder's name is free again: another key can have it.
    fs::rename(at.join("alice"), at.join("former")).expect("a new name");
    enrolled(at, &ca, "alice");
    server.stop().expect(0);
}

#[test]
fn a_key_of_another_certificate_revokes_nothing() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    // bob's key, with alice's certificate: the folder is not even an identity.
    fs::copy(at.join("bob/key.pem"), at.join("alice/key.pem")).expect("a copy");
    run(at, &["revoke", "--identity", "alice"]).expect(4);
    assert_eq!(
        run(at, &["ca", "list", "--dir", "ca", "--state", "revoked"]).expect(0).stdout.lines().count(),
        1
    );
}

#[test]
fn a_hold_ends_and_keeps_the_name() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let serial = serial(at, "alice");
    ca_revoke(at, &["--serial", &serial, "--reason", "certificate_hold"]).expect(0);
    let held = run(at, &["status", "--identity", "alice"]).expect(4);
    assert!(held.stderr.contains("minipki ca unhold"), "{}", held.stderr);
    // Nobody else gets the name, not even with a token; and the holder gets no other certificate.
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let enroll =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "thief"];
    let refused = run_with(at, &enroll, &[("MINIPKI_TOKEN", token.trim_end())]).expect(3);
    assert!(refused.stderr.contains("refused (revoked)"), "{}", refused.stderr);
    // The holder cannot remove the hold; the operator can.
    let listed = run(at, &["ca", "list", "--dir", "ca", "--state", "held", "--json"]).expect(0);
    assert_eq!(json(listed.stdout.as_bytes())[0]["revocation_reason"], "certificate_hold");
    run(at, &["ca", "unhold", "--dir", "ca", "--subject", "alice"]).expect(0);
    assert!(run(at, &["status", "--identity", "alice"]).expect(0).stdout.starts_with("good\n"));
    let again = run(at, &["ca", "unhold", "--dir", "ca", "--serial", &serial]).expect(1);
    assert!(again.stderr.contains("is not on hold"), "{}", again.stderr);
    // A hold can become a revocation, which never ends.
    ca_revoke(at, &["--serial", &serial, "--reason", "certificate_hold"]).expect(0);
    ca_revoke(at, &["--serial", &serial, "--reason", "key_compromise"]).expect(0);
    run(at, &["ca", "unhold", "--dir", "ca", "--serial", &serial]).expect(1);
    // Only changes have a number: hold, unhold, hold, revocation.
    let status = run(at, &["status", "--identity", "alice", "--json"]).expect(4);
    assert_eq!(json(status.stdout.as_bytes())["revocation_number"], 4);
}

#[test]
fn a_status_is_of_this_ca_about_this_certificate() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let ask = |anchor: &str, serial: &str| {
        run(at, &["status", "--anchor", anchor, "--ca", &ca, "--serial", serial])
    };
    ask("ca/anchor.json", &serial(at, "alice")).expect(0);
    let unknown = ask("ca/anchor.json", "12345").expect(4);
    assert!(unknown.stdout.starts_with("unknown\n") && unknown.stderr.contains("does not know"));
    run(at, &["ca", "init", "--dir", "other"]).expect(0);
    let other = ask("other/anchor.json", &serial(at, "alice")).expect(4);
    assert!(other.stderr.contains("another issuer"), "{}", other.stderr);
    // bob's status does not vouch for alice.
    run(at, &["status", "--identity", "bob"]).expect(0);
    let verify = |status: &str| {
        run(at, &["verify", "--anchor", "ca/anchor.json", "--status", status, "alice/certificate.json"])
    };
    run(at, &["status", "--identity", "alice"]).expect(0);
    assert!(verify("alice/status.json").expect(0).stdout.contains("not revoked, as the CA stated"));
    assert!(verify("bob/status.json").expect(4).stderr.contains("about another certificate"));
    assert!(openssl_verifies(at, "alice/status.json"), "OpenSSL verifies the signature of a status");
}

#[test]
fn the_signed_list_names_the_revoked_certificates() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    for name in ["alice", "bob", "carol"] {
        enrolled(at, &ca, name);
    }
    ca_revoke(at, &["--subject", "carol", "--reason", "superseded"]).expect(0);
    ca_revoke(at, &["--subject", "alice", "--reason", "certificate_hold"]).expect(0);
    let said = run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0).stderr;
    assert!(said.contains("on hold: 2.") && said.contains("number is 2"), "{said}");
    let text = fs::read(at.join("list.json")).expect("the list");
    let printed = run(at, &["ca", "revocations", "--dir", "ca"]).expect(0).stdout;
    assert_eq!(json(printed.as_bytes())["revoked"], json(&text)["revoked"]);
    let list = json(&text);
    assert_eq!((&list["type"], &list["number"]), (&"revocation_list".into(), &2.into()));
    let serials: Vec<_> = list["revoked"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| entry["serial_number"].as_u64())
        .collect();
    assert!(serials.len() == 2 && serials.is_sorted(), "{serials:?}");
    assert!(openssl_verifies(at, "list.json"), "OpenSSL verifies the signature of a list");
    let verify = |list: &str, name: &str| {
        let certificate = format!("{name}/certificate.json");
        run(at, &["verify", "--anchor", "ca/anchor.json", "--revocations", list, &certificate])
    };
    assert!(verify("list.json", "bob").expect(0).stdout.contains("not in the list"));
    assert!(verify("list.json", "carol").expect(4).stderr.contains("reason: superseded"));
    // A list replaces an earlier list, and no other file.
    run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0);
    let key = fs::read(at.join("ca/ca-key.pem")).expect("a key");
    let refused = run(at, &["ca", "revocations", "--dir", "ca", "--out", "ca/ca-key.pem"]).expect(1);
    assert!(refused.stderr.contains("is not a list"), "{}", refused.stderr);
    // An endless file is not read.
    let refused = run(at, &["ca", "revocations", "--dir", "ca", "--out", "/dev/zero"]).expect(1);
    assert!(refused.stderr.contains("is not a list"), "{}", refused.stderr);
    assert_eq!(fs::read(at.join("ca/ca-key.pem")).expect("a key"), key);
    let changed = String::from_utf8(text).expect("ASCII").replace("superseded", "unspecified");
    fs::write(at.join("changed.json"), changed).expect("a file");
    assert!(verify("changed.json", "bob").expect(4).stderr.contains("changed.json"));
}

#[test]
fn certificates_are_listed_by_their_state() {
    let (folder, server, ca) = served(&["--validity", "60s"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let token =
        run(at, &["ca", "token", "--dir", "ca", "--subject", "sensor", "--validity", "3653d"]).expect(0);
    let enroll =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "sensor", "--out", "sensor"];
    run_with(at, &enroll, &[("MINIPKI_TOKEN", token.stdout.trim_end())]).expect(0);
    let subjects = |more: &[&str]| {
        let listed = run(at, &[&["ca", "list", "--dir", "ca", "--json"], more].concat()).expect(0).stdout;
        let listed = json(listed.as_bytes());
        let subjects = listed.as_array().expect("an array").iter().map(|one| one["subject_id"].to_string());
        subjects.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(subjects(&["--state", "valid"]), "\"sensor\"", "the token has set ten years");
    assert_eq!(subjects(&["--expiring", "1h"]), "\"alice\"", "the policy has set a minute");
    assert_eq!(subjects(&["--state", "valid", "--expiring", "1s"]), "\"alice\" \"sensor\"");
    assert_eq!(subjects(&["--state", "revoked"]), "");
    ca_revoke(at, &["--subject", "sensor", "--reason", "unspecified"]).expect(0);
    assert_eq!(subjects(&["--state", "revoked"]), "\"sensor\"");
    let several = run(at, &["ca", "list", "--dir", "ca", "--state", "dead"]).expect(2);
    assert!(several.stderr.contains("not-yet-valid"), "{}", several.stderr);
    for wrong in ["59s", "3654d"] {
        run(at, &["ca", "token", "--dir", "ca", "--subject", "a", "--validity", wrong]).expect(2);
    }
    server.stop().expect(0);
}

#[test]
fn several_certificates_of_a_subject_are_revoked_only_on_demand() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    fs::rename(at.join("alice"), at.join("first")).expect("a new name");
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let enroll =
        ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "alice"];
    run_with(at, &enroll, &[("MINIPKI_TOKEN", token.trim_end())]).expect(0);
    let refused = ca_revoke(at, &["--subject", "alice", "--reason", "superseded"]).expect(1);
    assert!(refused.stderr.contains(&serial(at, "first")) && refused.stderr.contains("--all"));
    ca_revoke(at, &["--subject", "alice", "--all", "--reason", "superseded"]).expect(0);
    // A repeat is no error, as with --serial.
    for more in [&["--all"][..], &[]] {
        let repeat = [&["--subject", "alice", "--reason", "superseded"], more].concat();
        let again = ca_revoke(at, &repeat).expect(0);
        assert!(again.stderr.contains("nothing has changed"), "{}", again.stderr);
    }
    let none = ca_revoke(at, &["--subject", "nobody", "--all", "--reason", "superseded"]).expect(1);
    assert!(
        none.stderr.contains("no certificate of the subject nobody can be used or renewed"),
        "{}",
        none.stderr
    );
    let unknown = ca_revoke(at, &["--serial", "1", "--reason", "superseded"]).expect(1);
    assert!(unknown.stderr.contains("no certificate has the serial number 1"), "{}", unknown.stderr);
}

#[test]
fn an_operator_sees_all_certificates_that_a_compromised_key_has_lost() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let same_key = ["--subject", "carol", "--out", "carol", "--key", "alice/key.pem"];
    run(at, &[&["enroll", "--ca", &ca, "--anchor", "ca/anchor.json"], &same_key[..]].concat()).expect(0);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| serial(at, name));
    ca_revoke(at, &["--serial", &alice, "--reason", "superseded"]).expect(0);
    let both = ["--serial", &alice, "--serial", &carol, "--reason", "key_compromise"];
    let done = ca_revoke(at, &[&both[..], &["--json"]].concat()).expect(0);
    let list = json(done.stdout.as_bytes());
    let seen: Vec<_> = list.as_array().expect("a list").iter().map(|one| &one["serial_number"]).collect();
    assert_eq!(seen.iter().map(ToString::to_string).collect::<Vec<_>>(), [alice.clone(), carol.clone()]);
    assert!(list.as_array().expect("a list").iter().all(|one| one["changed"] == true), "{list}");
    // The other certificate is named, and nothing is named twice.
    let again = ca_revoke(at, &["--serial", &alice, "--reason", "key_compromise"]).expect(0);
    assert!(again.stderr.contains(&format!("{alice} is already revoked")), "{}", again.stderr);
    assert!(!again.stderr.contains(&carol) && !again.stderr.contains(&bob), "{}", again.stderr);
    for (name, code) in [("carol", 4), ("bob", 0)] {
        run(at, &["status", "--identity", name]).expect(code);
    }
}

/// Whether OpenSSL verifies the signature of a signed object with the CA's public key.
fn openssl_verifies(at: &Path, file: &str) -> bool {
    let text = fs::read_to_string(at.join(file)).expect("a signed object");
    let rest = text.strip_prefix("{\"ca_signature_b64\":\"").expect("the signature comes first");
    let (signature, rest) = rest.split_once("\",").expect("more members");
    let mut room = [0; 512];
    let signature = base64::decode(signature, &mut room).expect("base64");
    fs::write(at.join("signature"), signature).expect("a file");
    fs::write(at.join("signed"), format!("{{{rest}")).expect("a file");
    let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:auto"];
    let verified = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", "ca/ca-public.pem", "-signature", "signature"])
        .args(options)
        .arg("signed")
        .current_dir(at)
        .output();
    verified.expect("this test needs openssl").status.success()
}
