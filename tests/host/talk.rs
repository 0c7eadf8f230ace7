//! Conversations with the built program: the receivers of lines, several peers and slow peers.

use std::fs;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use minipki_tests::peers::{identity, keep};
use minipki_tests::program::{Running, Terminal, run, start, start_at_terminal, start_typing};
use tempfile::TempDir;

/// A folder with identities of one CA with these names.
pub(crate) fn people(names: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("a folder for the test");
    for name in names {
        keep(&folder.path().join(name), &identity(name));
    }
    folder
}

/// The arguments of bob, the listener.
pub(crate) fn listen<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["listen", "--identity", "bob", "--listen", "127.0.0.1:0"], more].concat()
}

/// The arguments of a connecting peer.
pub(crate) fn connect<'a>(name: &'a str, address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["connect", "--identity", name, "--peer", address], more].concat()
}

/// Options for a deadline longer than any test.
const LONG_DEADLINE: [&str; 2] = ["--deadline", "1h"];

/// Starts bob at a terminal. Returns bob, his keyboard and his address.
pub(crate) fn bob(at: &Path, more: &[&str]) -> (Running, Terminal, String) {
    let (mut bob, keys) = start_at_terminal(at, &listen(more));
    let address = bob.address("listening");
    (bob, keys, address)
}

#[test]
fn a_line_goes_only_to_its_receiver() {
    let folder = people(&["alice", "bob", "dave"]);
    let at = folder.path();
    let (mut bob, mut keys, address) = bob(at, &[]);
    keys.types("to nobody");
    bob.line("nobody is connected");
    // alice sends one message and ends.
    let mut alice = start(at, &connect("alice", &address, &["--send", "hello", "--expect", "hello too"]));
    bob.line("alice: hello");
    keys.types("hello too");
    alice.line("hello too");
    alice.wait().expect(0);
    bob.line("the peer will send no more");
    // alice has closed her direction in order. bob finds out that she has gone.
    keys.types("are you there");
    bob.line("the peer has gone");
    let mut dave = start_typing(at, &connect("dave", &address, &LONG_DEADLINE), "it is dave\n");
    bob.line("dave: it is dave");
    keys.types("the answer for alice");
    bob.line("the lines before it were for alice");
    keys.types("@alice the answer for alice");
    bob.line("nobody named \"alice\" is connected");
    keys.types("@dave hello dave");
    dave.line("hello dave");
    keys.types("and on");
    dave.line("and on");
    bob.stop().expect(0);
    assert_eq!(dave.wait().expect(0).stdout, "hello dave\nand on\n");
}

#[test]
fn conversations_run_side_by_side_and_a_frozen_peer_delays_nobody() {
    let folder = people(&["alice", "bob", "carol"]);
    let at = folder.path();
    let (mut bob, mut keys, address) = bob(at, &[]);
    let mut alice = start_typing(at, &connect("alice", &address, &LONG_DEADLINE), "one\n");
    bob.line("alice: one");
    alice.signal("STOP");
    let mut carol = start_typing(at, &connect("carol", &address, &LONG_DEADLINE), "two\n");
    bob.line("carol: two");
    keys.types("for whom");
    bob.line("begin it with one of @alice, @carol");
    keys.types("@carol hello carol");
    carol.line("hello carol");
    keys.types("@alice hello alice");
    alice.signal("CONT");
    alice.line("hello alice");
    bob.stop().expect(0);
}

#[test]
fn piped_input_is_for_the_first_peer() {
    let folder = people(&["alice", "bob", "carol"]);
    let at = folder.path();
    let mut bob = start_typing(at, &listen(&[]), "for the first\n");
    let address = bob.address("listening");
    assert_eq!(run(at, &connect("alice", &address, &[])).expect(0).stdout, "for the first\n");
    assert_eq!(run(at, &connect("carol", &address, &["--send", "hello"])).expect(0).stdout, "");
    bob.line("carol: hello");
    bob.stop().expect(0);
}

#[test]
fn the_number_of_conversations_with_one_peer_is_limited() {
    let folder = people(&["alice", "bob", "carol"]);
    let at = folder.path();
    let (mut bob, _keys, address) = bob(at, &[]);
    let _four: Vec<_> = (0..4)
        .map(|_| {
            let (mut alice, keys) = start_at_terminal(at, &connect("alice", &address, &[]));
            alice.line("open:");
            bob.line("open:");
            (alice, keys)
        })
        .collect();
    let fifth = run(at, &connect("alice", &address, &["--send", "hello"])).expect(3);
    assert!(fifth.stderr.contains("busy"), "{fifth:?}");
    bob.line("busy: refused one more channel with alice");
    run(at, &connect("carol", &address, &["--send", "hello"])).expect(0);
    bob.line("carol: hello");
}

