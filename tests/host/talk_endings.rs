//! The end of conversations with the built program: by deadline, silence, expiry of a certificate, or signal.

use std::net::TcpListener;
use std::path::Path;

use minipki_tests::peers::{CA, expiring_in, identity_of, keep};
use minipki_tests::program::{Running, Terminal, run, start, start_at_terminal, start_typing};

use super::talk::{bob, connect, listen, people};

/// Opens a channel between bob and alice, each at a terminal. Returns both, their keyboards and bob's address.
fn open_channel(at: &Path) -> ((Running, Terminal, String), (Running, Terminal)) {
    let (mut bob, keys, address) = bob(at, &[]);
    let (mut alice, alices) = start_at_terminal(at, &connect("alice", &address, &[]));
    bob.line("open: alice");
    alice.line("open: bob");
    ((bob, keys, address), (alice, alices))
}

#[test]
fn piped_input_ends_by_the_deadline_if_the_peer_does_not_close() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let (mut bob, _keys, address) = bob(at, &["--once"]);
    let alice = start_typing(at, &connect("alice", &address, &["--deadline", "1s"]), "hello\n");
    let done = alice.wait().expect(0);
    assert!(done.stderr.contains("waiting for bob to close"), "{done:?}");
    assert!(done.stderr.contains("bob has not closed"), "{done:?}");
    bob.line("hello");
}

#[test]
fn lines_that_cannot_be_sent_are_code_7_and_the_others_are_sent() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for unsendable in [vec![b'y'; 10_000], vec![0xff]] {
        let input = [&b"before\n"[..], &unsendable, b"\nafter\n"].concat();
        let mut bob = start_typing(at, &listen(&["--once"]), &input);
        let address = bob.address("listening");
        let alice = start_typing(at, &connect("alice", &address, &[]), &input);
        for done in [alice.wait().expect(7), bob.wait().expect(7)] {
            assert_eq!(done.stdout, "before\nafter\n");
            assert!(done.stderr.contains("error: lines of the input were not sent"), "{done:?}");
        }
    }
}

#[test]
fn a_silent_channel_is_closed() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let (mut bob, mut keys, address) = bob(at, &["--once"]);
    let (mut alice, _alices) = start_at_terminal(at, &connect("alice", &address, &["--idle", "1s"]));
    bob.line("open:");
    alice.line("have been silent for 1s");
    alice.wait().expect(5);
    // bob gets an orderly end.
    bob.line("the peer will send no more");
    keys.types("still there");
    bob.line("the peer has gone");
}

#[test]
fn a_channel_is_closed_when_a_certificate_expires_unless_it_may_stay_open() {
    let folder = people(&["bob"]);
    let at = folder.path();
    let (bob, stay) = (bob(at, &[]), bob(at, &["--stay-open-after-expiry"]));
    keep(&at.join("alice"), &identity_of(CA, "alice", expiring_in(10)));
    let (mut alice, _keys) = start_at_terminal(at, &connect("alice", &bob.2, &[]));
    let more = ["--stay-open-after-expiry"];
    let (mut open, mut keys) = start_at_terminal(at, &connect("alice", &stay.2, &more));
    alice.line("open:");
    open.line("open:");

    alice.line("our own certificate expired at");
    alice.wait().expect(4);
    let mut bob = bob.0;
    bob.line("the certificate of alice expired at");

    open.line("our own certificate expired at");
    let mut bob = stay.0;
    bob.line("the channel stays open");
    keys.types("still here");
    bob.line("alice: still here");
}

#[test]
fn a_listener_with_an_expired_certificate_reports_it_and_ends() {
    let folder = people(&["alice"]);
    let at = folder.path();
    keep(&at.join("bob"), &identity_of(CA, "bob", expiring_in(8)));
    let (waiting, once) = (start(at, &listen(&[])), start(at, &listen(&["--once"])));
    for listener in [waiting, once] {
        let done = listener.wait().expect(4);
        assert!(done.stderr.contains("our own certificate expired at"), "{done:?}");
    }
    run(at, &["connect", "--identity", "bob", "--peer", "127.0.0.1:9"]).expect(4);
}

#[test]
fn a_signal_to_a_listener_closes_each_channel_in_order() {
    let folder = people(&["alice", "bob", "carol"]);
    let at = folder.path();
    for signal in ["INT", "TERM", "HUP"] {
        let ((mut bob, _keys, address), (mut alice, mut alices)) = open_channel(at);
        let carol = start_typing(at, &connect("carol", &address, &["--deadline", "1h"]), "hello\n");
        bob.line("carol: hello");
        bob.signal(signal);
        // carol's input has ended. alice's has not.
        carol.wait().expect(0);
        alice.line("the peer will send no more");
        let done = bob.wait().expect(0);
        assert!(done.stderr.contains("alice: closed"), "{signal}: {done:?}");
        assert!(done.stderr.contains("carol: closed"), "{signal}: {done:?}");
        assert!(!done.stderr.contains("error"), "{signal}: {done:?}");
        alices.ends();
        alice.wait().expect(0);
    }
}

