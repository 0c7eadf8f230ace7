//! Clients that follow a change of the CA's key, with the built program.

use std::fs;
use std::path::Path;

use minipki_tests::program::{Done, Running, run, start, start_at_terminal};
use serde_json::Value;

use crate::cli::{enrolled, served};

/// Changes the key of the CA, and serves it again at the same address.
fn changed(at: &Path, server: Running, ca: &str) -> Running {
    server.stop().expect(0);
    run(at, &["ca", "rollover", "--dir", "ca"]).expect(0);
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", ca]);
    server.line("serving");
    server
}

/// The output of `minipki anchors --json`.
fn anchors(at: &Path, name: &str, more: &[&str]) -> Value {
    let shown = run(at, &[&["anchors", "--identity", name, "--json"], more].concat()).expect(0);
    serde_json::from_str(&shown.stdout).expect("JSON")
}

fn fingerprint(at: &Path, file: &str) -> String {
    let text = fs::read(at.join(file)).expect("an anchor");
    let anchor: Value = serde_json::from_slice(&text).expect("JSON");
    anchor["fingerprint_sha256"].as_str().expect("a text").to_owned()
}

fn says_hello(at: &Path, name: &str, to: &str, more: &[&str]) -> Done {
    run(at, &[&["connect", "--identity", name, "--peer", to, "--send", "hello"], more].concat())
}

#[test]
fn identities_follow_two_changes_of_the_key_and_never_go_back() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    for name in ["alice", "bob", "sleeper"] {
        enrolled(at, &ca, name);
    }
    let first = fingerprint(at, "ca/anchor.json");
    fs::copy(at.join("ca/anchor.json"), at.join("first.json")).expect("a copy");
    run(at, &["ca", "backup", "--dir", "ca", "--to", "backup"]).expect(0);
    assert_eq!(anchors(at, "alice", &["--update"])["changed"], false);
    let server = changed(at, server, &ca);
    let second = fingerprint(at, "ca/anchor.json");
    assert_ne!(first, second);

    // Alice follows with her renewal. Both certificates are valid for her.
    let done = run(at, &["renew", "--identity", "alice"]).expect(0);
    assert!(done.stderr.contains("has a new certificate"), "{}", done.stderr);
    let shown = anchors(at, "alice", &[]);
    assert_eq!(
        (&shown["fingerprint_sha256"], shown["changed"].as_bool()),
        (&second.clone().into(), Some(false))
    );
    assert_eq!(shown["former_keys"][0]["fingerprint_sha256"], first);
    for certificate in ["alice/certificate.json", "bob/certificate.json"] {
        run(at, &["verify", "--anchor", "alice/anchor.json", certificate]).expect(0);
    }
    let unknown = run(at, &["verify", "--anchor", "bob/anchor.json", "alice/certificate.json"]).expect(4);
    assert!(unknown.stderr.contains("minipki anchors --identity DIR --update"), "{}", unknown.stderr);

    // Bob has not renewed, and follows when he is asked to. His status is still by the former key.
    assert_eq!(anchors(at, "bob", &["--update"])["changed"], true);
    run(at, &["status", "--identity", "bob"]).expect(0);
    let verify =
        ["verify", "--anchor", "ca/anchor.json", "--status", "bob/status.json", "bob/certificate.json"];
    let verified = run(at, &verify).expect(0);
    assert!(verified.stdout.contains("a former key of the anchor"), "{}", verified.stdout);

    // The sleeper has missed both changes.
    let server = changed(at, server, &ca);
    let third = fingerprint(at, "ca/anchor.json");
    let shown = anchors(at, "sleeper", &["--update"]);
    assert_eq!(shown["fingerprint_sha256"], third);
    let former: Vec<_> = shown["former_keys"].as_array().expect("an array").iter().collect();
    let former: Vec<_> =
        former.iter().map(|key| key["fingerprint_sha256"].as_str().expect("a text")).collect();
    assert_eq!(former, [&second, &first]);
    run(at, &["renew", "--identity", "sleeper"]).expect(0);
    for name in ["alice", "bob", "sleeper"] {
        run(at, &["verify", "--anchor", "sleeper/anchor.json", &format!("{name}/certificate.json")])
            .expect(0);
    }

    // The first anchor still leads a new client to the CA. The fingerprint alone does not, and the folder stays free.
    let enroll = |name: &str, pinned: [&str; 2]| {
        let args = ["enroll", "--ca", &ca, pinned[0], pinned[1], "--subject", name, "--out", name];
        run(at, &args)
    };
    enroll("dora", ["--anchor", "first.json"]).expect(0);
    assert_eq!(fingerprint(at, "dora/anchor.json"), third);
    let refused = enroll("erik", ["--fingerprint", &first]).expect(4);
    assert!(refused.stderr.contains("its present fingerprint"), "{}", refused.stderr);
    enroll("erik", ["--fingerprint", &third]).expect(0);
    // Erik does not know the former keys, until he takes the anchor of the operator.
    let of_bob = ["verify", "--anchor", "erik/anchor.json", "bob/certificate.json"];
    run(at, &of_bob).expect(4);
    let sent = run(at, &["anchors", "--identity", "erik", "--update"]).expect(0);
    assert!(sent.stderr.contains("the CA has sent no change"), "{}", sent.stderr);
    let earlier = run(at, &["anchors", "--identity", "erik", "--from", "first.json"]).expect(4);
    assert!(earlier.stderr.contains("do not lead from the trusted key"), "{}", earlier.stderr);
    assert_eq!(anchors(at, "erik", &["--from", "ca/anchor.json"])["changed"], true);
    run(at, &of_bob).expect(0);
    // A list is of one key.
    run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0);
    let verify =
        ["verify", "--anchor", "ca/anchor.json", "--revocations", "list.json", "bob/certificate.json"];
    let other = run(at, &verify).expect(4);
    assert!(other.stderr.contains(&format!("minipki ca revocations --key {first}")), "{}", other.stderr);
    run(at, &["ca", "revocations", "--dir", "ca", "--key", &first, "--out", "first-list.json"]).expect(0);
    run(at, &[&verify[..4], &["first-list.json", "bob/certificate.json"]].concat()).expect(0);
    // The former fingerprint is still that of this CA.
    enroll("dora", ["--fingerprint", &first]).expect(0);
    server.stop().expect(0);

    // A backup that knows no change of the key is restored elsewhere, and served in the place of the CA.
    run(at, &["ca", "restore", "--from", "backup", "--dir", "restored"]).expect(0);
    let mut server = start(at, &["ca", "serve", "--dir", "restored", "--listen", &ca]);
    server.line("serving");
    let refused = run(at, &["anchors", "--identity", "alice", "--update"]).expect(4);
    assert!(refused.stderr.contains("restored an old backup"), "{}", refused.stderr);
    assert_eq!(fingerprint(at, "alice/anchor.json"), second);
    server.stop().expect(0);
}