#[test]
fn only_an_open_channel_counts_for_the_option_once() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let mut bob = start(at, &listen(&["--once"]));
    let address = bob.address("listening");
    drop(TcpStream::connect(&address).expect("the server listens"));
    bob.line("error: 127.0.0.1:");
    let mut stranger = TcpStream::connect(&address).expect("the server listens");
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the server reads");
    bob.line("error: 127.0.0.1:");
    // This peer expects another name.
    run(at, &connect("alice", &address, &["--peer-subject", "carol"])).expect(4);
    bob.line("certificate_refused");
    run(at, &connect("alice", &address, &["--send", "hello"])).expect(0);
    assert_eq!(bob.wait().expect(0).stdout, "hello\n");
}

#[test]
fn an_identity_does_not_talk_to_itself_unless_both_sides_allow_it() {
    let folder = people(&["bob"]);
    let at = folder.path();
    let connect_to_self = |address: &str, more: &[&str], code| {
        run(at, &connect("bob", address, &[&["--send", "hello"], more].concat())).expect(code).stderr
    };
    let mut strict = start(at, &listen(&[]));
    let address = strict.address("listening");
    assert!(connect_to_self(&address, &[], 4).contains("our own key"));
    strict.line("our own key");
    assert!(connect_to_self(&address, &["--allow-self"], 3).contains("certificate_refused"));
    strict.line("our own key");
    assert_eq!(strict.stop().expect(0).stdout, "");

    let mut open = start(at, &listen(&["--allow-self"]));
    let address = open.address("listening");
    assert!(connect_to_self(&address, &[], 4).contains("our own key"));
    connect_to_self(&address, &["--allow-self"], 0);
    open.line("bob: hello");
}

#[test]
fn a_line_that_is_typed_before_the_peers_name_is_shown_is_not_sent() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let mut bob = start(at, &listen(&[]));
    let far = bob.address("listening");
    // The test forwards connections to this port later.
    let gate = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = gate.local_addr().expect("the socket is bound").to_string();
    let (mut alice, mut keys) = start_at_terminal(at, &connect("alice", &address, &[]));
    keys.types("too early");
    alice.line("the channel was not open yet");
    let near = gate.accept().expect("alice connects").0;
    let far = TcpStream::connect(far).expect("bob listens");
    for (mut from, mut to) in
        [(near.try_clone().expect("a socket"), far.try_clone().expect("a socket")), (far, near)]
    {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    alice.line("--peer-subject bob");
    alice.line("open: bob");
    keys.types("in time");
    assert_eq!(bob.line("alice: "), "alice: in time\n");
}

#[test]
fn strangers_do_not_fill_the_screen() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let mut bob = start(at, &listen(&[]));
    let address = bob.address("listening");
    for _ in 0..40 {
        drop(TcpStream::connect(&address).expect("the server listens"));
    }
    run(at, &connect("alice", &address, &["--send", "hello"])).expect(0);
    bob.line("alice: hello");
    let lines = bob.stop().expect(0).stderr.matches("error: ").count();
    // All connections come within seconds. A very slow machine may have a second interval with ten lines.
    assert!((1..=20).contains(&lines), "{lines} lines");
}

/// The timers of the TCP connections to `port`. 2 is keep-alive (proc(5), `/proc/net/tcp`).
fn timers(port: &str) -> Vec<u8> {
    let port = format!(":{:04X}", port.parse::<u16>().expect("a port"));
    let table = fs::read_to_string("/proc/net/tcp").expect("a file of Linux");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .filter(|row| row.len() > 5 && row[3] == "01" && (row[1].ends_with(&port) || row[2].ends_with(&port)))
        .map(|row| u8::from_str_radix(&row[5][..2], 16).expect("a number"))
        .collect()
}

#[test]
fn both_sides_of_an_open_channel_are_probed_by_tcp() {
    let folder = people(&["alice", "bob"]);
    let at = folder.path();
    let (mut bob, _keys, address) = bob(at, &[]);
    let (mut alice, _alices) = start_at_terminal(at, &connect("alice", &address, &[]));
    alice.line("open:");
    bob.line("open:");
    let port = address.split(':').next_back().expect("a port");
    let until = Instant::now() + Duration::from_secs(60);
    while timers(port) != [2, 2] {
        assert!(Instant::now() < until, "no keep-alive: {:?}", timers(port));
        thread::sleep(Duration::from_millis(50));
    }
}