#[test]
fn a_signal_to_the_connecting_peer_closes_the_channel_in_order() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for signal in ["INT", "TERM", "HUP"] {
        let mut bob = start(at, &listen(&["--once"]));
        let address = bob.address("listening");
        let (mut alice, _keys) = start_at_terminal(at, &connect("alice", &address, &[]));
        alice.line("the peer will send no more");
        alice.signal(signal);
        let done = alice.wait().expect(130);
        assert!(done.stderr.contains(&format!("ended by SIG{signal}")), "{done:?}");
        bob.wait().expect(0);
    }
    // A script ends in the same way.
    let (mut bob, mut keys, address) = bob(at, &["--once"]);
    let mut alice = start(at, &connect("alice", &address, &["--expect", "never", "--deadline", "1h"]));
    alice.line("open: bob");
    alice.stop().expect(130);
    bob.line("the peer will send no more");
    keys.ends();
    bob.wait().expect(0);
}

#[test]
fn a_signal_ends_a_client_without_a_channel_at_once() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for more in [&[][..], &["--once"]] {
        let (bob, _keys, _) = bob(at, more);
        bob.stop().expect(0);
    }
    // A listener that never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("the socket is bound").to_string();
    let (alice, _keys) = start_at_terminal(at, &connect("alice", &address, &[]));
    let _near = silent.accept().expect("alice connects");
    alice.stop().expect(130);
}

#[test]
fn a_second_signal_ends_a_conversation_at_once() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let ((bob, _keys, _), _alice) = open_channel(at);
    // alice does not close, so the orderly stop would take some time.
    bob.signal("INT");
    bob.signal("TERM");
    let done = bob.wait().expect(130);
    assert!(done.stderr.contains("by a second signal"), "{done:?}");
}

#[test]
fn a_cut_channel_is_reported_as_a_lost_connection_and_not_as_a_wrong_address() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let ((bob, _keys, _), (alice, _alices)) = open_channel(at);
    bob.signal("KILL");
    let done = alice.wait().expect(5);
    assert!(done.stderr.contains("bob: the connection ended without a close"), "{done:?}");
    assert!(done.stderr.contains("connect again") && !done.stderr.contains("check"), "{done:?}");
}

#[test]
fn the_end_of_a_listeners_input_is_reported_at_once_and_messages_still_arrive() {
    let folder = people(&["alice", "bob", "carol"]);
    let at = folder.path();
    let (mut bob, mut keys, address) = bob(at, &[]);
    let [(mut alice, mut alices), (mut carol, _carols)] = ["alice", "carol"].map(|name| {
        let (mut peer, keys) = start_at_terminal(at, &connect(name, &address, &[]));
        peer.line("open: bob");
        (peer, keys)
    });
    bob.line("open: ");
    bob.line("open: ");
    keys.ends();
    bob.line(
        "the input has ended: no more lines are sent; messages are still shown; Ctrl-C ends the program",
    );
    alice.line("the peer will send no more, and may have ended; end your input (Ctrl-D) to close");
    carol.line("the peer will send no more");
    alices.types("still heard");
    bob.line("alice: still heard");
    alices.ends();
    alice.wait().expect(0);
    let help = run(at, &["listen", "--help"]).expect(0).stdout;
    assert!(help.contains("Ctrl-D ends the input for good"), "{help}");
}

#[test]
fn the_end_of_the_input_applies_to_later_peers() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for more in [&[][..], &["--once"]] {
        let (mut bob, mut keys, address) = bob(at, more);
        keys.ends();
        bob.line("the input has ended");
        let (mut alice, mut alices) = start_at_terminal(at, &connect("alice", &address, &[]));
        alice.line("the peer will send no more");
        alices.types("hello");
        bob.line("hello");
    }
}

#[test]
fn after_a_peers_end_a_listener_is_told_the_effect_of_ending_its_input() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    for (more, advice) in
        [(&[][..], "(Ctrl-D) would close our side to every peer"), (&["--once"], "end your input (Ctrl-D)")]
    {
        let (mut bob, _keys, address) = bob(at, more);
        let _alice = start_typing(at, &connect("alice", &address, &["--deadline", "1h"]), "hello\n");
        let line = bob.line("the peer will send no more");
        assert!(line.contains(advice), "{line}");
    }
}
