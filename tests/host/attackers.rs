//! `minipki connect --as-attacker`: the listener names the check that failed, and goes on serving honest peers.

use std::fs;
use std::path::Path;

use minipki_tests::peers::{CA, expired, identity_of, keep};
use minipki_tests::program::{Running, run, start};

use crate::talk::{connect, listen, people};

/// Starts bob, and returns his address.
fn bob(at: &Path) -> (Running, String) {
    let mut bob = start(at, &listen(&[]));
    let address = bob.address("listening");
    (bob, address)
}

/// Lets alice talk to bob, who must go on after an attack.
fn honest(at: &Path, bob: &mut Running, address: &str) {
    run(at, &connect("alice", address, &["--send", "hello"])).expect(0);
    bob.line("alice: hello");
}

/// Attacks bob with the certificate in the folder `victim`. bob must show these texts in one line. Returns the steps.
fn attack(at: &Path, attack: &str, victim: &str, check: &str) -> String {
    let (mut bob, address) = bob(at);
    // The private key of the victim is not read.
    let key = at.join(victim).join("key.pem");
    fs::rename(&key, at.join("hidden")).expect("the identity has a key");
    let done = run(at, &connect(victim, &address, &["--as-attacker", attack])).expect(0);
    assert!(done.stdout.ends_with("Its own output names the check that failed.\n"), "{done:?}");
    fs::rename(at.join("hidden"), &key).expect("the key goes back");
    assert!(bob.line(check).starts_with("error: 127.0.0.1:"), "bob names {check:?}");
    honest(at, &mut bob, &address);
    let shown = bob.stop().expect(0);
    assert_eq!(shown.stdout, "alice: hello\n");
    assert_eq!(shown.stderr.matches("open: ").count(), 1, "only alice gets a channel: {shown:?}");
    done.stdout
}

const REFUSED: &str = "<- refused (certificate_refused)";

#[test]
fn a_stolen_certificate_is_for_another_key() {
    let folder = people(&["alice", "bob"]);
    let steps = attack(folder.path(), "steal", "alice", "the certificate is for another key");
    assert!(steps.contains("the certificate of alice") && steps.contains(REFUSED), "{steps}");
}

#[test]
fn a_certificate_of_another_ca_with_the_same_name_names_another_key() {
    let folder = people(&["alice", "bob"]);
    let steps = attack(folder.path(), "other-ca", "alice", "names another issuer key than the trusted one");
    assert!(steps.contains("a certificate for alice, signed by mallory's CA"), "{steps}");
    assert!(steps.contains(REFUSED), "{steps}");
    // Without a certificate to take a name from, the name is any.
    let (mut bob, address) = bob(folder.path());
    run(folder.path(), &["connect", "--peer", &address, "--as-attacker", "other-ca"]).expect(0);
    bob.line("names another issuer key than the trusted one");
}

#[test]
fn an_expired_certificate_is_refused_for_its_end() {
    let folder = people(&["alice", "bob"]);
    keep(&folder.path().join("carol"), &identity_of(CA, "carol", expired()));
    let steps = attack(folder.path(), "expired", "carol", "the certificate expired at ");
    assert!(steps.contains("a certificate of carol that ended at") && steps.contains(REFUSED), "{steps}");
    // A certificate that is valid is not this attack.
    let (_bob, address) = bob(folder.path());
    let refused = run(folder.path(), &connect("alice", &address, &["--as-attacker", "expired"])).expect(1);
    assert!(refused.stderr.contains("has not expired") && refused.stderr.contains("next:"), "{refused:?}");
}

#[test]
fn a_changed_byte_breaks_the_signature_of_a_certificate_and_the_seal_of_a_message() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let steps = attack(at, "tamper", "alice", "was changed: ");
    assert!(steps.contains("`a` becomes `A`") && steps.contains(REFUSED), "{steps}");
    assert!(steps.contains("<- refused (handshake_failed)"), "{steps}");
    let (mut bob, address) = bob(at);
    run(at, &connect("alice", &address, &["--as-attacker", "tamper"])).expect(0);
    bob.line("was changed: ");
    bob.line("the message was changed or its key is another");
}

#[test]
fn a_recorded_handshake_fails_on_a_new_ephemeral_key() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let (mut bob, address) = bob(at);
    let replay = ["connect", "--peer", &address, "--as-attacker", "replay", "--relay", "127.0.0.1:0"];
    let mut mallory = start(at, &replay);
    let relay = mallory.address("mallory waits at ");
    run(at, &connect("alice", &relay, &["--send", "through mallory"])).expect(0);
    bob.line("alice: through mallory");
    let steps = mallory.wait().expect(0).stdout;
    assert!(steps.contains("not the recorded one: its keys are new"), "{steps}");
    assert!(steps.contains("<- refused (handshake_failed)"), "{steps}");
    bob.line("the message was changed or its key is another");
    honest(at, &mut bob, &address);
    assert_eq!(bob.stop().expect(0).stdout, "alice: through mallory\nalice: hello\n");
}

#[test]
fn a_relay_without_a_handshake_has_nothing_to_replay() {
    let folder = people(&["alice", "bob"]);
    let (_bob, address) = bob(folder.path());
    let replay = ["connect", "--peer", &address, "--as-attacker", "replay", "--relay", "127.0.0.1:0"];
    let mut mallory = start(folder.path(), &replay);
    let relay = mallory.address("mallory waits at ");
    drop(std::net::TcpStream::connect(relay).expect("mallory listens"));
    assert!(mallory.wait().expect(1).stderr.contains("no whole handshake has passed"));
}

#[test]
fn an_attacker_takes_no_private_key_and_no_conversation() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for more in [&["--send", "x"][..], &["--passphrase-file", "x"], &["--peer-subject", "bob"], &["--trace"]]
    {
        let arguments = [&["--as-attacker", "steal"], more].concat();
        run(at, &connect("alice", "127.0.0.1:9", &arguments)).expect(2);
    }
    run(at, &["connect", "--peer", "127.0.0.1:9"]).expect(2);
    run(at, &connect("alice", "127.0.0.1:9", &["--certificate", "alice/certificate.json"])).expect(2);
    let without = run(at, &["connect", "--peer", "127.0.0.1:9", "--as-attacker", "steal"]).expect(2);
    assert!(without.stderr.contains("--certificate FILE"), "{without:?}");
    run(at, &connect("alice", "127.0.0.1:9", &["--as-attacker", "steal"])).expect(5);
}

#[test]
fn the_certificate_of_an_attack_can_be_any_file() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let (mut bob, address) = bob(at);
    let attack = ["connect", "--peer", &address, "--as-attacker", "steal", "--certificate"];
    run(at, &[&attack[..], &["alice/certificate.json"]].concat()).expect(0);
    bob.line("the certificate is for another key");
    let no_certificate = run(at, &[&attack[..], &["alice/key.pem"]].concat()).expect(1);
    assert!(no_certificate.stderr.contains("this is no certificate"), "{no_certificate:?}");
    assert!(!no_certificate.stderr.contains("PRIVATE") && !no_certificate.stdout.contains("PRIVATE"));
}
