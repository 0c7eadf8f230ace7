//! Open channels to a peer whose certificate is revoked meanwhile.

use minipki_tests::program::{run, start, start_at_terminal};

use crate::cli::{enrolled, served};

#[test]
fn a_channel_to_a_peer_that_is_revoked_meanwhile_is_closed_on_both_sides() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    for name in ["alice", "bob", "carol"] {
        enrolled(at, &ca, name);
    }
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--status-refresh", "1s"];
    let mut bob = start(at, &listen);
    let address = bob.address("listening");
    let connect = |name| start_at_terminal(at, &["connect", "--identity", name, "--peer", &address]);
    let (mut alice, _keys) = connect("alice");
    bob.line("open: alice");
    let (carol, mut carols_keys) = connect("carol");
    bob.line("open: carol");

    // A hold counts too: as long as it lasts, the certificate is not valid.
    let revoke = ["ca", "revoke", "--dir", "ca", "--subject", "alice", "--reason", "certificate-hold"];
    run(at, &revoke).expect(0);
    let closed = bob.line("the CA has revoked the certificate of alice");
    assert!(closed.contains("reason: certificate_hold"), "{closed}");
    alice.line("the peer will send no more");

    // The other channel and the listener go on.
    carols_keys.types("hello");
    bob.line("carol: hello");
    carols_keys.ends();
    bob.stop().expect(0);
    carol.wait().expect(0);
    drop(alice);
}

#[test]
fn the_side_that_connects_asks_about_its_peer_too() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let mut bob = start(at, &["listen", "--identity", "bob", "--listen", "127.0.0.1:0"]);
    let address = bob.address("listening");
    let connect = ["connect", "--identity", "alice", "--peer", &address, "--status-refresh", "1s"];
    let (alice, _keys) = start_at_terminal(at, &connect);
    bob.line("open: alice");
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "bob", "--reason", "key-compromise"]).expect(0);
    let ended = alice.wait().expect(4);
    assert!(ended.stderr.contains("the CA has revoked the certificate of bob"), "{}", ended.stderr);
    bob.stop().expect(0);
}

#[test]
fn a_peer_that_is_known_as_revoked_does_not_come_back_with_an_earlier_status() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    enrolled(at, &ca, "bob");
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--status-refresh", "1s"];
    let mut bob = start(at, &[&listen[..], &["--require-status"]].concat());
    let address = bob.address("listening");
    let connect = ["connect", "--identity", "alice", "--peer", &address];
    let (alice, _keys) = start_at_terminal(at, &connect);
    bob.line("open: alice");
    let change = |command: &str, more: &[&str]| {
        run(at, &[&["ca", command, "--dir", "ca", "--subject", "alice"], more].concat()).expect(0);
    };
    change("revoke", &["--reason", "certificate-hold"]);
    bob.line("the CA has revoked the certificate of alice");
    drop(alice);
    // Alice still shows the status from before.
    let again = [&connect[..], &["--send", "hello"]].concat();
    let refused = run(at, &again).expect(3);
    assert!(refused.stderr.contains("certificate_refused"), "{}", refused.stderr);
    assert!(bob.line("refused alice").contains("the CA has revoked its certificate"));
    // After the end of the hold she is welcome again.
    change("unhold", &[]);
    run(at, &again).expect(0);
    bob.line("alice: hello");
    bob.stop().expect(0);
}