#[test]
fn peers_follow_when_they_meet_a_certificate_of_the_new_key() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    for name in ["alice", "bob", "carol", "dora"] {
        enrolled(at, &ca, name);
    }
    let _server = changed(at, server, &ca);
    run(at, &["renew", "--identity", "bob"]).expect(0);
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--require-status"];
    let mut bob = start(at, &listen);
    let address = bob.address("listening");
    // Alice knows only the former key. She follows, shows a status by that key, and is accepted.
    let done = says_hello(at, "alice", &address, &["--require-status"]).expect(0);
    assert!(done.stderr.contains("the CA has changed its key"), "{}", done.stderr);
    bob.line("alice: hello");
    let again = says_hello(at, "alice", &address, &["--require-status"]).expect(0);
    assert!(!again.stderr.contains("changed its key"), "{}", again.stderr);
    bob.stop().expect(0);

    // Bob asks about peers of the former key, too.
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--status-refresh", "1s"];
    let mut bob = start(at, &listen);
    let address = bob.address("listening");
    let (alice, _keys) = start_at_terminal(at, &["connect", "--identity", "alice", "--peer", &address]);
    bob.line("open: alice");
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "superseded"]).expect(0);
    bob.line("the CA has revoked the certificate of alice");
    drop(alice);
    bob.stop().expect(0);

    // A listener that knows only the former key follows soon after a peer has shown the new key.
    let mut dora = start(at, &["listen", "--identity", "dora", "--listen", "127.0.0.1:0"]);
    let address = dora.address("listening");
    says_hello(at, "bob", &address, &[]).expect(3);
    dora.line("the identity trusts");
    says_hello(at, "bob", &address, &[]).expect(0);
    dora.line("bob: hello");
    dora.stop().expect(0);

    // A listener that knows only the former key follows when it asks for its status.
    let mut carol =
        start(at, &["listen", "--identity", "carol", "--listen", "127.0.0.1:0", "--status-refresh", "1s"]);
    let address = carol.address("listening");
    carol.line("the identity trusts");
    says_hello(at, "bob", &address, &[]).expect(0);
    carol.line("bob: hello");
    carol.stop().expect(0);
}
